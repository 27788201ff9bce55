"""The models that Labrys knows by name; each is a few lines, and a user's own looks the same.

`observers` and `part` only make it faster (see `checker.models.model`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from checker.columns import canonical
from checker.models.model import Inconsistent, Kind, Model, State
from checker.operation import Operation, Outcome

_ANY = (Kind.ANYTHING, Kind.ANYTHING)
_READ_LIST = (Kind.ANYTHING, Kind.LIST)


def _unknown(operation: Operation) -> Inconsistent:
    return Inconsistent(f"{operation.function!r} is no operation of this model")


@dataclass
class Register:
    """One value for each key: `read`, `write`, `cas`, `cas-mismatch`, and `append` for strings.

    A `cas` returns the value found; it took effect if that is the value expected. `cas-mismatch`
    observed only that the value was not its argument. A state is the value's canonical form.
    """

    name: str
    start: Any = None
    observers: ClassVar = frozenset({"read", "cas-mismatch"})
    functions: ClassVar = {
        **dict.fromkeys(("read", "write", "cas-mismatch", "append"), _ANY),
        "cas": (Kind.PAIR, Kind.ANYTHING),
    }

    def initial(self) -> State:
        return canonical(self.start)

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        crashed = operation.outcome is Outcome.INFO
        match operation.function:
            case "write":
                return canonical(operation.argument)
            case "append":
                if not isinstance(state, str):
                    return Inconsistent(f"{_show(state)} cannot be appended to")
                return state + str(operation.argument)
            case "read":
                if crashed or canonical(operation.result) == state:
                    return state
                return Inconsistent(f"the value is {_show(state)}, not {operation.result!r}")
            case "cas":
                expected, new = map(canonical, operation.argument)
                if crashed or canonical(operation.result) == state:
                    return new if state == expected else state
                return Inconsistent(f"the value is {_show(state)}, not {operation.result!r}")
            case "cas-mismatch":
                if crashed or canonical(operation.argument) != state:
                    return state
                return Inconsistent(f"the value is {_show(state)}, which was expected")
        return _unknown(operation)


def _show(state: State) -> str:
    return "absent" if state is None else repr(state)


@dataclass
class Queue:
    """First in, first out: `enqueue`, and `dequeue`, which returns null where it is empty."""

    name: str = "queue"
    functions: ClassVar = {"enqueue": _ANY, "dequeue": _ANY}

    def initial(self) -> State:
        return ()

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, tuple)
        crashed = operation.outcome is Outcome.INFO
        match operation.function:
            case "enqueue":
                return (*state, canonical(operation.argument))
            case "dequeue":
                first = state[0] if state else None
                if crashed or canonical(operation.result) == first:
                    return state[1:]
                return Inconsistent(f"the first value is {_show(first)}, not {operation.result!r}")
        return _unknown(operation)


@dataclass
class UnorderedQueue:
    """A bag: `enqueue`, and `dequeue` of any value that is in it, or null where it is empty.

    A dequeue that was never answered may have taken any value, and a step leads to one state only:
    so a state is the set of all bags that are possible, and a bag is its values, sorted.
    """

    name: str = "unordered-queue"
    functions: ClassVar = {"enqueue": _ANY, "dequeue": _ANY}

    def initial(self) -> State:
        return frozenset({()})

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, frozenset)
        match operation.function:
            case "enqueue":
                item = canonical(operation.argument)
                return frozenset(tuple(sorted((*bag, item), key=repr)) for bag in state)
            case "dequeue":
                any_of_them = operation.outcome is Outcome.INFO
                item = canonical(operation.result)
                left = {
                    bag[:place] + bag[place + 1 :]
                    for bag in state
                    for place, other in enumerate(bag)
                    if any_of_them or other == item
                }
                if () in state and (any_of_them or item is None):
                    left.add(())
                absent = "empty" if item is None else f"holding {item!r}"
                return frozenset(left) or Inconsistent(f"it cannot be {absent}")
        return _unknown(operation)


@dataclass
class MultiRegister:
    """Several registers that are read and written together: `txn`, a list of steps.

    A step is `["r", register, value]` or `["w", register, value]` ("read" and "write" do as well);
    the result is the same list with the values that were read, which are null in the argument. A
    transaction sees its own writes. A state is the set of all registers that are not null.
    """

    name: str = "multi-register"
    functions: ClassVar = {"txn": (Kind.STEPS, Kind.STEPS)}

    def initial(self) -> State:
        return frozenset()

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, frozenset)
        if operation.function != "txn":
            return _unknown(operation)
        registers = dict(state)
        known = operation.outcome is not Outcome.INFO
        for kind, name, value in (operation.result if known else operation.argument) or []:
            register, seen = canonical(name), canonical(value)
            if kind in ("w", "write"):
                registers[register] = seen
            elif kind not in ("r", "read"):
                return Inconsistent(f"{kind!r} is no step of a transaction")
            elif known and registers.get(register) != seen:
                found = _show(registers.get(register))
                return Inconsistent(f"{name!r} is {found}, not {value!r}")
        return frozenset(item for item in registers.items() if item[1] is not None)


@dataclass
class Set:
    """`add`, `remove` and `contains` of an element; `read` returns all elements in any order."""

    name: str = "set"
    functions: ClassVar = {
        "add": _ANY, "remove": _ANY, "contains": (Kind.ANYTHING, Kind.TRUTH), "read": _READ_LIST,
    }  # fmt: skip
    observers: ClassVar = frozenset({"read", "contains"})

    def initial(self) -> State:
        return frozenset()

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
                if crashed or frozenset(map(canonical, operation.result or [])) == state:
                    return state
                return Inconsistent(f"it holds {len(state)} elements, and others than were read")
        return _unknown(operation)


@dataclass
class AppendList:
    """`append` of an element; `read` returns all of them, oldest first."""

    name: str = "list"
    functions: ClassVar = {"append": _ANY, "read": _READ_LIST}
    observers: ClassVar = frozenset({"read"})

    def initial(self) -> State:
        return ()

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, tuple)
        match operation.function:
            case "append":
                return (*state, canonical(operation.argument))
            case "read":
                read = tuple(map(canonical, operation.result or []))
                if operation.outcome is Outcome.INFO or read == state:
                    return state
                return Inconsistent(f"it holds {len(state)} elements, not those that were read")
        return _unknown(operation)


@dataclass
class Counter:
    """`add` of an amount, and `read`; it begins at 0."""

    name: str = "counter"
    functions: ClassVar = {
        "add": (Kind.INTEGER, Kind.ANYTHING), "read": (Kind.ANYTHING, Kind.COUNT),
    }  # fmt: skip
    observers: ClassVar = frozenset({"read"})

    def initial(self) -> State:
        return 0

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, int)
        match operation.function:
            case "add":
                return state + int(operation.argument)
            case "read":
                if operation.outcome is Outcome.INFO or (operation.result or 0) == state:
                    return state
                return Inconsistent(f"the count is {state}, not {operation.result!r}")
        return _unknown(operation)


@dataclass
class Mutex:
    """`acquire` and `release`; it begins free."""

    name: str = "mutex"
    functions: ClassVar = {"acquire": _ANY, "release": _ANY}

    def initial(self) -> State:
        return False

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        match operation.function, state:
            case ("acquire", False):
                return True
            case ("release", True):
                return False
            case ("acquire" | "release", _):
                return Inconsistent("it is held" if state else "it is free")
        return _unknown(operation)


@dataclass
class UniqueIds:
    """`generate` returns an id that was never returned before."""

    name: str = "unique-ids"
    functions: ClassVar = {"generate": _ANY}

    def initial(self) -> State:
        return frozenset()

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, frozenset)
        if operation.function != "generate":
            return _unknown(operation)
        if operation.outcome is Outcome.INFO:
            return state
        given = canonical(operation.result)
        return Inconsistent(f"{given!r} was given before") if given in state else state | {given}


MODELS: dict[str, Callable[[], Model]] = {
    "register": lambda: Register("register"),
    "cas-register": lambda: Register("cas-register"),
    "etcd": lambda: Register("etcd"),
    "kv": lambda: Register("kv", ""),
    "queue": Queue,
    "unordered-queue": UnorderedQueue,
    "multi-register": MultiRegister,
    "set": Set,
    "list": AppendList,
    "counter": Counter,
    "mutex": Mutex,
    "unique-ids": UniqueIds,
}
