"""Verifies witnesses of many registers at once, as `checker.certificates` does of one object.

Whole columns are compared: what stands where in the order, the latest invocation so far with each
end, and the value that the last update left with what was seen.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from checker.certificates import uncertified
from checker.columns import FAIL, INFO, OK, Columns, Ints
from checker.errors import InternalError

FUNCTIONS = {"write": 1, "read": 2, "cas": 3, "cas-mismatch": 4}
"""Those of registers."""

MOST = 2**62
"""No number is greater, so that sums of two do not overflow."""


def verify_registers(columns: Columns, keys: Sequence[int], order: Ints, initial: Any) -> None:
    """Verify that these keys have this order of rows, key after key; else `InternalError`.

    Only `FUNCTIONS` may stand there.
    """
    chosen = np.zeros(len(columns.keys), np.bool_)
    chosen[list(keys)] = True
    count = np.bincount(order, minlength=len(columns))
    missing = (count == 0) & (columns.outcome == OK) & chosen[columns.key]
    bad = [np.flatnonzero(missing | (count > (columns.outcome != FAIL)))]
    key = columns.key[order]
    fresh = np.append(True, key[1:] != key[:-1])[: len(key)]
    block = np.cumsum(fresh)
    if len(key) and block[-1] != np.count_nonzero(np.bincount(key)):
        raise InternalError("the witness mixes the operations of several keys")
    begin, end, low = columns.invoked[order], columns.completed[order], columns.invoked.min()
    if (int(columns.invoked.max()) - int(low) + 2) * (len(keys) + 2) > MOST:
        # Which invocation it is, or which came last before an end, serves as well as the moment.
        moments, low = np.sort(columns.invoked), 0
        begin, end = moments.searchsorted(begin), moments.searchsorted(end, "right") - 1
    high = begin.max(initial=low) + 1
    block *= high - low + 1
    bad.append(order[np.minimum(end, high) + block < np.maximum.accumulate(begin + block)])
    names = [columns.functions[number] for number in range(len(columns.functions))]
    kinds = np.array([FUNCTIONS.get(name, 0) for name in names])[columns.function[order]]
    write, read, cas = (kinds == number for number in (1, 2, 3))
    argument, result = columns.argument[order], columns.result[order]
    # What was never answered stands in a witness since its value was seen, so it took effect.
    crashed, expected = columns.outcome[order] == INFO, columns.expected[order]
    updates = write | (cas & (crashed | (result == expected)))
    place = np.arange(len(order))
    before = np.append(-1, np.maximum.accumulate(np.where(updates, place, -1))[:-1])[: len(order)]
    first = before < np.maximum.accumulate(np.where(fresh, place, 0))
    held = np.where(first, columns.values.find(initial), argument[before])
    differs = held != np.where(crashed, expected, result)
    wrong = ((cas | (read & ~crashed)) & differs) | (kinds == 0)
    wrong |= (kinds == 4) & ~crashed & (held == argument)
    bad.append(order[wrong])
    for row in np.concatenate(bad)[:1].tolist():
        raise uncertified("does not stand in the witness as it must", columns.operation(row))
