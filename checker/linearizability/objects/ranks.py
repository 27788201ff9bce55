"""Queues whose values repeat: which enqueue belongs to which dequeue is found rank by rank.

The first value to come is the first to go. So for each rank an enqueue and a dequeue of the same
value are chosen together, among those that may be next: of the operations left, none of the same
function had ended before they began. Each takes effect as early as what was chosen before allows.
What is left of a choice is who is still to be chosen and two moments, so that, unlike the contents
of a queue, few choices differ, and few operations overlap that they could be made from. Between two
ranks the queue is empty, if what comes next comes late enough for those who found it so.

An unanswered dequeue may have taken any value; of several the one that began first is of most use.

This finds an order where there is one; only where there are very many choices the search must. That
there is none is shown as early as it can be: by what began until some operation ended, without the
values that do not matter. To leave out all that moved a value leaves the order of the others.
"""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from typing import Any, NamedTuple

from checker.columns import NEVER, canonical
from checker.linearizability.registers.facts import Ambiguous, began, ended
from checker.linearizability.violation import Violation
from checker.operation import Operation, Outcome
from checker.wording import plural

MOST_CHOICES = 20_000
"""Choices that are tried before the queue is left to the search: about half a second."""

SHRINKING_CHOICES = 2_000
"""Choices that are tried each time a counterexample is made smaller."""


def check_ranks(operations: Sequence[Operation], until: float = inf) -> Violation | None:
    """Judge `enqueue` and `dequeue` of one queue; a dequeue of an empty one returns null.

    Raises `Ambiguous` where null is enqueued, there are too many choices, or the moment `until` of
    `time.monotonic` comes first. What is wrong is made no smaller after that moment.
    """
    ranks = _Ranks(operations)
    if violation := ranks.too_often():
        return violation
    if ranks.moves(until=until) is not None:
        return None
    trials = _Trials(until)
    ends = sorted(o.completed for o in operations if o.completed is not None)
    first = bisect_left(ends, True, key=lambda end: trials.wrong(operations, end))
    end = ends[min(first, len(ends) - 1)]
    left = [o for o in operations if o.invoked <= end and o.outcome is not Outcome.FAIL]
    # An unanswered dequeue may have taken anything, so all of them stay.
    for value in {_moved(o): None for o in left if _moved(o)}:
        rest = [o for o in left if _moved(o) != value]
        left = rest if trials.wrong(rest, end) else left
    taken = {_moved(o) for o in left if o.function == "dequeue"}
    idle = [
        o for o in left if _found_none(o) or (o.function == "enqueue" and _moved(o) not in taken)
    ]
    for spare in idle:
        rest = [o for o in left if o is not spare]
        left = rest if trials.wrong(rest, end) else left
    last = max((o.completed, place) for place, o in enumerate(left) if ended(o) <= end)[1]
    return Violation(
        tuple(left),
        "whichever enqueue each dequeue is matched with, first in, first out, there is no order up "
        f"to the end of {{{last}}}",
        smallest=not trials.undecided,
    )


def order_ranks(operations: Sequence[Operation]) -> list[Operation]:
    """An order of a queue that was found to be right; some that crashed are left out."""
    moves = _Ranks(operations).moves() or []
    return [operation for _, operation in sorted(moves, key=lambda move: move[0])]


def _first_excess(
    came: Sequence[Operation], gone: Sequence[Operation]
) -> tuple[list[Operation], list[Operation]]:
    """The first dequeues of a value to end that are more than the enqueues that began by then."""
    taken: list[Operation] = []
    for dequeue in sorted(gone, key=ended):
        taken.append(dequeue)
        before = [enqueue for enqueue in came if began(enqueue) <= ended(dequeue)]
        if len(taken) > len(before):
            return before, taken
    raise AssertionError("all enqueues are fewer than all dequeues")


