"""Elections."""

from dataclasses import dataclass
from typing import Any, ClassVar

from checker.columns import canonical
from checker.models.model import Inconsistent, Kind, State
from checker.models.wording import unknown
from checker.operation import Operation, Outcome


@dataclass
class Leader:
    """`inspect` answers `[leader, term]`: a term never has two leaders.

    The leader null says that there is none as yet.
    """

    name: str = "leader"
    functions: ClassVar = {"inspect": (Kind.ANYTHING, Kind.LED)}

    def initial(self) -> State:
        return frozenset()

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        # A state is the leader of each term that has one.
        assert isinstance(state, frozenset)
        if operation.function != "inspect":
            return unknown(operation)
        answer: Any = operation.result
        if operation.outcome is Outcome.INFO or answer is None or answer[0] is None:
            return state
        leader, term = canonical(answer[0]), answer[1]
        leaders = dict(state)
        if leaders.setdefault(term, leader) != leader:
            return Inconsistent(f"the leader of term {term} is {leaders[term]!r}, not {leader!r}")
        return frozenset(leaders.items())
