"""Outcomes of a night's runs and cells as reports show them.

The words are those of night.json; a word that is not known here is shown as doubtful.
"""

from dataclasses import dataclass
from typing import Any

GOOD, BAD, DOUBT = "valid", "invalid", "unknown"
"""Tones, by the names that the style sheet has for verdicts."""


@dataclass(frozen=True, slots=True)
class Look:
    """How an outcome is shown. What has the lowest `rank` comes first."""

    glyph: str
    tone: str
    rank: int


_LOOKS = {
    "violation": Look("✘", BAD, 0),
    "liveness failure": Look("✘", BAD, 1),
    "requirement missed": Look("✘", BAD, 1),
    "canary missed": Look("✘", BAD, 2),
    "environment failed": Look("!", DOUBT, 3),
    "killed": Look("!", DOUBT, 4),
    "failed otherwise": Look("?", DOUBT, 5),
    "unknown": Look("?", DOUBT, 5),
    "not run": Look("–", DOUBT, 6),
    "pass": Look("✔", GOOD, 8),
    "caught": Look("✔", GOOD, 9),
}

NIGHTS = {0: ("✔", GOOD), 1: ("✘", BAD)}
"""Of a night's exit status: sign and tone; all others are doubtful."""


def look(outcome: Any) -> Look:
    """How to show an outcome."""
    return (
        _LOOKS.get(outcome, Look("?", DOUBT, 7))
        if isinstance(outcome, str)
        else Look("?", DOUBT, 7)
    )


def bad_first(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cells or runs, those that need a person first, else in their order."""
    return sorted(items, key=lambda item: look(item.get("outcome")).rank)
