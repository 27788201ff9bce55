"""An operation: what one process called, and what it was answered."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What is known of an operation: it happened, it never did and never will, or it may have."""

    OK = "ok"
    FAIL = "fail"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Operation:
    """One invocation and its completion, if any, by one process.

    `invoked` and `completed` are positions in the log (of any events, hence not dense); `completed`
    is None where the outcome is `INFO`, since the operation may take effect at any later time. The
    interval is closed. `version`, if the system reported one, is its own number of the key's state
    after the operation; `node` is who answered, and `error` the word of the refusal.
    """

    process: int
    function: str
    key: Any
    argument: Any
    result: Any
    outcome: Outcome
    invoked: int
    completed: int | None
    invoked_ns: int
    completed_ns: int | None
    node: str | None = None
    error: str | None = None
    version: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}
