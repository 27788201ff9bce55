"""Generators of ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from checker.columns import canonical
from checker.models.known import KnownModel, ObjectKind
from checker.models.model import ANY, Inconsistent, State
from checker.models.wording import unknown
from checker.operation import Operation, Outcome


@dataclass
class UniqueIds(KnownModel):
    """`generate` returns an id that was never returned before."""

    kind = ObjectKind.UNIQUE_IDS
    name: str = "unique-ids"
    start: Sequence[Any] = ()
    functions: ClassVar = {"generate": ANY}

    def initial(self) -> State:
        return frozenset(map(canonical, self.start))

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, frozenset)
        if operation.function != "generate":
            return unknown(operation)
        if operation.outcome is Outcome.INFO:
            return state
        given = canonical(operation.result)
        return Inconsistent(f"{given!r} was given before") if given in state else state | {given}
