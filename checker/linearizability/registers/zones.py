"""The engine for registers with distinct values: columns in, a finding for every key out.

It prepares columns for `registers.chains`, which holds the algorithm, and runs that
as plain Python or compiled, whichever is faster for a history of that length.
"""

from collections.abc import Callable, Set
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from checker.columns import FAIL, NEVER, NOTHING, OK, Columns
from checker.linearizability.machine_code import machine_code
from checker.linearizability.registers import chains
from checker.linearizability.registers.chains import LATE, NONE

Ints32: TypeAlias = NDArray[np.int32]

COMPILED_FROM = 150_000
"""Operations from which loading the compiled functions, a second, is less than running without."""

LOADED_FROM = 200
"""Operations from which they are quicker once they have been loaded."""

READ, WRITE, CAS, OTHER = range(4)
_KINDS = {"read": READ, "write": WRITE, "cas": CAS}


@dataclass(frozen=True, eq=False)
class Prepared:
    """A history of registers as `chains` wants it. Rows are nodes; initial values stand behind.

    `seen` and `wrote` are slots, one for each pair of a key and a value; `call` and `ret` dense
    positions from 1 without ties.
    """

    key: Ints32
    seen: Ints32
    wrote: Ints32
    call: Ints32
    ret: Ints32
    initial: Ints32
    slots: int
    positions: int


@dataclass(frozen=True, eq=False)
class Findings:
    """What `chains` found, by key, and the links it followed, by node."""

    finding: Ints32
    one: Ints32
    other: Ints32
    prepared: Prepared
    writer: Ints32
    needed: NDArray[np.int8]
    first: Ints32
    last: Ints32


def supported(columns: Columns, others: Set[str] = frozenset()) -> bool:
    """Whether every operation is a read, a write, a compare-and-set of a pair, or one of `others`.

    The last are left to the caller.
    """
    names = list(columns.functions)
    if not {*names} <= {*_KINDS, *others}:
        return False
    pairs = (_kinds(columns) == CAS)[columns.function]
    return not bool(np.any(pairs & (columns.expected == NOTHING)))


def _kinds(columns: Columns) -> NDArray[np.int8]:
    names = (columns.functions[number] for number in range(len(columns.functions)))
    return np.array([_KINDS.get(name, OTHER) for name in names], np.int8)


def findings(columns: Columns, initial: Any = None) -> Findings:
    """Judge every key of a history that is `supported`; `initial` is the value before any write."""
    ready = prepare(columns, initial)
    keys = len(columns.keys)
    return hopeless(keys, ready) if repeats(ready, keys) else judge(ready, keys)


def prepare(columns: Columns, initial: Any = None) -> Prepared:
    """Tell what each operation saw and wrote, and where it began and ended."""
    if len(columns) >= 2**29:
        raise ValueError("more than 500 million operations: split the history by key first")
    kind = _kinds(columns)[columns.function]
    happened = columns.outcome != FAIL
    ok = columns.outcome == OK
    cas = kind == CAS
    hit = cas & happened & ((columns.result == columns.expected) | ~ok)
    observes = (ok & (kind != WRITE)) | hit
    updates = hit | (happened & (kind == WRITE))
    seen = np.where(hit, columns.expected, columns.result)
    start = columns.values.number(initial)
    seen, wrote, begin, slots = _slots(columns, seen, columns.argument, start)
    seen = np.where(observes, seen, np.int32(NONE))
    wrote = np.where(updates, wrote, np.int32(NONE))
    call, ret, upto = positions(columns)
    return Prepared(columns.key.astype(np.int32), seen, wrote, call, ret, begin, slots, upto)


def _slots(
    columns: Columns, seen: Any, wrote: Any, start: int
) -> tuple[Ints32, Ints32, Ints32, int]:
    """Number the pairs of a key and a value: what was seen, was written, and stood there first."""
    values = len(columns.values)
    keys = len(columns.keys)
    begin = np.arange(keys) * values + start
    seen = columns.key * values + seen
    wrote = columns.key * values + wrote
    if keys * values > 4 * len(columns) + 1000:
        # Values that are distinct over all keys would leave almost every slot empty.
        distinct, dense = np.unique(np.concatenate([seen, wrote, begin]), return_inverse=True)
        narrow = dense.astype(np.int32)
        count = len(seen)
        return narrow[:count], narrow[count : 2 * count], narrow[2 * count :], len(distinct)
    a, b, c = (column.astype(np.int32) for column in (seen, wrote, begin))
    return a, b, c, keys * values


