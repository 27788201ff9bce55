"""Generators of ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from checker.columns import canonical
from checker.models.known import KnownObject, ObjectKind
from checker.models.model import ANY, Inconsistent, State
from checker.models.wording import unknown
from checker.operation import Operation, Outcome


@dataclass
class UniqueIds:
    """`generate` returns an id that was never returned before."""

    name: str = "unique-ids"
    start: Sequence[Any] = ()
    functions: ClassVar = {"generate": ANY}

    @property
    def behaves_as(self) -> KnownObject:
        return KnownObject(ObjectKind.UNIQUE_IDS, self.start)

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
