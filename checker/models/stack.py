"""Stacks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from checker.columns import canonical
from checker.models.known import InOrder, ObjectKind
from checker.models.model import ANY, Inconsistent, State
from checker.models.wording import shown, unknown
from checker.operation import Operation, Outcome


@dataclass
class Stack(InOrder):
    """Last in, first out: `push`, and `pop`, which returns null where it is empty.

    `start` is what is in it at first, the value that was pushed first at its beginning.
    """

    kind = ObjectKind.STACK
    name: str = "stack"
    start: Sequence[Any] = ()
    functions: ClassVar = {"push": ANY, "pop": ANY}

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, tuple)
        match operation.function:
            case "push":
                return (*state, canonical(operation.argument))
            case "pop":
                last = state[-1] if state else None
                if operation.outcome is Outcome.INFO or canonical(operation.result) == last:
                    return state[:-1]
                return Inconsistent(f"the last value is {shown(last)}, not {operation.result!r}")
        return unknown(operation)
