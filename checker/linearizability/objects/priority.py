"""Priority queues whose values are distinct, in O(n log n): a dequeue takes the least value.

Source: Lee and Mathur, Efficient decrease-and-conquer linearizability monitoring (2025), for the
condition; Abdulla and others, Efficient linearizability monitoring (2025). A value is certainly
inside after its enqueue ended and until its dequeue begins. Such a queue is linearizable if and
only if
1. no value was dequeued that was never enqueued, or twice, or before its enqueue was called;
2. each dequeue has a moment at which no value of a lower priority number was certainly inside; and
3. each dequeue that found it empty has a moment at which nothing was.

Then every dequeue can take effect at the first such moment, best values first, and every enqueue as
late as it can: what keeps a better value inside until then keeps the worse one waiting as well.

An unanswered dequeue may have taken any value: such queues are left to the search.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from checker.columns import NEVER
from checker.linearizability.objects.stay import Stay, enqueued, taken
from checker.linearizability.registers.facts import Ambiguous, began, ended
from checker.linearizability.violation import Violation
from checker.operation import Operation, Outcome


@dataclass(eq=False)
class _Item(Stay):
    """A value with the operations that moved it; `gone` is the moment at which it is taken."""

    gone: int = NEVER


class _Cover:
    """A union of open intervals, each with the items that make it up."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, start: int, end: int) -> None:
        """Add an interval; those that touch stay apart, since the moment between is free."""
        if start >= end:
            return
        first = bisect_right(self._ends, start)
        last = bisect_left(self._starts, end)
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def free_from(self, moment: int) -> int:
        """The first moment from here on that is in none of them."""
        place = bisect_left(self._starts, moment) - 1
        return self._ends[place] if place >= 0 and self._ends[place] > moment else moment


def check_priority_queue(operations: Sequence[Operation]) -> Violation | None:
    """Judge `enqueue` and `dequeue`; a dequeue of an empty queue returns null.

    Raises `Ambiguous` where a value is enqueued twice or is null, or a dequeue was never answered.
    """
    items, empty = _items(operations)
    if isinstance(items, Violation):
        return items
    return _placed(items, empty)


def order_priority_queue(operations: Sequence[Operation]) -> list[Operation]:
    """A linearization of what `check_priority_queue` finds nothing wrong with."""
    items, empty = _items(operations)
    if isinstance(items, Violation):
        return []
    _placed(items, empty)
    cover = _Cover()
    for item in items:
        cover.add(item.inside, item.leaves)
    # At one moment values go, best first, each after its own coming; then it is empty; then others
    # come.
    moves: list[tuple[int, int, int, int, Operation]] = []
    for rank, item in enumerate(sorted(items, key=_priority_of)):
        comes = min(ended(item.enqueue), item.gone)
        together = comes == item.gone
        moves.append((comes, 0 if together else 2, rank, 0, item.enqueue))
        if item.dequeue is not None:
            moves.append((item.gone, 0, rank, 1, item.dequeue))
    moves += [(cover.free_from(began(o)), 1, place, 0, o) for place, o in enumerate(empty)]
    return [move[4] for move in sorted(moves, key=lambda move: move[:4])]


def _items(
    operations: Sequence[Operation],
) -> tuple[Violation | list[_Item], list[Operation]]:
    """The values that count, or a violation of rule 1; and the dequeues that found nothing."""
    items = {value: _Item(enqueue) for value, enqueue in enqueued(operations).items()}
    empty: list[Operation] = []
    for o in operations:
        if o.function != "dequeue" or o.outcome is Outcome.FAIL:
            continue
        if o.outcome is Outcome.INFO:
            raise Ambiguous
        if o.result is None:
            empty.append(o)
            continue
        if violation := taken(items, o):
            return violation, empty
    return [i for i in items.values() if i.dequeue or i.enqueue.outcome is Outcome.OK], empty


def priority_of(value: Any) -> tuple[bool, Any]:
    """By what a value is ordered: itself, or the first of a pair; numbers come before texts."""
    priority = value[0] if isinstance(value, list | tuple) else value
    return isinstance(priority, str), priority


def _priority_of(item: _Item) -> tuple[bool, Any]:
    return priority_of(item.enqueue.argument)


def _placed(items: Sequence[_Item], empty: Sequence[Operation]) -> Violation | None:
    """Give every dequeue its moment; rules 2 and 3."""
    cover = _Cover()
    better: list[_Item] = []
    for _, group in groupby(sorted(items, key=_priority_of), key=_priority_of):
        alike = list(group)
        for item in alike:
            if item.dequeue is None:
                continue
            item.gone = cover.free_from(item.leaves)
            if item.gone > ended(item.dequeue):
                shown = (item.enqueue, item.dequeue, *_covering(better, item.leaves, item.dequeue))
                reason = "{1} dequeued the value of {0}, but a better one was inside all the time"
                return Violation(shown, reason)
        for item in alike:
            cover.add(item.inside, item.leaves)
        better += alike
    for dequeue in empty:
        if cover.free_from(began(dequeue)) > ended(dequeue):
            shown = (dequeue, *_covering(better, began(dequeue), dequeue))
            return Violation(shown, "{0} found the queue empty, but it never was meanwhile")
    return None


def _covering(items: Sequence[_Item], moment: int, dequeue: Operation) -> list[Operation]:
    """The operations of a few values of which one was inside at every moment until it ended."""
    shown: list[Operation] = []
    while moment <= ended(dequeue):
        item = max((i for i in items if i.inside < moment), key=lambda i: i.leaves)
        shown += [item.enqueue, *([] if item.dequeue is None else [item.dequeue])]
        moment = item.leaves
    return shown
