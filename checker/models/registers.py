"""Registers, alone or several of them together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from checker.columns import canonical
from checker.models.known import KnownModel, ObjectKind
from checker.models.model import ANY, Inconsistent, Kind, State
from checker.models.wording import shown, unknown
from checker.operation import Operation, Outcome

READS = ("r", "read")
"""How a step of a transaction that reads may be written."""


@dataclass
class Register(KnownModel):
    """One value for each key: `read`, `write`, `cas`, `cas-mismatch`, and `append` for strings.

    A `cas` returns the value found; it took effect if that is the value expected. `cas-mismatch`
    observed only that the value was not its argument. A state is the value's canonical form.
    """

    kind = ObjectKind.REGISTER
    name: str
    start: Any = None
    observers: ClassVar = frozenset({"read", "cas-mismatch"})
    functions: ClassVar = {
        **dict.fromkeys(("read", "write", "cas-mismatch", "append"), ANY),
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
                    return Inconsistent(f"{shown(state)} cannot be appended to")
                return state + str(operation.argument)
            case "read":
                if crashed or canonical(operation.result) == state:
                    return state
                return Inconsistent(f"the value is {shown(state)}, not {operation.result!r}")
            case "cas":
                expected, new = map(canonical, operation.argument)
                if crashed or canonical(operation.result) == state:
                    return new if state == expected else state
                return Inconsistent(f"the value is {shown(state)}, not {operation.result!r}")
            case "cas-mismatch":
                if crashed or canonical(operation.argument) != state:
                    return state
                return Inconsistent(f"the value is {shown(state)}, which was expected")
        return unknown(operation)


@dataclass
class MultiRegister:
    """Several registers that are read and written together: `txn`, a list of steps.

    A step is `["r", register, value]` or `["w", register, value]` ("read" and "write" do as well);
    the result is the same list with the values that were read, which are null in the argument. A
    transaction sees its own writes. A state is the set of all registers that are not null.
    """

    name: str = "multi-register"
    start: Any = None
    starts_with_object: ClassVar = True
    functions: ClassVar = {"txn": (Kind.STEPS, Kind.STEPS)}

    def initial(self) -> State:
        registers = {canonical(name): canonical(v) for name, v in (self.start or {}).items()}
        return frozenset(item for item in registers.items() if item[1] is not None)

    def only_observes(self, operation: Operation) -> bool:
        """Whether a transaction writes nothing."""
        steps = operation.argument or []
        return operation.function == "txn" and all(step[0] in READS for step in steps)

    def unmissed(self, operations: Sequence[Operation]) -> Iterator[int]:
        """Unanswered transactions of whose values none was read.

        Wherever such a one stands, each of its values was overwritten before anything read it.
        """
        read = {
            (canonical(step[1]), canonical(step[2]))
            for o in operations
            if o.outcome is Outcome.OK
            for step in o.result or []
            if step[0] in READS
        }
        for place, o in enumerate(operations):
            if o.outcome is Outcome.INFO and read.isdisjoint(
                (canonical(step[1]), canonical(step[2]))
                for step in o.argument or []
                if step[0] not in READS
            ):
                yield place

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, frozenset)
        if operation.function != "txn":
            return unknown(operation)
        registers = dict(state)
        known = operation.outcome is not Outcome.INFO
        for kind, name, value in (operation.result if known else operation.argument) or []:
            register, seen = canonical(name), canonical(value)
            if kind in ("w", "write"):
                registers[register] = seen
            elif kind not in READS:
                return Inconsistent(f"{kind!r} is no step of a transaction")
            elif known and registers.get(register) != seen:
                found = shown(registers.get(register))
                return Inconsistent(f"{name!r} is {found}, not {value!r}")
        return frozenset(item for item in registers.items() if item[1] is not None)
