"""Histories of registers whose values repeat, for the benchmark of the search.

Every client is busy all the time: each of its operations begins right after its last one ended, at
a random moment between the moments at which the two take effect. A third each are reads, writes
and compare-and-sets; what these expect and write is drawn from five values.
"""

from typing import Any

import numpy as np

from checker.columns import INFO, NEVER, NOTHING, OK, Columns, Table
from checker.history import History

VALUES = 5
READ, WRITE, CAS = range(3)


def repeated(count: int, keys: int, clients: int, crashed: int = 0) -> History:
    """A linearizable history; so many writes of its first tenth were never answered."""
    random = np.random.default_rng(1)
    effect = np.sort(random.random(count)) * count
    kind = random.integers(0, 3, count)
    key = random.integers(0, keys, count)
    argument = random.integers(1, VALUES + 1, count)
    expected = random.integers(1, VALUES + 1, count)
    found = _found(key, kind, argument, expected)
    begin, end = _busy(random, effect, clients)
    lost = np.zeros(count, bool)
    writes = np.flatnonzero((kind == WRITE) & (np.arange(count) < count // 10))
    lost[random.choice(writes, crashed, replace=False)] = True
    position = np.empty(2 * count, np.int64)
    position[np.argsort(np.concatenate([begin, end]))] = np.arange(2, 2 * count + 2)
    order = np.argsort(begin)
    invoked, completed = position[:count][order], position[count:][order]
    kind, key, found, lost = kind[order], key[order], found[order], lost[order]
    values, names, functions = Table(), Table(), Table()
    values.numbers([None, *range(1, VALUES + 1)])
    names.numbers([f"key-{number}" for number in range(keys)])
    functions.numbers(["read", "write", "cas"])
    none = np.broadcast_to(np.int64(NOTHING), count)
    columns = Columns(
        process=np.arange(count) % clients,
        function=kind,
        key=key,
        expected=np.where(kind == CAS, expected[order], NOTHING),
        argument=np.where(kind == READ, 0, argument[order]),
        result=np.where(kind == WRITE, 0, found),
        outcome=np.where(lost, INFO, OK),
        invoked=invoked,
        completed=np.where(lost, NEVER, completed),
        invoked_ns=invoked,
        completed_ns=completed,
        node=none, error=none, version=none,
        keys=names, functions=functions, values=values, words=Table(),
    )  # fmt: skip
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


def _busy(random: Any, effect: Any, clients: int) -> tuple[Any, Any]:
    """Where operations begin and end; those of one client do not overlap and leave no gap."""
    count = len(effect)
    client = random.integers(0, clients, count)
    order = np.lexsort((effect, client))
    mine = effect[order]
    share = random.random(count)
    starts = np.append(True, client[order][1:] != client[order][:-1])
    before = np.where(starts, mine - clients, np.append(0, mine[:-1]))
    begin = before + (mine - before) * share
    after = np.append(begin[1:], 0)
    after = np.where(np.append(starts[1:], True), mine + share * clients, after)
    moment = 1e-7
    begins, ends = np.empty(count), np.empty(count)
    begins[order], ends[order] = begin + moment, after - moment
    return begins, ends
