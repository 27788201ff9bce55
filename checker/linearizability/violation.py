"""Operations of one key that contradict each other, with the reason."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from checker.operation import Operation
from checker.verdict import Result, Verdict
from checker.wording import of_key


@dataclass(frozen=True)
class Violation:
    """Operations that no order explains; `reason` calls them {0}, {1} and so on."""

    operations: tuple[Operation, ...]
    reason: str

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
        return Violation(shown, self.reason.format(*names))

    def result(self, key: Any, algorithm: str) -> Result:
        """The verdict on the key."""
        count = len(self.operations)
        number = "this operation" if count == 1 else f"these {count} operations"
        return no_order(algorithm, key, f"explains {number}", self.operations, (self.sentence,))


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
