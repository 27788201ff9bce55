"""Reads of a register that need not be searched, since another operation implies them.

If a read of a value lasted throughout another operation that saw or left the same value, it can
take its place right beside that one, in whatever order the others have. So it says nothing that the
other does not say. Where many operations overlap, most reads go, and with them most of the search.
"""

from typing import Any

import numpy as np

from checker.linearizability.search.window import CAS, READ, WRITE


def implied(
    key: Any, kind: Any, first: Any, second: Any, invoked: Any, completed: Any, crashed: Any
) -> Any:
    """Which operations are such reads. One row an operation, as in `problem.Problem`.

    Of several that imply each other, one stays.
    """
    done = ~crashed
    reads = np.flatnonzero(done & (kind == READ))
    writes = np.flatnonzero(done & (kind == WRITE))
    swaps = np.flatnonzero(done & (kind == CAS))
    rows = np.concatenate([reads, writes, swaps, swaps])
    value = np.concatenate([first[reads], second[writes], first[swaps], second[swaps]])
    group = key[rows] * (int(value.max(initial=0)) + 1) + value
    order = np.lexsort((rows, invoked[rows], group))
    rows, group = rows[order], group[order]
    number = np.cumsum(np.append(0, group[1:] != group[:-1])) if len(rows) else group
    end = completed[rows] - int(completed[rows].min(initial=0))
    # The group stands before the end, so that of what follows the least end is of the same group.
    code = number * (int(end.max(initial=0)) + 1) + end
    least = np.minimum.accumulate(code[::-1])[::-1]
    found = np.zeros(len(key), bool)
    # A compare-and-set may stand twice in a row in its group, but only reads are asked about.
    found[rows[:-1][least[1:] <= code[:-1]]] = True
    return found & (kind == READ)
