"""Histories of registers whose values repeat, for the benchmark of the search.

Every client is busy all the time: each of its operations begins right after its last one ended, at
a random moment between the moments at which the two take effect. A third each are reads, writes
and compare-and-sets; what these expect and write is drawn from five values.
"""

from typing import Any

import numpy as np

from benchmarks.checker_columns import CAS, WRITE, Drawn, columns_of, in_order
from checker.history import History

VALUES = 5


def repeated(count: int, keys: int, clients: int, crashed: int = 0) -> History:
    """A linearizable history; `crashed` writes of its first tenth were never answered."""
    random = np.random.default_rng(1)
    effect = np.sort(random.random(count)) * count
    kind = random.integers(0, 3, count)
    key = random.integers(0, keys, count)
    argument = random.integers(1, VALUES + 1, count)
    expected = random.integers(1, VALUES + 1, count)
    found = _found(key, kind, argument, expected)
    begin, end = busy(random, effect, random.integers(0, clients, count), clients)
    lost = np.zeros(count, bool)
    writes = np.flatnonzero((kind == WRITE) & (np.arange(count) < count // 10))
    lost[random.choice(writes, crashed, replace=False)] = True
    order, invoked, completed = in_order(begin, end)
    every = (kind, key, expected, argument, found, lost)
    drawn = Drawn(*(column[order] for column in every))
    columns = columns_of(drawn, invoked, completed, clients=clients, keys=keys, values=VALUES)
    return History(columns=columns)


def _found(key: Any, kind: Any, argument: Any, expected: Any) -> Any:
    """What stands in the register before each operation; 0 is null."""
    standing = [0] * (int(key.max()) + 1)
    found = []
    columns = (column.tolist() for column in (key, kind, argument, expected))
    for name, what, new, old in zip(*columns, strict=True):
        before = standing[name]
        found.append(before)
        if what == WRITE or (what == CAS and before == old):
            standing[name] = new
    return np.array(found)


def busy(random: Any, effect: Any, client: Any, reach: float) -> tuple[Any, Any]:
    """Where operations begin and end; those of one client do not overlap and leave no gap.

    `reach` is how long before its first operation, and after its last, a client may be busy.
    """
    count = len(effect)
    order = np.lexsort((effect, client))
    mine = effect[order]
    share = random.random(count)
    starts = np.append(True, client[order][1:] != client[order][:-1])
    before = np.where(starts, mine - reach, np.append(0, mine[:-1]))
    begin = before + (mine - before) * share
    after = np.append(begin[1:], 0)
    after = np.where(np.append(starts[1:], True), mine + share * reach, after)
    moment = 1e-7
    begins, ends = np.empty(count), np.empty(count)
    begins[order], ends[order] = begin + moment, after - moment
    return begins, ends
