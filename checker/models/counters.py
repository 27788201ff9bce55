"""Counters."""

from dataclasses import dataclass
from typing import Any, ClassVar

from checker.models.known import KnownModel, ObjectKind
from checker.models.model import Inconsistent, Kind, State
from checker.models.wording import unknown
from checker.operation import Operation, Outcome


@dataclass
class Counter(KnownModel):
    """`add` of an amount, and `read`; `inc` and `dec` of an amount, or 1, answer the new count.

    So do `add-and-get` and `decr-and-get`, alone or as `[amount, count]`; `decr` answers nothing.
    """

    kind = ObjectKind.COUNTER
    name: str = "counter"
    start: int = 0
    functions: ClassVar = {
        "add": (Kind.INTEGER, Kind.ANYTHING), "read": (Kind.ANYTHING, Kind.COUNT),
        "inc": (Kind.COUNT, Kind.COUNT), "dec": (Kind.COUNT, Kind.COUNT),
        "decr": (Kind.INTEGER, Kind.ANYTHING),
        **dict.fromkeys(("add-and-get", "decr-and-get"), (Kind.INTEGER, Kind.ANYTHING)),
    }  # fmt: skip
    observers: ClassVar = frozenset({"read"})

    def initial(self) -> State:
        return self.start

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, int)
        match operation.function:
            case "add":
                return state + int(operation.argument)
            case "decr":
                return state - int(operation.argument)
            case "inc" | "dec" | "add-and-get" | "decr-and-get":
                return self._answered(state, operation)
            case "read":
                if operation.outcome is Outcome.INFO or (operation.result or 0) == state:
                    return state
                return Inconsistent(f"the count is {state}, not {operation.result!r}")
        return unknown(operation)

    def _answered(self, state: int, operation: Operation) -> State | Inconsistent:
        amount = 1 if operation.argument is None else int(operation.argument)
        after = state - amount if operation.function.startswith("dec") else state + amount
        answer: Any = operation.result if operation.outcome is Outcome.OK else None
        if isinstance(answer, list | tuple):
            answer = answer[-1] if answer else None
        if answer is None or answer == after:
            return after
        return Inconsistent(f"the count would be {after}, not {answer!r}")
