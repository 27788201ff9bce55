"""What the calls of other tools mean in the terms of our models.

Most are the same everywhere: what is called and what is answered stand in `:value` one after the
other. A read has no argument, whatever its invocation says. A compare-and-set answers with the
value found; Jepsen's says again what was asked, so one that succeeded found what it expected.

What a failed compare-and-set means differs between systems: for the model `etcd` it observed that
the value was *different* (an operation `cas-mismatch` with that value as its argument); elsewhere
it did not happen. So does a read of nil: for Labrys nothing was there, for Knossos nothing is
known.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from checker.history import MalformedHistory


class NilReads(StrEnum):
    """What a read that was answered with null says."""

    ABSENT = "absent"
    """Nothing was there."""

    UNKNOWN = "unknown"
    """Nothing is known of what was there, as if the read had not been answered."""


_ALIASES = {"get": "read", "put": "write"}


@dataclass(frozen=True)
class Meaning:
    """How to take a history: for which model, with which functions by other names."""

    model: str | None = None
    renamed: dict[str, str] = field(default_factory=dict)
    nil_reads: NilReads = NilReads.ABSENT

    def function(self, name: str) -> str:
        """Our name of a function."""
        name = self.renamed.get(name, name)
        return _ALIASES.get(name, name)

    @property
    def takes_versions(self) -> bool:
        """Whether values are pairs of a version and a value, also those of a compare-and-set."""
        return self.model == "versioned-register"

    @property
    def of_one_object(self) -> bool:
        """Whether keys are names within one object, so that a call says of which it is."""
        return self.model == "kv-map"


def operation(
    meaning: Meaning, function: str, argument: Any, kind: str, result: Any, line: int
) -> tuple[str, Any, str, Any]:
    """The function, argument, outcome and result of an operation, from what its events say.

    `kind` is the type of its completion, `info` where there is none. Raises `MalformedHistory`.
    """
    if kind != "ok":
        result = None
    if function == "read":
        if not meaning.of_one_object:
            argument = None
        if result is None and kind == "ok" and meaning.nil_reads is NilReads.UNKNOWN:
            kind = "info"
    elif function == "cas":
        if meaning.of_one_object:
            return function, argument, kind, result
        if not isinstance(argument, list) or len(argument) != 2:
            raise MalformedHistory(f"line {line}: cas needs a pair, not {argument!r:.60}")
        if meaning.takes_versions:
            return function, argument, kind, result
        if kind == "ok":
            result = argument[0]
        elif kind == "fail" and meaning.model == "etcd":
            return "cas-mismatch", argument[0], "ok", None
    return function, argument, kind, result
