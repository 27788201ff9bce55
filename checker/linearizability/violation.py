"""Operations of one key that contradict each other, with the reason."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from checker.operation import Operation
from checker.verdict import Result, Verdict
from checker.wording import clause, of_key, on_key, plural

NOT_SMALLEST = "There was no time to leave out all that does not matter: fewer operations may do."


@dataclass(frozen=True)
class Violation:
    """Operations that no order explains; `reason` calls them {0}, {1} and so on.

    Unless they are the `smallest`, it may be that some can be left out.
    """

    operations: tuple[Operation, ...]
    reason: str
    smallest: bool = True

    @property
    def sentence(self) -> str:
        """The reason with the operations' numbers, from 1."""
        return self.reason.format(*range(1, len(self.operations) + 1)) + ": a contradiction."

    def without(self, beginning: Collection[Operation]) -> "Violation":
        """The same without operations that stand for the state at the beginning."""
        stands = {id(operation) for operation in beginning}
        shown = tuple(o for o in self.operations if id(o) not in stands)
        numbers = iter(range(len(shown)))
        names = [
            "the beginning" if id(o) in stands else f"{{{next(numbers)}}}" for o in self.operations
        ]
        return replace(self, operations=shown, reason=self.reason.format(*names))

    def result(self, key: Any, algorithm: str) -> Result:
        """The verdict on the key."""
        count = len(self.operations)
        number = "this operation" if count == 1 else f"these {count} operations"
        told = (self.sentence,) if self.smallest else (self.sentence, NOT_SMALLEST)
        return no_order(algorithm, key, f"explains {number}", self.operations, told)


def no_order(
    algorithm: str,
    key: Any,
    does: str,
    operations: tuple[Operation, ...],
    explanation: tuple[str, ...],
) -> Result:
    """The verdict that no order of a key's operations does that: "includes operation 3"."""
    return Result(
        verdict=Verdict.INVALID,
        algorithm=algorithm,
        key=key,
        reason=of_key(key, f"no order {does}"),
        counterexample=operations,
        explanation=explanation,
    )


def impossible_in_all(key: Any, operation: Operation, states: int) -> Result:
    """The verdict that an operation is possible in none of the states that there can be."""
    told = (
        f"1: {clause(operation)}.",
        f"In whatever order the operations{on_key(key)} take effect, no more than "
        f"{plural(states, 'state')} can come of them, and none of these allows 1: a contradiction.",
    )
    result = no_order("states", key, "explains this operation", (operation,), told)
    return replace(result, statistics={"states": {"found": states, "all": True}})
