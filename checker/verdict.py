"""What a checker says of a history: one of three verdicts, and everything that supports it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from checker.as_json import as_json
from checker.operation import Operation

NOTHING_KNOWN = "no operation is known to have happened, so there is nothing to judge"
"""The reason why a history of failed and unanswered operations alone is `UNKNOWN`."""


class Verdict(IntEnum):
    """`VALID < UNKNOWN < INVALID`: of several verdicts the worst one, `max`, stands for all."""

    VALID = 0
    UNKNOWN = 1
    INVALID = 2

    @property
    def word(self) -> str:
        """How the verdict is written in JSON and on the screen."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Edge:
    """One operation of a counterexample must come before another, by their numbers from 1.

    `label` is for drawings ("real time"), `sentence` says why; it is empty where the explanation
    says it of several edges at once.
    """

    before: int
    after: int
    label: str
    sentence: str

    def to_json(self) -> dict[str, Any]:
        said = as_json(self)
        return {"from": said.pop("before"), "to": said.pop("after"), **said}


@dataclass(frozen=True, kw_only=True)
class Result:
    """A verdict with its reasons.

    `algorithm` is what decided: "trivial", "zones", "graph", "search" and so on. `reason` is one
    sentence; an `UNKNOWN` always has one. `key` is the key that the counterexample is about.

    An `INVALID` carries `counterexample`, operations that no order explains, oldest first, and
    `explanation`, the argument in sentences that refer to the operations by their number in the
    counterexample, from 1. `cycle` holds the edges of the argument, among them those that lead in a
    circle. A `VALID` may carry a `witness`, a linearization. `statistics` are plain JSON values.
    `weaker` works out which guarantees still held where the history is not linearizable, a
    `checker.weaker.weaker.Weaker` or None.
    """

    verdict: Verdict
    algorithm: str = ""
    reason: str = ""
    key: Any = None
    counterexample: tuple[Operation, ...] = ()
    explanation: tuple[str, ...] = ()
    cycle: tuple[Edge, ...] = ()
    witness: tuple[Operation, ...] | None = None
    statistics: dict[str, Any] = field(default_factory=dict)
    weaker: Callable[[], Any] | None = field(default=None, compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """The result as JSON values.

        Without the witness, which is as long as the history, and without `weaker`, which takes
        time to work out.
        """
        return {
            "verdict": self.verdict.word,
            "algorithm": self.algorithm,
            "reason": self.reason,
            "key": self.key,
            "counterexample": [operation.to_json() for operation in self.counterexample],
            "explanation": list(self.explanation),
            "cycle": [edge.to_json() for edge in self.cycle],
            "statistics": self.statistics,
        }
