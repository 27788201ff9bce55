"""Collections that can be read as a whole: sets and lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from checker.columns import canonical, canonical_items
from checker.models.known import InOrder, KnownModel, ObjectKind
from checker.models.model import ANY, READ_LIST, Inconsistent, Kind, State
from checker.models.wording import unknown
from checker.operation import Operation, Outcome


@dataclass
class Set(KnownModel):
    """`add`, `remove` and `contains` of an element; `read` returns all elements in any order."""

    kind = ObjectKind.SET
    name: str = "set"
    start: Sequence[Any] = ()
    functions: ClassVar = {
        "add": ANY, "remove": ANY, "contains": (Kind.ANYTHING, Kind.TRUTH), "read": READ_LIST,
    }  # fmt: skip
    observers: ClassVar = frozenset({"read", "contains"})

    def initial(self) -> State:
        return frozenset(map(canonical, self.start))

    def part(self, operation: Operation) -> State:
        """The element that is touched, by its canonical form; None for all of them."""
        return None if operation.function == "read" else ("element", canonical(operation.argument))

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, frozenset)
        crashed = operation.outcome is Outcome.INFO
        item = canonical(operation.argument)
        match operation.function:
            case "add":
                return state | {item}
            case "remove":
                return state - {item}
            case "contains":
                if crashed or operation.result == (item in state):
                    return state
                return Inconsistent(
                    f"{operation.argument!r} is{' not' * (item not in state)} in it"
                )
            case "read":
                read = canonical_items(operation.result)
                if crashed or (frozenset(read) == state and len(read) == len(state)):
                    return state
                if len(read) > len(set(read)):
                    return Inconsistent("it holds every element once, and one was read twice")
                return Inconsistent(f"it holds {len(state)} elements, and others than were read")
        return unknown(operation)


@dataclass
class AppendList(InOrder):
    """`append` of an element; `read` returns all of them, oldest first."""

    kind = ObjectKind.LIST
    name: str = "list"
    start: Sequence[Any] = ()
    functions: ClassVar = {"append": ANY, "read": READ_LIST}
    observers: ClassVar = frozenset({"read"})

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, tuple)
        match operation.function:
            case "append":
                return (*state, canonical(operation.argument))
            case "read":
                read = canonical_items(operation.result)
                if operation.outcome is Outcome.INFO or read == state:
                    return state
                return Inconsistent(f"it holds {len(state)} elements, not those that were read")
        return unknown(operation)
