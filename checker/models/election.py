"""Elections that are held in a store."""

from dataclasses import dataclass
from typing import Any, ClassVar

from checker.columns import canonical
from checker.models.model import Inconsistent, Kind, State
from checker.models.wording import shown, unknown
from checker.operation import Operation, Outcome


@dataclass
class Elections:
    """`campaign` of a client answers `[leader, term]`: itself, in a new term, where nobody led.

    `resign` of the leader, `{"client": c}` as well, ends its term; `observe` answers
    `[leader, term]`, the leader null where nobody leads. Terms are counted from 1, and none has two
    leaders.
    """

    name: str = "election"
    functions: ClassVar = {
        "campaign": (Kind.CLIENT, Kind.LED), "resign": (Kind.CLIENT, Kind.ANYTHING),
        "observe": (Kind.ANYTHING, Kind.LED),
    }  # fmt: skip
    observers: ClassVar = frozenset({"observe"})

    def initial(self) -> State:
        return None, 0

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        # A state is who leads, and the last term.
        assert isinstance(state, tuple)
        leader, term = state
        asked: Any = operation.argument
        match operation.function:
            case "campaign":
                after = (canonical(asked["client"]), term + 1) if leader is None else state
                return _answered(operation, after)
            case "resign":
                if leader != canonical(asked["client"]):
                    return Inconsistent(f"{shown(leader)} leads in term {term}")
                return None, term
            case "observe":
                return _answered(operation, state)
        return unknown(operation)


def _answered(operation: Operation, state: tuple[Any, Any]) -> State | Inconsistent:
    """That state, unless the answer tells of another one."""
    answer: Any = operation.result
    if operation.outcome is Outcome.INFO or answer is None:
        return state
    if (canonical(answer[0]), answer[1]) == state:
        return state
    return Inconsistent(f"{shown(state[0])} leads in term {state[1]}, not {answer!r}")
