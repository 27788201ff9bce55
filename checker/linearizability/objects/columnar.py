"""The rules of queues, lists, sets, ids and counters on columns, for millions of operations.

The conditions are those of `queue.py`, `ordered.py`, `elements.py` and `bounds.py`, which say why
they hold, and which explain what is found here. Every function takes all keys at once and gives a
finding for each.
"""

from collections.abc import Hashable, Iterable

import numpy as np

from checker.columns import INFO, NOTHING, OK, Columns, Ints
from checker.linearizability.objects.codes import (
    AMBIGUOUS,
    CLEAN,
    LOW,
    WRONG,
    Mask,
    PartFindings,
    Rows,
    by_key,
    code,
    highest,
    highest_before,
    lowest,
    lowest_after,
    out_of_order,
)
from checker.linearizability.objects.emptiness_columns import Values, never_empty
from checker.linearizability.objects.lock_loop import find_lock as find_lock
from checker.linearizability.registers.chains import LATE

LARGEST_AMOUNT = 2**40
"""Counters with greater amounts are not summed here: a million of them might not fit."""


def find_unique_ids(columns: Columns) -> PartFindings:
    """No two completed operations of a key may have returned the same id."""
    found = by_key(columns)
    rows = Rows.of(columns).of_function("generate", OK)
    twice = _repeated(code(columns.key[rows], columns.result[rows]))
    found.mark(columns.key[rows][twice], WRONG)
    return found


def find_queue(columns: Columns, ordered: bool = True) -> PartFindings:
    """Queues, first in, first out, or in any order; see `queue.py`."""
    found = by_key(columns)
    rows = Rows.of(columns)
    key = columns.key
    nothing = columns.values.find(None)
    null = columns.result == nothing
    enqueues = rows.numbers("enqueue")
    answered = rows.of_function("dequeue", OK)
    takes, empty = np.flatnonzero(answered & ~null), np.flatnonzero(answered & null)
    crashed = rows.numbers("dequeue", INFO)
    # With a dequeue that found it empty and one that crashed, its order leaves some in doubt.
    unclear = np.intersect1d(key[crashed], key[empty]) if ordered else np.empty(0, np.int64)
    slots, slot = np.unique(
        np.concatenate(
            [
                code(key[enqueues], columns.argument[enqueues]),
                code(key[takes], columns.result[takes]),
            ]
        ),
        return_inverse=True,
    )
    put, got = slot[: len(enqueues)], slot[len(enqueues) :]
    puts, gots = (np.bincount(some, minlength=len(slots)) for some in (put, got))
    owner = slots >> 32
    begun, entered, taken, left = (np.full(len(slots), LATE, np.int64) for _ in range(4))
    begun[put], entered[put] = rows.call[enqueues], rows.ret[enqueues]
    taken[got], left[got] = rows.call[takes], rows.ret[takes]
    found.mark(owner[(gots > 0) & ((puts == 0) | (gots > 1) | (left < begun))], WRONG)
    kept = np.flatnonzero((puts > 0) & ((gots > 0) | (entered != LATE)))
    owner, begun, left, gone = owner[kept], begun[kept], left[kept], gots[kept] > 0
    inside = np.minimum(entered[kept], left)
    leaves = np.where(gone, np.maximum(taken[kept], begun), LATE)
    if ordered:
        late = highest_before(owner[gone], inside[gone], leaves[gone], owner[gone], begun[gone])
        found.mark(owner[gone][left[gone] < late], WRONG)
        behind = _left_behind(rows, crashed, owner, begun, inside, left, gone)
        found.mark(np.setdiff1d(behind, unclear), WRONG)
    unanswered = np.sort(code(key[crashed], rows.call[crashed]))
    never, unsure = never_empty(
        Values(owner, inside, leaves, gone), unanswered, key[empty], rows.call[empty],
        rows.ret[empty],
    )  # fmt: skip
    found.mark(np.setdiff1d(key[empty][never], unclear), WRONG)
    found.mark(key[empty][unsure], AMBIGUOUS)
    found.mark(unclear, AMBIGUOUS)
    found.settle(slots[puts > 1] >> 32)
    # Null is also what an empty queue answers.
    found.settle(key[enqueues[columns.argument[enqueues] == nothing]])
    return found


def find_unordered_queue(columns: Columns) -> PartFindings:
    """Queues without an order."""
    return find_queue(columns, ordered=False)


def _left_behind(
    rows: Rows, crashed: Ints, owner: Ints, begun: Ints, inside: Ints, left: Ints, gone: Mask
) -> Ints:
    """The keys of values that were never dequeued, and must be gone by a deadline."""
    stays = ~gone
    deadline = lowest_after(owner[gone], begun[gone], left[gone], owner[stays], inside[stays])
    due = np.sort(code(owner[stays], deadline)[deadline != LATE])
    helpers = np.sort(code(rows.columns.key[crashed], rows.call[crashed]))
    # The i-th deadline of a key needs the i-th unanswered dequeue of that key in time.
    rank = np.arange(len(due)) - np.searchsorted(due, due >> 32 << 32)
    place = np.searchsorted(helpers, due >> 32 << 32) + rank
    helped = np.append(helpers, -1)[np.minimum(place, len(helpers))]
    late = (helped >> 32 != due >> 32) | (helped > due)
    return np.unique(due[late] >> 32)


