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

    A dequeue that was never answered may have taken any value, and a step leads to one state only:
    so a state is the set of all bags that are possible, and a bag is its values, sorted.
    """

    kind = ObjectKind.UNORDERED_QUEUE
    name: str = "unordered-queue"
    start: Sequence[Any] = ()
    functions: ClassVar = {"enqueue": ANY, "dequeue": ANY}

    def initial(self) -> State:
        return frozenset({tuple(sorted(map(canonical, self.start), key=repr))})

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, frozenset)
        match operation.function:
            case "enqueue":
                item = canonical(operation.argument)
                return frozenset(tuple(sorted((*bag, item), key=repr)) for bag in state)
            case "dequeue":
                any_of_them = operation.outcome is Outcome.INFO
                item = canonical(operation.result)
                left = {
                    bag[:place] + bag[place + 1 :]
                    for bag in state
                    for place, other in enumerate(bag)
                    if any_of_them or other == item
                }
                if () in state and (any_of_them or item is None):
                    left.add(())
                absent = "empty" if item is None else f"holding {item!r}"
                return frozenset(left) or Inconsistent(f"it cannot be {absent}")
        return unknown(operation)
