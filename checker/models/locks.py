"""Locks."""

from dataclasses import dataclass
from typing import ClassVar

from checker.models.known import KnownModel, ObjectKind
from checker.models.model import ANY, Inconsistent, State
from checker.models.wording import unknown
from checker.operation import Operation


@dataclass
class Mutex(KnownModel):
    """`acquire` and `release`, by anyone."""

    kind = ObjectKind.LOCK
    name: str = "mutex"
    start: bool = False
    functions: ClassVar = {"acquire": ANY, "release": ANY}

    def initial(self) -> State:
        return bool(self.start)

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        match operation.function, state:
            case ("acquire", False):
                return True
            case ("release", True):
                return False
            case ("acquire" | "release", _):
                return Inconsistent("it is held" if state else "it is free")
        return unknown(operation)