def find_list(columns: Columns) -> PartFindings:
    """Append-only lists; see `ordered.py`."""
    found, rows = by_key(columns), Rows.of(columns)
    reads, appends = rows.numbers("read", OK), rows.numbers("append")
    contents, sizes = _contents(columns, reads)
    longest: dict[int, tuple[Hashable, ...]] = {}
    pairs = np.unique(code(columns.key[reads], columns.result[reads]))
    for pair in pairs.tolist():
        key, items = pair >> 32, contents[pair & LOW]
        if len(items) > len(longest.get(key, ())):
            longest[key] = items
    for pair in pairs.tolist():
        key, items = pair >> 32, contents[pair & LOW]
        if items != longest.get(key, ())[: len(items)]:
            found.mark(np.array([key]), WRONG)
    members = ((k, item, n) for k, several in longest.items() for n, item in enumerate(several))
    placed, place = _placed(columns, members)
    end = np.zeros(len(columns.keys), np.int64)
    end[list(longest)] = [len(items) for items in longest.values()]
    appended = code(columns.key[appends], columns.argument[appends])
    where = np.searchsorted(placed, appended)
    known = np.append(placed, -1)[where] == appended
    missing = np.setdiff1d(placed, appended)
    found.mark(missing >> 32, WRONG)
    rank = np.where(known, np.append(place, 0)[where], end[columns.key[appends]])
    counts = known | (columns.outcome[appends] == OK)
    chosen = np.concatenate([reads, appends[counts]])
    ranks = np.concatenate([2 * sizes, 2 * rank[counts] + 1])
    wrong = out_of_order(
        columns.key[chosen], ranks, rows.call[chosen], rows.ret[chosen], np.full(len(chosen), True)
    )
    found.mark(wrong, WRONG)
    found.settle(columns.key[appends][_repeated(appended)])
    found.settle(np.array([k for k, items in longest.items() if len(set(items)) < len(items)], int))
    return found


def _contents(columns: Columns, reads: Ints) -> tuple[dict[int, tuple[Hashable, ...]], Ints]:
    """The items of every list that was read, by its number, and the length of each read's list."""
    numbers, which = np.unique(columns.result[reads], return_inverse=True)
    contents = {n: columns.values.items(n) for n in numbers.tolist()}
    lengths = np.array([len(items) for items in contents.values()], np.int64)
    return contents, lengths[which] if len(reads) else np.empty(0, np.int64)


def _placed(columns: Columns, items: Iterable[tuple[int, Hashable, int]]) -> tuple[Ints, Ints]:
    """Codes of keys and the numbers of items in them, sorted, with what stands third for each."""
    find = columns.values.find_canonical
    codes, places = [], []
    for key, item, place in items:
        number = find(item)
        # An item that occurs nowhere else has no number: it gets one that no argument has.
        codes.append((key << 32) | (LOW if number == NOTHING else number))
        places.append(place)
    placed = np.array(codes, np.int64)
    order = np.argsort(placed, kind="stable")
    return placed[order], np.array(places, np.int64)[order]


def find_grow_only_set(columns: Columns) -> PartFindings:
    """Sets from which nothing is removed, read as a whole; see `ordered.py`."""
    found, rows = by_key(columns), Rows.of(columns)
    reads, adds = rows.numbers("read", OK), rows.numbers("add")
    contents, _ = _contents(columns, reads)
    sets = {number: frozenset(items) for number, items in contents.items()}
    twice = [number for number, items in contents.items() if len(items) > len(sets[number])]
    found.mark(columns.key[reads][np.isin(columns.result[reads], twice)], WRONG)
    pairs = np.unique(code(columns.key[reads], columns.result[reads])).tolist()
    pairs.sort(key=lambda pair: (pair >> 32, len(sets[pair & LOW])))
    news: list[tuple[int, Hashable, int]] = []
    before: tuple[int, frozenset[Hashable]] = (NOTHING, frozenset())
    for pair in pairs:
        key, here = pair >> 32, sets[pair & LOW]
        old = before[1] if key == before[0] else frozenset()
        if not old <= here:
            found.mark(np.array([key]), WRONG)
        # The order of these decides nothing: all of them get the same rank.
        news += [(key, item, 2 * len(here) - 1) for item in here - old]
        before = key, here
    placed, place = _placed(columns, news)
    added = code(columns.key[adds], columns.argument[adds])
    found.mark(np.setdiff1d(placed, added) >> 32, WRONG)
    where = np.searchsorted(placed, added)
    known = np.append(placed, -1)[where] == added
    rank = np.where(known, np.append(place, 0)[where], LATE)
    first = np.zeros(len(adds), np.bool_)
    first[np.unique(added, return_index=True)[1]] = True
    counts = known | (columns.outcome[adds] == OK)
    chosen = np.concatenate([reads, adds[counts]])
    sizes = np.array([len(sets[number]) for number in columns.result[reads].tolist()], np.int64)
    wrong = out_of_order(
        columns.key[chosen],
        np.concatenate([2 * sizes, rank[counts]]),
        rows.call[chosen],
        rows.ret[chosen],
        np.concatenate([np.full(len(reads), True), first[counts]]),
    )
    found.mark(wrong, WRONG)
    return found