class _Trials:
    """Tries what less has no order still, until some moment."""

    def __init__(self, until: float) -> None:
        self._until = until
        self.undecided = False
        """Whether something could not be tried to its end."""

    def wrong(self, operations: Sequence[Operation], end: int) -> bool:
        """Whether there certainly is no order of what had begun by that position."""
        try:
            return _Ranks(_as_of(end, operations)).moves(SHRINKING_CHOICES, self._until) is None
        except Ambiguous:
            self.undecided = True
            return False


def _as_of(end: int, operations: Sequence[Operation]) -> list[Operation]:
    """The operations that had begun by then; those that had not ended were never answered."""
    return [
        o
        if o.completed is not None and o.completed <= end
        else replace(o, outcome=Outcome.INFO, result=None, completed=None, completed_ns=None)
        for o in operations
        if o.invoked <= end and o.outcome is not Outcome.FAIL
    ]


def _found_none(operation: Operation) -> bool:
    """Whether it is a dequeue that was answered that the queue was empty."""
    answered = operation.function == "dequeue" and operation.outcome is Outcome.OK
    return answered and operation.result is None


def _moved(operation: Operation) -> tuple[Any, ...]:
    """The value that an operation moved, alone in a tuple; nothing where it may be any."""
    if operation.function == "enqueue":
        return (canonical(operation.argument),)
    return (canonical(operation.result),) if operation.outcome is Outcome.OK else ()


class _Choice(NamedTuple):
    """Who was chosen, as sets of places in `_Line`s, and when the last of them took effect."""

    enqueued: int = 0
    dequeued: int = 0
    empty: int = 0
    unanswered: int = 0
    came: int = -NEVER
    went: int = -NEVER


@dataclass(frozen=True)
class _Line:
    """Operations of one kind, in the order in which they begin."""

    operations: Sequence[Operation]

    @classmethod
    def of(cls, operations: Sequence[Operation]) -> "_Line":
        return cls(sorted(operations, key=began))

    def next(self, chosen: int) -> tuple[list[int], int]:
        """The places of those that may be next, and the first end among those that are left."""
        places: list[int] = []
        first = NEVER
        # The lowest place that was not chosen.
        place = (~chosen & (chosen + 1)).bit_length() - 1
        for number in range(place, len(self.operations)):
            if chosen >> number & 1:
                continue
            operation = self.operations[number]
            if began(operation) > first:
                break
            places.append(number)
            first = min(first, ended(operation))
        return [number for number in places if began(self.operations[number]) <= first], first


