"""Witnesses of objects that are judged by rules: an order for what a rule found to be valid.

Each operation gets a moment within its interval, and all are sorted by it. How the moments follow
from the rules is said where these are (`queue`, `ordered`, `elements`). What crashed and is not
needed is left out.
"""

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TypeAlias

from checker.columns import NEVER, canonical
from checker.linearizability.objects.emptiness import Moments
from checker.linearizability.objects.stay import Stay
from checker.linearizability.registers.facts import began, ended
from checker.operation import Operation, Outcome

Order: TypeAlias = list[Operation]


def order_by_invocation(operations: Sequence[Operation]) -> Order:
    """Operations none of which minds the others: unique ids."""
    return sorted((o for o in operations if o.outcome is Outcome.OK), key=began)


def merged(orders: Iterable[Order]) -> Order:
    """One order of operations of objects that are independent, from an order for each.

    Each operation takes effect as soon as it can, when all before it in its own order had begun.
    """
    moments: list[tuple[int, int, int, Operation]] = []
    for number, order in enumerate(orders):
        latest = -NEVER
        for place, o in enumerate(order):
            latest = max(latest, began(o))
            moments.append((latest, number, place, o))
    return [moment[3] for moment in sorted(moments, key=lambda moment: moment[:3])]


# --- queues -----------------------------------------------------------------------------------


@dataclass(eq=False)
class _Value(Stay):
    """A value, with the stretch between empty moments that it belongs to."""

    stretch: int = 0


def order_queue(operations: Sequence[Operation], first_out: bool = True) -> Order:
    """A queue's: between two moments at which it is empty the values keep one order.

    A value comes before another if it had been enqueued when the other's enqueue began, or dequeued
    when the other's dequeue began; both relations are those of intervals, and no two values
    contradict each other, so an order is found by always taking one that nothing precedes.
    """
    values, empty, crashed = _values(operations)
    kept = [v for v in values if v.dequeue or v.enqueue.outcome is Outcome.OK]
    if first_out:
        _help(kept, crashed)
    moments = _empty_moments(Moments(kept, () if first_out else crashed), empty)
    if not first_out:
        _take_away(kept, crashed, moments)
    for value in kept:
        # At an empty moment a value has left, or is not there yet.
        value.stretch = bisect_left(moments, value.leaves)
    order: Order = []
    floor = -NEVER
    for number in range(len(moments) + 1):
        stretch = [v for v in kept if v.stretch == number]
        order += _moved(_first_out(stretch) if first_out else stretch, floor, first_out)
        if number < len(moments):
            floor = moments[number]
            order += [o for o in empty if _moment_of(o, moments) == number]
    return order


def order_unordered_queue(operations: Sequence[Operation]) -> Order:
    """An unordered queue's: each value comes and goes as soon as it can, or when it must."""
    return order_queue(operations, first_out=False)


def _values(operations: Sequence[Operation]) -> tuple[list[_Value], Order, Order]:
    """The values, the dequeues that found the queue empty, and those that crashed."""
    values = {
        canonical(o.argument): _Value(o)
        for o in operations
        if o.function == "enqueue" and o.outcome is not Outcome.FAIL
    }
    empty: Order = []
    crashed: Order = []
    for o in operations:
        if o.function != "dequeue" or o.outcome is Outcome.FAIL:
            continue
        if o.outcome is Outcome.INFO:
            crashed.append(o)
        elif o.result is None and None not in values:
            empty.append(o)
        else:
            values[canonical(o.result)].dequeue = o
    return list(values.values()), sorted(empty, key=ended), sorted(crashed, key=began)


