"""What came of a run, of a cell and of a night: outcomes that mean different things stay apart.

Only `VIOLATION`, `LIVENESS`, `REQUIREMENT` and `MISSED` say that something is wrong with a system,
or with the harness's power to see it. A run whose environment failed, or that was killed, says
nothing of the system; nor does one that is `UNKNOWN`. None of these is a pass.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from harness.errors import FAILED
from harness.errors import STATUS as VERDICT


class Ending(StrEnum):
    """Of a run or a cell. `CAUGHT`, `MISSED` and `OTHERWISE` are for canaries: the last is a run
    that failed, but by none of what the flaw shows."""

    PASS = "pass"
    CAUGHT = "caught"
    VIOLATION = "violation"
    LIVENESS = "liveness failure"
    REQUIREMENT = "requirement missed"
    MISSED = "canary missed"
    OTHERWISE = "failed otherwise"
    ENVIRONMENT = "environment failed"
    KILLED = "killed"
    UNKNOWN = "unknown"
    NOT_RUN = "not run"


FAILURES = (Ending.VIOLATION, Ending.LIVENESS, Ending.REQUIREMENT)
"""Outcomes that say that something is wrong with the system."""

GREEN, RED, UNKNOWN = VERDICT["valid"], VERDICT["invalid"], VERDICT["unknown"]
"""Exit statuses of a night, as those of a run; `FAILED` is the fourth."""

STATUS = {
    Ending.PASS: GREEN,
    Ending.CAUGHT: GREEN,
    Ending.VIOLATION: RED,
    Ending.LIVENESS: RED,
    Ending.REQUIREMENT: RED,
    Ending.MISSED: RED,
    Ending.ENVIRONMENT: FAILED,
    Ending.KILLED: FAILED,
    Ending.OTHERWISE: UNKNOWN,
    Ending.UNKNOWN: UNKNOWN,
    Ending.NOT_RUN: UNKNOWN,
}

_WORST = (RED, FAILED, UNKNOWN, GREEN)
WORD = {GREEN: "green", RED: "red", FAILED: "failed", UNKNOWN: "unknown"}


def of_cell(outcomes: Sequence[Ending], *, canary: bool) -> Ending:
    """What came of a cell, from its runs in their order.

    Runs that decided nothing do not hide one that did, but a failed or killed run is never passed
    over: what it would have shown is unknown. A canary is missed if it was run and never caught,
    for whatever other reason it failed.
    """
    if canary and Ending.CAUGHT in outcomes:
        return Ending.CAUGHT
    for outcome in (
        *FAILURES, Ending.ENVIRONMENT, Ending.KILLED,
    ):  # fmt: skip
        if outcome in outcomes:
            return outcome
    if Ending.OTHERWISE in outcomes:
        return Ending.MISSED
    if Ending.PASS in outcomes:
        return Ending.MISSED if canary else Ending.PASS
    return Ending.UNKNOWN if outcomes else Ending.NOT_RUN


def of_night(cells: Iterable[Ending]) -> int:
    """The exit status of a night: red before failed, failed before unknown, green if all are."""
    return min((STATUS[outcome] for outcome in cells), key=_WORST.index, default=UNKNOWN)
