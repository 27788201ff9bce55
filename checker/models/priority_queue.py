"""Priority queues."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from checker.columns import canonical
from checker.models.known import KnownModel, ObjectKind
from checker.models.model import Inconsistent, Kind, State
from checker.models.wording import unknown
from checker.operation import Operation, Outcome

Bag = tuple[tuple[int | float | str, State], ...]
"""Priorities and values, sorted."""


@dataclass
class PriorityQueue(KnownModel):
    """`enqueue`, and `dequeue` of the least value, or null where it is empty.

    Values are numbers, or texts, or pairs of a priority and a value; of equal priorities any may
    come first. A dequeue that was never answered may have taken any of these, so that a state is
    the set of all that may be in it.
    """

    kind = ObjectKind.PRIORITY_QUEUE
    name: str = "priority-queue"
    start: Sequence[Any] = ()
    functions: ClassVar = {
        "enqueue": (Kind.PRIORITY, Kind.ANYTHING), "dequeue": (Kind.ANYTHING, Kind.ANYTHING),
    }  # fmt: skip

    def initial(self) -> State:
        return frozenset({_sorted(tuple(map(_entry, self.start)))})

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, frozenset)
        match operation.function:
            case "enqueue":
                entry = _entry(operation.argument)
                return frozenset(_sorted((*bag, entry)) for bag in state)
            case "dequeue":
                crashed = operation.outcome is Outcome.INFO
                item = canonical(operation.result)
                left: set[Bag] = set()
                for bag in state:
                    first = [place for place, entry in enumerate(bag) if entry[0] == bag[0][0]]
                    left |= {
                        bag[:place] + bag[place + 1 :]
                        for place in first
                        if crashed or bag[place][1] == item
                    }
                    if not bag and (crashed or item is None):
                        left.add(bag)
                what = "empty" if item is None else f"{operation.result!r} cannot be the least"
                return frozenset(left) or Inconsistent(
                    "it cannot be empty" if item is None else what
                )
        return unknown(operation)


def _entry(value: Any) -> tuple[int | float | str, State]:
    priority = value[0] if isinstance(value, list | tuple) else value
    return priority, canonical(value)


def _sorted(bag: Bag) -> Bag:
    """By priority; numbers come before texts."""
    return tuple(sorted(bag, key=lambda entry: (isinstance(entry[0], str), entry[0], repr(entry))))