def _help(kept: Sequence[_Value], crashed: Sequence[Operation]) -> None:
    """Give each value that must have gone by a deadline an unanswered dequeue, in time for it."""
    gone = sorted((v for v in kept if v.dequeue), key=lambda v: began(v.enqueue))
    starts = [began(v.enqueue) for v in gone]
    soonest = [NEVER] * (len(gone) + 1)
    for place in range(len(gone) - 1, -1, -1):
        soonest[place] = min(soonest[place + 1], ended(gone[place].dequeue))
    due = []
    for place, value in enumerate(kept):
        if value.dequeue is None:
            deadline = soonest[bisect_left(starts, value.inside + 1)]
            if deadline < NEVER:
                due.append((deadline, place))
    for (_, place), helper in zip(sorted(due), crashed, strict=False):
        kept[place].dequeue = helper


def _take_away(
    kept: Iterable[_Value], crashed: Sequence[Operation], moments: Sequence[int]
) -> None:
    """Let unanswered dequeues take what must be gone at a moment.

    The first of them to begin takes the first value to come, and so on.
    """
    stays = sorted((v for v in kept if v.dequeue is None), key=lambda v: v.inside)
    due = [v for v in stays if moments and v.inside < moments[-1]]
    for value, helper in zip(due, crashed, strict=False):
        value.dequeue = helper


def _empty_moments(possible: Moments, empty: Sequence[Operation]) -> list[int]:
    """For each dequeue that found nothing a moment, in order, at which nothing was for certain."""
    moments: list[int] = []
    for o in empty:
        if not (moments and began(o) <= moments[-1] <= ended(o)):
            moments.append(possible.first(began(o), ended(o))[0])
    return sorted(set(moments))


def _moment_of(dequeue: Operation, moments: Sequence[int]) -> int:
    return bisect_left(moments, began(dequeue))


def _first_out(values: Sequence[_Value]) -> list[_Value]:
    """The values in an order in which they can both come and go."""
    order: list[_Value] = []
    comes = sorted(range(len(values)), key=lambda v: began(values[v].enqueue))
    goes = sorted(range(len(values)), key=lambda v: _taken(values[v]))
    inside = [(v.inside, n) for n, v in enumerate(values)]
    left = [(ended(v.dequeue) if v.dequeue else NEVER, n) for n, v in enumerate(values)]
    free = [0] * len(values)
    done = [False] * len(values)
    ready: list[tuple[int, int]] = []
    inside.sort(reverse=True)
    left.sort(reverse=True)
    at_come = at_go = 0
    while len(order) < len(values):
        for limits in (inside, left):
            while done[limits[-1][1]]:
                limits.pop()
        while at_come < len(comes) and began(values[comes[at_come]].enqueue) <= inside[-1][0]:
            _open(free, ready, values, comes[at_come])
            at_come += 1
        while at_go < len(goes) and _taken(values[goes[at_go]]) <= left[-1][0]:
            _open(free, ready, values, goes[at_go])
            at_go += 1
        _, number = heappop(ready)
        done[number] = True
        order.append(values[number])
    return order


def _taken(value: _Value) -> int:
    return value.leaves


def _open(
    free: list[int], ready: list[tuple[int, int]], values: Sequence[_Value], number: int
) -> None:
    """One of two conditions of a value holds; with both it may come next."""
    free[number] += 1
    if free[number] == 2:
        heappush(ready, (values[number].inside, number))


def _moved(values: Iterable[_Value], floor: int, first_out: bool) -> Order:
    """Enqueues and dequeues of values in their order, each as soon as it can be."""
    moves: list[tuple[int, int, int, Operation]] = []
    comes = goes = floor
    for number, value in enumerate(values):
        comes = max(comes if first_out else floor, began(value.enqueue))
        moves.append((comes, 0, number, value.enqueue))
        if value.dequeue is not None:
            goes = max(goes if first_out else floor, comes, began(value.dequeue))
            moves.append((goes, 1, number, value.dequeue))
    return [move[3] for move in sorted(moves, key=lambda move: move[:3])]


# --- lists and sets that only grow ------------------------------------------------------------


