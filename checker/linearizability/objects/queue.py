"""Queues whose values are distinct, first in, first out, or in any order, in O(n log n).

Source: Henzinger, Sezgin, Vafeiadis, Aspect-oriented linearizability proofs (2013); that pairs of
values suffice follows from interval orders having no two parallel edges without a crossing one. A
queue is not linearizable if and only if
1. a value was dequeued that was never enqueued, or twice, or before its enqueue was called; or
2. the enqueue of a ended before that of b began, and the dequeue of b before that of a began, or a
   was never dequeued; or
3. a dequeue found the queue empty, while at every moment of it some value was certainly in it.

An enqueue that was never answered and whose value nobody dequeued is left out. A dequeue that was
never answered may have taken any value, which weakens rule 2: the values that must be gone by a
deadline need as many such dequeues called in time (Hall's theorem on nested sets). Together with
rule 3 that is not exact, and such queues are left to the search.

An unordered queue knows no rule 2. Between two moments at which it is empty a value can always come
as late and go as soon as its operations allow, so that the other two suffice, with unanswered
dequeues as well (`emptiness`).
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from checker.linearizability.objects.emptiness import never_empty
from checker.linearizability.objects.stay import Stay, enqueued, longer, taken
from checker.linearizability.registers.facts import Ambiguous, began, ended
from checker.linearizability.violation import Violation
from checker.operation import Operation, Outcome


def _sooner(one: Stay, other: Stay) -> Stay:
    return one if ended(one.dequeue) <= ended(other.dequeue) else other


def check_queue(operations: Sequence[Operation]) -> Violation | None:
    """Judge `enqueue` and `dequeue` of one queue; a dequeue of an empty one returns null.

    Raises `Ambiguous` where a value is enqueued twice or is null, which is also what an empty queue
    answers, or where rules 2 and 3 meet unanswered dequeues.
    """
    kept, empty, crashed = _values(operations)
    if isinstance(kept, Violation):
        return kept
    if violation := _overtaken([v for v in kept if v.dequeue], kept):
        return violation
    late = _left_behind(kept, crashed)
    if late is not None and not crashed:
        return late
    if empty and crashed:
        raise Ambiguous
    return late or never_empty(kept, empty)


def check_unordered_queue(operations: Sequence[Operation]) -> Violation | None:
    """Judge `enqueue` and `dequeue` of one unordered queue.

    Raises `Ambiguous` where a value is enqueued twice or is null.
    """
    kept, empty, crashed = _values(operations)
    if isinstance(kept, Violation):
        return kept
    return never_empty(kept, empty, crashed)


def _values(
    operations: Sequence[Operation],
) -> tuple[Violation | list[Stay], list[Operation], list[Operation]]:
    """The values by when they were inside, or a violation of rule 1; empty and crashed dequeues."""
    values = {value: Stay(enqueue) for value, enqueue in enqueued(operations).items()}
    empty: list[Operation] = []
    crashed: list[Operation] = []
    for operation in operations:
        if operation.function != "dequeue" or operation.outcome is Outcome.FAIL:
            continue
        if operation.outcome is Outcome.INFO:
            crashed.append(operation)
        elif operation.result is None:
            empty.append(operation)
        elif violation := taken(values, operation):
            return violation, empty, crashed
    kept = [v for v in values.values() if v.dequeue or v.enqueue.outcome is Outcome.OK]
    return sorted(kept, key=lambda value: value.inside), empty, crashed


def _overtaken(gone: Sequence[Stay], kept: Sequence[Stay]) -> Violation | None:
    """Rule 2 for two values that were both dequeued."""
    inside = [value.inside for value in gone]
    slowest = list(accumulate(gone, longer))
    for later in gone:
        place = bisect_left(inside, began(later.enqueue))
        if place == 0:
            continue
        first = slowest[place - 1]
        if ended(later.dequeue) < first.leaves:
            reason = "{0} enqueued its value before {2} began, but {3} dequeued the later one"
            shown = (*first.operations(), *later.operations())
            return Violation(shown, f"{reason} before {{1}} began to dequeue the earlier one")
    return None


def _left_behind(kept: Sequence[Stay], crashed: Sequence[Operation]) -> Violation | None:
    """Rule 2 for values that were never dequeued: each needs an unanswered dequeue in time."""
    gone = sorted((v for v in kept if v.dequeue), key=lambda value: began(value.enqueue))
    starts = [began(value.enqueue) for value in gone]
    soonest = list(accumulate(reversed(gone), _sooner))[::-1]
    due = []
    for value in kept:
        place = bisect_left(starts, value.inside + 1)
        if value.dequeue is None and place < len(gone):
            due.append((ended(soonest[place].dequeue), value, soonest[place]))
    due.sort(key=lambda item: item[0])
    calls = sorted(crashed, key=began)
    for number, (deadline, value, later) in enumerate(due):
        if number >= len(calls) or began(calls[number]) > deadline:
            early = tuple(v.enqueue for _, v, _ in due[:number])
            helpers = tuple(calls[:number])
            reason = "{0} enqueued its value before {1} began, and {2} dequeued the later one"
            shown = (value.enqueue, *later.operations(), *early, *helpers)
            return Violation(shown, f"{reason}, but nothing can have dequeued the earlier one")
    return None
