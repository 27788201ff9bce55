"""Semaphores."""

from dataclasses import dataclass
from typing import ClassVar

from checker.models.known import KnownObject, ObjectKind
from checker.models.model import ANY, Inconsistent, State
from checker.models.wording import unknown
from checker.operation import Operation


@dataclass
class Semaphore:
    """`acquire` and `release` of one of several permits, by anyone; `start` of them are taken."""

    name: str = "semaphore"
    permits: int = 1
    start: int = 0
    functions: ClassVar = {"acquire": ANY, "release": ANY}

    @property
    def behaves_as(self) -> KnownObject:
        return KnownObject(ObjectKind.LOCK, self.start, self.permits)

    def initial(self) -> State:
        if type(self.start) is not int or not 0 <= self.start <= self.permits:
            raise ValueError(f"from 0 to {self.permits} permits can be taken at first")
        return self.start

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, int)
        match operation.function:
            case "acquire":
                if state < self.permits:
                    return state + 1
                return Inconsistent(f"all {self.permits} permits are taken")
            case "release":
                return state - 1 if state else Inconsistent("no permit is taken")
        return unknown(operation)
