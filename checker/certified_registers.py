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

NONE, WRITE, READ, CAS, MISMATCH = range(5)
FUNCTIONS = {"write": WRITE, "read": READ, "cas": CAS, "cas-mismatch": MISMATCH}
"""Those of registers."""

MOST = 2**62
"""No number is greater, so that sums of two do not overflow."""


def verify_registers(columns: Columns, keys: Sequence[int], order: Ints, initial: Any) -> None:
    """Verify that these keys have this order of rows, key after key; else `InternalError`.

    Only `FUNCTIONS` may stand there.
    """
    count = len(order)
    stands, chosen = np.zeros(len(columns), np.bool_), np.zeros(len(columns.keys), np.bool_)
    stands[order], chosen[list(keys)] = True, True
    missing = (columns.outcome == OK) & chosen[columns.key] & ~stands
    outcome, key = columns.outcome.take(order), columns.key.take(order)
    fresh = np.append(True, key[1:] != key[:-1])[:count]
    starts = np.flatnonzero(fresh)
    if np.count_nonzero(stands) < count or len(np.unique(key[starts])) < len(starts):
        raise InternalError("the witness names an operation twice, or mixes those of several keys")
    begin, end = columns.invoked.take(order), columns.completed.take(order)
    low, high = int(begin.min(initial=MOST)), int(begin.max(initial=-MOST)) + 1
    if (high - low + 1) * (len(starts) + 1) + abs(low) > MOST:
        # Which invocation it is, or which came last before an end, serves as well as the moment.
        moments, low, high = np.sort(begin), 0, count
        begin, end = moments.searchsorted(begin), moments.searchsorted(end, "right") - 1
    # The moments of each key come behind all those of the keys before it.
    behind = np.repeat(np.arange(len(starts)) * (high - low + 1), np.diff(starts, append=count))
    wrong = np.minimum(end, high) + behind < np.maximum.accumulate(begin + behind)
    names = [columns.functions[number] for number in range(len(columns.functions))]
    kinds = np.array([FUNCTIONS.get(name, 0) for name in names], np.int8)
    kind = kinds[columns.function.take(order)]
    seen, crashed = columns.result.take(order), outcome == INFO
    # What was never answered stands in a witness since its value was seen, so it took effect.
    swaps = np.flatnonzero(kind == CAS)
    expected = columns.expected[order[swaps]]
    seen[swaps] = np.where(crashed[swaps], expected, seen[swaps])
    updates = kind == WRITE
    updates[swaps] = seen[swaps] == expected
    # Behind each update its value stands, up to the next one or another key.
    changes = fresh.copy()
    changes[1:] |= updates[:-1]
    since = np.flatnonzero(changes)
    values = columns.argument[order[since - 1]]
    values[fresh[since]] = columns.values.find(initial)
    held = np.repeat(values, np.diff(since, append=count))
    wrong |= ((kind == CAS) | ((kind == READ) & ~crashed)) & (held != seen)
    others = np.flatnonzero((kind == MISMATCH) & ~crashed)
    wrong[others] |= held[others] == columns.argument[order[others]]
    wrong |= (kind == NONE) | (outcome == FAIL)
    for row in np.append(np.flatnonzero(missing), order[wrong])[:1].tolist():
        raise uncertified("does not stand in the witness as it must", columns.operation(row))