def positions(columns: Columns) -> tuple[Ints32, Ints32, int]:
    """Invocations and completions as dense positions from 1; where two tie, they overlap."""
    late = columns.completed == NEVER
    if len(columns) == 0:
        return np.empty(0, np.int32), np.empty(0, np.int32), 1
    low = int(columns.invoked.min())
    high = max(int(columns.invoked.max()), int(columns.completed.max(initial=low, where=~late)))
    if high - low <= 8 * len(columns) + 1000:
        taken = np.zeros(high - low + 1, np.bool_)
        taken[columns.invoked - low] = True
        taken[(columns.completed - low)[~late]] = True
        if np.count_nonzero(taken) == 2 * len(columns) - np.count_nonzero(late):
            call = (columns.invoked - (low - 1)).astype(np.int32)
            ret = np.where(late, LATE, columns.completed - (low - 1)).astype(np.int32)
            return call, ret, high - low + 2
    # An invocation sorts before a completion at the same position, so that the two overlap.
    count = len(columns)
    both = np.concatenate([columns.invoked, columns.completed])
    order = np.lexsort((np.arange(2 * count) >= count, both))
    rank = np.empty(2 * count, np.int32)
    rank[order] = np.arange(1, 2 * count + 1)
    return rank[:count], np.where(late, LATE, rank[count:]).astype(np.int32), 2 * count + 1


def repeats(ready: Prepared, keys: int) -> bool:
    """Whether in every key a value was seen that had been written twice, and nothing out of thin
    air: then all of them are ambiguous, and none is worth linking."""
    writes = ready.wrote != NONE
    if np.count_nonzero(writes) <= ready.slots:
        return False  # There may well be a slot for each value: it is quicker to link them.
    copies = np.bincount(ready.wrote[writes], minlength=ready.slots)
    copies[ready.initial] += 1
    told = (ready.seen != NONE) & (ready.ret != LATE)
    # Behind them all a slot for those that were told nothing.
    seen = np.append(copies, 1)[np.where(told, ready.seen, ready.slots)]
    ambiguous = np.zeros(keys, np.bool_)
    ambiguous[ready.key[seen > 1]] = True
    return bool(ambiguous.all() and seen.all())


def hopeless(keys: int, ready: Prepared) -> Findings:
    """That every key is ambiguous."""
    nodes = len(ready.seen) + keys
    none = np.full(keys, NONE, np.int32)
    nowhere = np.zeros(nodes, np.int32)
    return Findings(
        finding=np.full(keys, chains.AMBIGUOUS, np.int32),
        one=none,
        other=none,
        prepared=ready,
        writer=np.full(ready.slots, NONE, np.int32),
        needed=np.zeros(nodes, np.int8),
        first=nowhere,
        last=nowhere,
    )


def judge(ready: Prepared, keys: int) -> Findings:
    """Run the algorithm on a prepared history of `keys` keys."""
    count = len(ready.seen)
    nodes = count + keys
    loaded = bool(_compiled.cache_info().currsize)
    if count >= (min(LOADED_FROM, COMPILED_FROM) if loaded else COMPILED_FROM):
        link, walk, sweep = _compiled()
        new: Callable[[int, int, Any], Any] = _filled
    else:
        link, walk, sweep = chains.link, chains.walk, chains.sweep
        new = _listed

    def given(column: Any) -> Any:
        return column if new is _filled else column.tolist()

    starts = np.arange(keys, dtype=np.int32)
    key = given(np.concatenate([ready.key, starts]))
    zero = np.zeros(keys, np.int32)
    call = given(np.concatenate([ready.call, zero]))
    ret = given(np.concatenate([ready.ret, zero]))
    seen, wrote = given(ready.seen), given(ready.wrote)
    start = np.full(ready.slots, NONE, np.int32)
    start[ready.initial] = starts + count
    writer = given(start)
    copies = given((start != NONE).astype(np.int8))
    needed = new(nodes, 0, np.int8)
    needed[count:] = given(np.ones(keys, np.int8))
    following = new(nodes, NONE, np.int32)
    early = new(nodes, LATE, np.int32)
    late = new(nodes, 0, np.int32)
    finding = new(keys, chains.CLEAN, np.int32)
    one = new(keys, NONE, np.int32)
    other = new(keys, NONE, np.int32)
    link(
        key, seen, wrote, call, ret,
        writer, copies, needed, following, early, late, finding, one, other,
    )  # fmt: skip
    first = new(nodes, 0, np.int32)
    last = new(nodes, 0, np.int32)
    zones = new(ready.positions, NONE, np.int32)
    walk(
        key, seen, call, ret, needed, following, early, late,
        first, last, zones, finding, one, other,
    )  # fmt: skip
    sweep(key, zones, first, last, given(starts + count), finding, one, other)
    return Findings(
        finding=np.asarray(finding, np.int32),
        one=np.asarray(one, np.int32),
        other=np.asarray(other, np.int32),
        prepared=ready,
        writer=np.asarray(writer, np.int32),
        needed=np.asarray(needed, np.int8),
        first=np.asarray(first, np.int32),
        last=np.asarray(last, np.int32),
    )


def _filled(count: int, filling: int, kind: Any) -> Any:
    # Memory full of zeros costs nothing until it is used.
    return np.full(count, filling, kind) if filling else np.zeros(count, kind)


def _listed(count: int, filling: int, _kind: Any) -> list[int]:
    return [filling] * count


@cache
def _compiled() -> tuple[Any, ...]:
    return tuple(machine_code(function) for function in (chains.link, chains.walk, chains.sweep))
