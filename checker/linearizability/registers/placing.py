"""Completes the orders of registers that a search found, by all that it did not have to order.

A search orders what changes the value, and knows for each such use a moment within the operation:
the end of the one for the sake of which it was used. Between two moments the value stands still.
Whatever leaves it as it is takes effect while it stands at the right one; a write that nobody saw,
right before the next; and a read of such a write right after that. So everything has a moment
within itself, and the moments ascend.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from checker.columns import NEVER, OK, Columns, Ints
from checker.errors import InternalError
from checker.linearizability.objects.codes import ranked

CLOSE = 4
"""How many places are looked at one after the other, before all are put in order."""

BESIDE, BEFORE = 1, 1
"""Behind a step stands what leaves the value as it is, and right before one what it overwrites."""


def placed(
    columns: Columns,
    keys: Sequence[int],
    found: Sequence[tuple[Sequence[int], Sequence[int]]],
    initial: Any,
) -> Ints:
    """The rows of these keys in an order, key after key, without what crashed and is not used.

    `found` holds for each key the rows that are used, in order, and those at whose ends they are.
    Raises `InternalError` where an answered operation finds no place.
    """
    kind = columns.function
    write, mismatch = (columns.functions.find(name) for name in ("write", "cas-mismatch"))
    call, ret, span = _moments(columns, len(keys))
    owner = np.full(len(columns.keys), -1, np.int64)
    owner[list(keys)] = np.arange(len(keys))
    owner = owner[columns.key]
    steps, since = _steps(found, ret, span)
    value = np.where(steps < 0, columns.values.number(initial), columns.argument[steps])
    left = (columns.outcome == OK) & (owner >= 0)
    left[steps[steps >= 0]] = False
    rows = np.flatnonzero(left)
    rows = rows[ranked(owner[rows])]
    kind_, base = kind[rows], owner[rows] * span
    # The first step behind which each may stand, and until when.
    first = _before(since, base + call[rows])
    latest = base + ret[rows]
    wanted = np.where(kind_ == write, columns.argument[rows], columns.result[rows])
    place = _soon(value, wanted, first)
    other = kind_ == mismatch
    place[other] = _other(value, columns.argument[rows[other]], first[other])
    until = np.append(since, NEVER)
    unseen = np.flatnonzero((until[place] > latest) & (kind_ == write))
    writes = np.flatnonzero((steps >= 0) & (kind[steps] == write))
    place[unseen] = np.append(writes, len(steps))[np.searchsorted(writes, first[unseen] + 1)]
    # A read may have seen a write that nothing else saw.
    reads = np.flatnonzero((until[place] > latest) & ~other & (kind_ != write))
    at = _next(wanted[unseen], place[unseen], wanted[reads], first[reads] + 1, True)
    behind = np.append(unseen, -1)[at]
    place[reads] = np.where(behind < 0, len(steps), place[behind])
    for lost in rows[until[place] > latest][:1].tolist():
        raise InternalError(
            f"an order was found, but in it there is no place for {columns.operation(lost)}"
        )
    # Each such write stands before its reads; all else at one place in the order of the rows.
    before = np.append(unseen, reads)
    before = before[np.argsort(np.append(2 * unseen, 2 * behind + 1), kind="stable")]
    beside = np.ones(len(rows), np.bool_)
    beside[before] = False
    where = (3 * np.arange(len(steps)), 3 * place[beside] + BESIDE, 3 * place[before] - BEFORE)
    ordered: Ints = np.concatenate([steps, rows[beside], rows[before]])[
        ranked(np.concatenate(where))
    ]
    return ordered[ordered >= 0]


def _moments(columns: Columns, keys: int) -> tuple[Ints, Ints, int]:
    """Invocations and ends as numbers from 1, ends behind what begins at the same position, and one
    beyond them; so small that those of all keys can stand one behind the other."""
    low, high = int(columns.invoked.min()), int(columns.invoked.max())
    ended = columns.completed != NEVER
    high = max(high, int(columns.completed.max(initial=low, where=ended)))
    invoked, completed = columns.invoked - low, np.where(ended, columns.completed, high) - low
    span = high - low
    if span > 2**60 // (keys + 1):
        both, span = np.append(invoked, completed), 2 * len(columns)
        dense = np.unique(both, return_inverse=True)[1]
        invoked, completed = dense[: len(columns)], dense[len(columns) :]
    return 2 * invoked + 1, 2 * completed + 2, 2 * span + 3


def _steps(
    found: Sequence[tuple[Sequence[int], Sequence[int]]], ret: Any, span: int
) -> tuple[Ints, Ints]:
    """The rows that are used, key after key, and since when their values stand, as ascending codes.

    Before those of each key stands -1 for its first value.
    """
    sizes = np.array([len(order) + 1 for order, _ in found], np.int64)
    begins = np.cumsum(sizes) - sizes
    steps = np.full(int(sizes.sum()), -1, np.int64)
    since = np.repeat(np.arange(len(found)) * span, sizes)
    later = np.ones(len(steps), np.bool_)
    later[begins] = False
    steps[later] = np.concatenate([np.asarray(order, np.int64) for order, _ in found])
    since[later] += ret[np.concatenate([np.asarray(ends, np.int64) for _, ends in found])]
    return steps, since


def _before(codes: Ints, limits: Ints) -> Ints:
    """For each limit the last place at which something less stands; both ascend."""
    upto = np.bincount(limits.searchsorted(codes), minlength=len(limits) + 1)
    places: Ints = np.cumsum(upto)[: len(limits)] - 1
    return places


def _soon(values: Ints, wanted: Ints, first: Ints) -> Ints:
    """As `_next` for values at the places from 0; most of what is wanted stands close by."""
    place, rest = first.copy(), np.arange(len(first))
    for _ in range(CLOSE):
        rest = rest[values[place[rest]] != wanted[rest]]
        place[rest] = np.minimum(place[rest] + 1, len(values) - 1)
    far = np.zeros(int(max(values.max(), wanted.max(initial=0))) + 1, np.bool_)
    far[wanted[rest]] = True
    at = np.flatnonzero(far[values])
    found = _next(values[at], at, wanted[rest], first[rest])
    place[rest] = np.minimum(found, len(values))
    return place


def _next(values: Ints, at: Ints, wanted: Ints, first: Ints, number: bool = False) -> Ints:
    """For each value that is wanted the first place from `first` on where it stands.

    The values stand `at` these places. What is nowhere is at `NEVER`. With `number` which of them
    it is, or how many there are.
    """
    most = int(max(at.max(initial=0), first.max(initial=0))) + 2
    code = values * most + at
    order = np.argsort(code, kind="stable")
    there = np.searchsorted(code[order], wanted * most + first)
    same = np.append(values[order], -1)[there] == wanted
    found = np.append(order, len(order))[there]
    if number:
        return np.where(same, found, len(values))
    return np.where(same, np.append(at, NEVER)[found], NEVER)


def _other(values: Ints, unwanted: Ints, first: Ints) -> Ints:
    """The first places from these on where another value stands."""
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    later = np.append(changes, len(values))[np.searchsorted(changes, first, "right")]
    return np.where(values[first] != unwanted, first, later)
