"""What held instead, where a history is not linearizable: guarantees, and how stale reads were."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from checker.history import History
from checker.linearizability.registers.facts import Unsupported
from checker.verdict import Result, Verdict
from checker.weaker.guarantees import guarantees
from checker.weaker.staleness import Staleness, staleness

WHOLE_UP_TO = 50_000
"""Operations up to which all keys are judged; of a longer history only the key that is violated."""


@dataclass(frozen=True)
class Weaker:
    """A result for each guarantee of `checker.weaker.guarantees.NAMES`, and the staleness of reads.

    `scope` is a clause that says of what, where that is not the whole history. `staleness` is None
    where operations are not those of registers.
    """

    guarantees: dict[str, Result]
    staleness: Staleness | None
    scope: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "scope": self.scope,
            "guarantees": {
                name: {"verdict": result.verdict.word, "reason": result.reason}
                for name, result in self.guarantees.items()
            },
            "staleness": None if self.staleness is None else self.staleness.to_json(),
            "sentences": self.sentences(),
        }

    def sentences(self) -> list[str]:
        """What held, what did not, what is not known, and how stale reads were."""
        scope = f" ({self.scope})" if self.scope else ""
        words = {
            Verdict.VALID: "still guaranteed",
            Verdict.INVALID: "did not hold either",
            Verdict.UNKNOWN: "not decided",
        }
        told = []
        for verdict, word in words.items():
            found = {name: r for name, r in self.guarantees.items() if r.verdict is verdict}
            if found:
                told.append(f"{word}{scope}: {', '.join(found)}")
            if found and verdict is Verdict.UNKNOWN:
                told[-1] += f" ({next(iter(found.values())).reason})"
        return [*told, *([] if self.staleness is None else [self.staleness.sentence()])]


def weaker(history: History, violated: Any = None, initial: Any = None) -> Weaker | None:
    """Judge a history of registers by less, where the key `violated` was not linearizable.

    None where its operations are not those of registers.
    """
    scope = ""
    if len(history) > WHOLE_UP_TO:
        columns = history.columns
        # A key that is a list is named by its stand-in where it was searched.
        named = violated if isinstance(violated, Hashable) else None
        number = max(columns.keys.find(violated), columns.keys.find_canonical(named))
        rows = columns.rows_of(number)
        scope = f"of key {violated!r} alone, since the history is long"
        if number < 0 or len(rows) > WHOLE_UP_TO:
            return None
        history = History(columns.operations(rows))
    try:
        return Weaker(guarantees(history, initial), staleness(history, initial), scope)
    except Unsupported:
        return None
