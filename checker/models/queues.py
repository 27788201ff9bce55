"""Queues: first in, first out, or in any order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from checker.columns import canonical
from checker.models.known import InOrder, KnownModel, ObjectKind
from checker.models.model import ANY, Inconsistent, State
from checker.models.wording import shown, unknown
from checker.operation import Operation, Outcome


@dataclass
class Queue(InOrder):
    """First in, first out: `enqueue`, and `dequeue`, which returns null where it is empty."""

    kind = ObjectKind.QUEUE
    name: str = "queue"
    start: Sequence[Any] = ()
    functions: ClassVar = {"enqueue": ANY, "dequeue": ANY}

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, tuple)
        crashed = operation.outcome is Outcome.INFO
        match operation.function:
            case "enqueue":
                return (*state, canonical(operation.argument))
            case "dequeue":
                first = state[0] if state else None
                if crashed or canonical(operation.result) == first:
                    return state[1:]
                return Inconsistent(f"the first value is {shown(first)}, not {operation.result!r}")
        return unknown(operation)


@dataclass
class UnorderedQueue(KnownModel):
    """A bag: `enqueue`, and `dequeue` of any value that is in it, or null where it is empty.

    A dequeue that was never answered may have taken any value, at any moment after it began. So it
    need not be settled which, or when, before another found the queue empty: a state is the values,
    sorted, and how many such dequeues have taken nothing so far.
    """

    kind = ObjectKind.UNORDERED_QUEUE
    name: str = "unordered-queue"
    start: Sequence[Any] = ()
    functions: ClassVar = {"enqueue": ANY, "dequeue": ANY}

    def initial(self) -> State:
        return tuple(sorted(map(canonical, self.start), key=repr)), 0

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, tuple)
        values, unanswered = state
        match operation.function:
            case "enqueue":
                return tuple(sorted((*values, canonical(operation.argument)), key=repr)), unanswered
            case "dequeue":
                item = canonical(operation.result)
                if operation.outcome is Outcome.INFO:
                    return values, unanswered + 1
                if item in values:
                    place = values.index(item)
                    return (*values[:place], *values[place + 1 :]), unanswered
                if item is None and len(values) <= unanswered:
                    return (), unanswered - len(values)
                absent = "empty" if item is None else f"holding {item!r}"
                return Inconsistent(f"it cannot be {absent}")
        return unknown(operation)