def order_list(operations: Sequence[Operation]) -> Order:
    """An append-only list's: by rank, as `ordered` has it."""
    reads = [o for o in operations if o.function == "read" and o.outcome is Outcome.OK]
    longest: Sequence[object] = max((r.result or [] for r in reads), key=len, default=[])
    place = {canonical(item): number for number, item in enumerate(longest)}
    ranked = [(2 * len(r.result or []), r) for r in reads]
    for o in operations:
        rank = place.get(canonical(o.argument))
        if o.function != "append" or o.outcome is Outcome.FAIL:
            continue
        if rank is not None or o.outcome is Outcome.OK:
            ranked.append((2 * (len(longest) if rank is None else rank) + 1, o))
    return [o for _, o in sorted(ranked, key=lambda item: (item[0], began(item[1])))]


def order_grow_only_set(operations: Sequence[Operation]) -> Order:
    """A grow-only set's: by rank; an addition of what is there already comes as soon as it can."""
    reads = sorted(
        (o for o in operations if o.function == "read" and o.outcome is Outcome.OK),
        key=lambda o: len(set(map(canonical, o.result or []))),
    )
    rank: dict[Hashable, int] = {}
    ranked: list[tuple[int, Operation]] = []
    for read in reads:
        here = set(map(canonical, read.result or []))
        for item in here:
            rank.setdefault(item, 2 * len(here) - 1)
        ranked.append((2 * len(here), read))
    first: set[Hashable] = set()
    again: list[tuple[int, Operation]] = []
    for o in sorted(operations, key=began):
        item = canonical(o.argument)
        if o.function == "add" and o.outcome is not Outcome.FAIL:
            if item in rank or o.outcome is Outcome.OK:
                (again if item in first else ranked).append((rank.get(item, NEVER), o))
            first.add(item)
    ranked.sort(key=lambda one: (one[0], began(one[1])))
    moved: list[tuple[int, int, Operation]] = []
    latest = -NEVER
    starts: dict[int, int] = {}
    for step, o in ranked:
        starts.setdefault(step, latest)
        latest = max(latest, began(o))
        moved.append((latest, 0, o))
    for step, o in again:
        # It comes after all of lower ranks, which end with the reads without it.
        moved.append((max(began(o), starts.get(step, latest)), 1, o))
    return [move[2] for move in sorted(moved, key=lambda move: move[:2])]


# --- elements of sets ---------------------------------------------------------------------------


def order_elements(operations: Sequence[Operation]) -> Order:
    """That of every element of a set, woven into one."""
    elements: dict[Hashable, Order] = {}
    for o in operations:
        if o.outcome is not Outcome.FAIL:
            elements.setdefault(canonical(o.argument), []).append(o)
    return merged(map(_order_element, elements.values()))


def _order_element(own: Order) -> Order:
    """Before it comes, its coming, while it is there, its going, and after."""
    adds = sorted((o for o in own if o.function == "add"), key=began)
    removes = [o for o in own if o.function == "remove"]
    answered = [o for o in own if o.function == "contains" and o.outcome is Outcome.OK]
    found = [o for o in answered if o.result]
    missed = [o for o in answered if not o.result]
    comes = min([*map(ended, found), *map(ended, adds)], default=NEVER)
    if comes == NEVER or not adds:
        return order_by_invocation(own)
    idle = not removes or removes[0].outcome is Outcome.INFO or began(removes[0]) <= comes
    if idle and all(began(o) <= comes for o in missed):
        early = [*missed, *(o for o in removes if o.outcome is Outcome.OK)]
        return [*sorted(early, key=began), adds[0], *_later(adds[1:], found)]
    goes = max([*map(began, removes), *map(began, found)])
    # What may go before it must have come is there for one moment only.
    comes = min(comes, max(goes, began(adds[0])))
    return [
        *sorted((o for o in missed if began(o) <= comes), key=began),
        adds[0],
        *sorted(found, key=began),
        *removes,
        *sorted((o for o in missed if began(o) > comes), key=lambda o: max(began(o), goes)),
    ]


def _later(adds: Order, found: Order) -> Order:
    return sorted([*(o for o in adds if o.outcome is Outcome.OK), *found], key=began)