class _Ranks:
    def __init__(self, operations: Sequence[Operation]) -> None:
        enqueues = [
            o for o in operations if o.function == "enqueue" and o.outcome is not Outcome.FAIL
        ]
        dequeues = [o for o in operations if o.function == "dequeue"]
        answered = [o for o in dequeues if o.outcome is Outcome.OK]
        if any(o.argument is None for o in enqueues):
            raise Ambiguous
        self._enqueues = _Line.of(enqueues)
        self._dequeues = _Line.of([o for o in answered if o.result is not None])
        self._empty = _Line.of([o for o in answered if o.result is None])
        self._unanswered = _Line.of([o for o in dequeues if o.outcome is Outcome.INFO])
        self._values = [canonical(o.argument) for o in self._enqueues.operations]
        self._results = [canonical(o.result) for o in self._dequeues.operations]
        self._done = (1 << len(self._results)) - 1, (1 << len(self._empty.operations)) - 1

    def too_often(self) -> Violation | None:
        """That a value was dequeued more often than it can have been enqueued by then."""
        there: dict[Any, list[Operation]] = {}
        for enqueue, value in zip(self._enqueues.operations, self._values, strict=True):
            there.setdefault(value, []).append(enqueue)
        gone: dict[Any, list[Operation]] = {}
        for dequeue, value in zip(self._dequeues.operations, self._results, strict=True):
            came = there.get(value, [])
            name = f"{dequeue.result!r}".replace("{", "{{").replace("}", "}}")
            if came and all(began(enqueue) > ended(dequeue) for enqueue in came):
                return Violation(
                    (dequeue, *came), f"{{0}} returned {name}, which was enqueued only later"
                )
            gone.setdefault(value, []).append(dequeue)
            if len(gone[value]) > len(came):
                came, taken = _first_excess(came, gone[value])
                return Violation(
                    (*came, *taken),
                    f"{name} was dequeued {plural(len(taken), 'time')} and enqueued at most "
                    f"{plural(len(came), 'time')}",
                )
        return None

    def moves(
        self, most: int | None = None, until: float = inf
    ) -> list[tuple[int, Operation]] | None:
        """Operations with the moments at which they take effect; of the same moment in order.

        None where there is no order; raises `Ambiguous` after `most` choices, and then.
        """
        most = MOST_CHOICES if most is None else most
        start = _Choice()
        way = [start]
        todo = [self._choices(start)]
        seen = {start}
        while todo:
            if (way[-1].dequeued, way[-1].empty) == self._done:
                return [*self._on(way), *self._left(way[-1])]
            choice = next(todo[-1], None)
            if choice is None:
                todo.pop()
                way.pop()
            elif choice not in seen:
                if len(seen) > most or time.monotonic() > until:
                    raise Ambiguous
                seen.add(choice)
                way.append(choice)
                todo.append(self._choices(choice))
        return None

    def _choices(self, now: _Choice) -> Iterator[_Choice]:
        """What may come next, those first that end first."""
        comes, last_to_come = self._enqueues.next(now.enqueued)
        goes, last_to_go = self._dequeues.next(now.dequeued)
        finds, last_to_find = self._empty.next(now.empty)
        if now.came > last_to_come or now.went > min(last_to_go, last_to_find):
            return
        line = self._dequeues.operations
        pairs = [
            (ended(line[gone]), ended(self._enqueues.operations[come]), gone, come)
            for gone in goes
            for come in comes
            if self._values[come] == self._results[gone]
        ]
        for number in finds:
            moment = max(now.went, began(self._empty.operations[number]))
            if moment <= last_to_find and moment <= min(last_to_come, last_to_go):
                yield now._replace(empty=now.empty | 1 << number, came=moment, went=moment)
        for _, _, gone, come in sorted(pairs):
            came = max(now.came, began(self._enqueues.operations[come]))
            went = max(now.went, came, began(line[gone]))
            if went <= min(last_to_go, last_to_find):
                yield now._replace(
                    enqueued=now.enqueued | 1 << come, dequeued=now.dequeued | 1 << gone,
                    came=came, went=went,
                )  # fmt: skip
        lost = now.unanswered.bit_length()
        if lost == len(self._unanswered.operations):
            return
        for come in comes:
            came = max(now.came, began(self._enqueues.operations[come]))
            went = max(now.went, came, began(self._unanswered.operations[lost]))
            if went <= min(last_to_go, last_to_find):
                yield now._replace(
                    enqueued=now.enqueued | 1 << come, unanswered=now.unanswered | 1 << lost,
                    came=came, went=went,
                )  # fmt: skip

    def _on(self, way: Sequence[_Choice]) -> Iterator[tuple[int, Operation]]:
        """What was chosen on the way."""
        for before, after in pairwise(way):
            for line, one, other, moment in (
                (self._enqueues, before.enqueued, after.enqueued, after.came),
                (self._dequeues, before.dequeued, after.dequeued, after.went),
                (self._empty, before.empty, after.empty, after.went),
                (self._unanswered, before.unanswered, after.unanswered, after.went),
            ):
                if one != other:
                    yield moment, line.operations[(one ^ other).bit_length() - 1]

    def _left(self, last: _Choice) -> Iterator[tuple[int, Operation]]:
        """What came and never went."""
        for place, operation in enumerate(self._enqueues.operations):
            if not last.enqueued >> place & 1 and operation.outcome is Outcome.OK:
                yield max(last.came, began(operation)), operation
