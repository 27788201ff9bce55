"""Counters."""

from dataclasses import dataclass
from typing import ClassVar

from checker.models.known import KnownObject, ObjectKind
from checker.models.model import Inconsistent, Kind, State
from checker.models.wording import unknown
from checker.operation import Operation, Outcome


@dataclass
class Counter:
    """`add` of an amount, and `read`."""

    name: str = "counter"
    start: int = 0
    functions: ClassVar = {
        "add": (Kind.INTEGER, Kind.ANYTHING), "read": (Kind.ANYTHING, Kind.COUNT),
    }  # fmt: skip
    observers: ClassVar = frozenset({"read"})

    @property
    def behaves_as(self) -> KnownObject:
        return KnownObject(ObjectKind.COUNTER, self.start)

    def initial(self) -> State:
        return self.start

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, int)
        match operation.function:
            case "add":
                return state + int(operation.argument)
            case "read":
                if operation.outcome is Outcome.INFO or (operation.result or 0) == state:
                    return state
                return Inconsistent(f"the count is {state}, not {operation.result!r}")
        return unknown(operation)