def find_elements(columns: Columns) -> PartFindings:
    """Elements that are added, removed and looked for; every element of a key is a part."""
    slots, part = np.unique(code(columns.key, columns.argument), return_inverse=True)
    found = PartFindings(part, np.full(len(slots), CLEAN, np.int64))
    rows, count = Rows.of(columns), len(slots)
    adds, removes = rows.of_function("add"), rows.of_function("remove")
    reads = rows.of_function("contains", OK)
    results, which = np.unique(columns.result, return_inverse=True)
    held = np.array([bool(columns.values[number]) for number in results.tolist()], np.bool_)[which]
    seen, missed = reads & held, reads & ~held
    added, removed = (np.bincount(part[some], minlength=count) for some in (adds, removes))
    first = lowest(part[adds], rows.call[adds], count)
    sight = lowest(part[seen], rows.ret[seen], count)
    comes = np.minimum(sight, lowest(part[adds], rows.ret[adds], count))
    stays = highest(part[missed], rows.call[missed], count) <= comes
    begins = highest(part[removes], rows.call[removes], count)
    ends = highest(part[removes], rows.ret[removes], count)
    goes = np.maximum(begins, highest(part[seen], rows.call[seen], count))
    torn = missed & (rows.call > comes[part]) & (rows.ret < goes[part])
    fits = (goes <= ends) & (first <= ends)
    fits[part[torn]] = False
    idle = (removed == 0) | (ends == LATE) | (begins <= comes)
    explained = (idle & stays) | ((removed > 0) & fits)
    found.mark(np.flatnonzero((sight < first) | ((added > 0) & ~explained)), WRONG)
    found.settle(np.flatnonzero((added > 0) & (removed > 0) & (added + removed > 2)))
    return found


def find_counter(columns: Columns) -> PartFindings:
    """Counters: refuted by bounds, or else ambiguous."""
    found = by_key(columns)
    found.mark(np.arange(len(found.finding)), AMBIGUOUS)
    rows = Rows.of(columns)
    adds = rows.numbers("add")
    reads = rows.numbers("read", OK)
    amounts = [columns.values[number] for number in columns.argument[adds].tolist()]
    counts = [columns.values[number] or 0 for number in columns.result[reads].tolist()]
    if any(type(n) is not int or abs(n) > LARGEST_AMOUNT for n in (*amounts, *counts)):
        return found
    amount, key = np.array(amounts, np.int64), columns.key[adds]
    low = high = np.zeros(len(reads), np.int64)
    # An addition is certain if it ended before the read began; possible if it began by its end.
    for at, limit, sign in ((rows.ret, rows.call, 1), (rows.call, rows.ret, -1)):
        order = np.argsort(code(key, at[adds]))
        codes = code(key, at[adds])[order]
        upto = np.searchsorted(codes, code(columns.key[reads], limit[reads]))
        since = np.searchsorted(codes, columns.key[reads] << 32)
        up, down = (
            np.append(0, np.cumsum(some[order]))
            for some in (np.maximum(amount, 0), np.minimum(amount, 0))
        )
        rise, fall = up[upto] - up[since], down[upto] - down[since]
        low, high = (low + rise, high + fall) if sign > 0 else (low + fall, high + rise)
    count = np.array(counts, np.int64)
    found.mark(columns.key[reads][(count < low) | (count > high)], WRONG)
    return found


def find_lies(columns: Columns) -> list[int]:
    """The keys whose versions contradict each other or real time; see `versions.py`."""
    rows, functions = Rows.of(columns), columns.functions
    telling = np.flatnonzero((columns.version >= 0) & (columns.outcome == OK))
    key, function = columns.key[telling], columns.function[telling]
    cas = function == functions.find("cas")
    hit = cas & (columns.result[telling] == columns.expected[telling])
    updates = hit | (function == functions.find("write"))
    value = np.where(updates, columns.argument[telling], columns.result[telling])
    # Versions may be any numbers; only their order matters.
    version = np.unique(columns.version[telling], return_inverse=True)[1]
    state = code(key, version)
    # Two updates, or two values, of one state.
    lies = [key[updates][_repeated(state[updates])]]
    observed = np.flatnonzero(function != functions.find("cas-mismatch"))
    states = np.unique(state[observed], return_inverse=True)[1]
    pairs = observed[np.unique(code(states, value[observed]), return_index=True)[1]]
    lies.append(key[pairs][_repeated(state[pairs])])
    ranks = 2 * version + ~updates
    everyone = np.full(len(telling), True)
    lies.append(out_of_order(key, ranks, rows.call[telling], rows.ret[telling], everyone))
    return [int(number) for number in np.unique(np.concatenate(lies))]


def _repeated(codes: Ints) -> Ints:
    """The places of those that occur twice or more, one of each."""
    _, first, count = np.unique(codes, return_index=True, return_counts=True)
    return first[count > 1]
