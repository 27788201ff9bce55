"""Registers whose values carry versions."""

from dataclasses import dataclass
from typing import Any, ClassVar

from checker.columns import canonical
from checker.models.model import Inconsistent, Kind, State
from checker.models.wording import shown, unknown
from checker.operation import Operation, Outcome


@dataclass
class VersionedRegister:
    """`read`, `write` and `cas` of `[version, value]`; every change adds 1 to the version.

    The argument of a write is `[null, value]`, that of a `cas` `[null, [expected, new]]`; answers
    say the version that was written or read, or null where it is not known. It begins with
    version 0 and the value `start`.
    """

    name: str = "versioned-register"
    start: Any = None
    functions: ClassVar = {
        "read": (Kind.ANYTHING, Kind.VERSIONED),
        "write": (Kind.VERSIONED, Kind.VERSIONED),
        "cas": (Kind.PAIR, Kind.VERSIONED),
    }
    observers: ClassVar = frozenset({"read"})

    def initial(self) -> State:
        return 0, canonical(self.start)

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, tuple)
        version, value = state
        said = operation.result if operation.outcome is Outcome.OK else None
        stated, seen = said if said is not None else (None, None)
        if operation.function == "read":
            if stated is not None and stated != version:
                return Inconsistent(f"the version is {version}, not {stated}")
            if (stated is not None or seen is not None) and canonical(seen) != value:
                return Inconsistent(f"the value is {shown(value)}, not {seen!r}")
            return state
        if operation.function not in ("write", "cas"):
            return unknown(operation)
        if stated is not None and stated != version + 1:
            return Inconsistent(f"the version would be {version + 1}, not {stated}")
        new = operation.argument[1]
        if operation.function == "cas":
            expected, new = new
            if canonical(expected) != value:
                return Inconsistent(f"the value is {shown(value)}, not {expected!r}")
        return version + 1, canonical(new)
