"""What came of a run, of a cell and of a night: outcomes that mean different things stay apart.

Only `VIOLATION`, `LIVENESS` and `MISSED` say that something is wrong with a system, or with the
harness's power to see it. A run whose environment failed, or that was killed, says nothing of the
system; nor does one that is `UNKNOWN`. None of these is a pass.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from harness.errors import FAILED
from harness.errors import STATUS as VERDICT


class Outcome(StrEnum):
    """Of a run or a cell. `CAUGHT` and `MISSED` are for canaries."""

    PASS = "pass"
    CAUGHT = "caught"
    VIOLATION = "violation"
    LIVENESS = "liveness failure"
    MISSED = "canary missed"
    ENVIRONMENT = "environment failed"
    KILLED = "killed"
    UNKNOWN = "unknown"
    NOT_RUN = "not run"


GREEN, RED, UNKNOWN = VERDICT["valid"], VERDICT["invalid"], VERDICT["unknown"]
"""Exit statuses of a night, as those of a run; `FAILED` is the fourth."""

STATUS = {
    Outcome.PASS: GREEN,
    Outcome.CAUGHT: GREEN,
    Outcome.VIOLATION: RED,
    Outcome.LIVENESS: RED,
    Outcome.MISSED: RED,
    Outcome.ENVIRONMENT: FAILED,
    Outcome.KILLED: FAILED,
    Outcome.UNKNOWN: UNKNOWN,
    Outcome.NOT_RUN: UNKNOWN,
}

_WORST = (RED, FAILED, UNKNOWN, GREEN)
WORD = {GREEN: "green", RED: "red", FAILED: "failed", UNKNOWN: "unknown"}


def of_cell(outcomes: Sequence[Outcome], *, canary: bool) -> Outcome:
    """What came of a cell, from its runs in their order.

    Runs that decided nothing do not hide one that did, but a failed or killed run is never passed
    over: nobody knows what it would have shown. A canary is missed if it was run and never caught.
    """
    if canary and Outcome.CAUGHT in outcomes:
        return Outcome.CAUGHT
    for outcome in (
        Outcome.VIOLATION, Outcome.LIVENESS, Outcome.ENVIRONMENT, Outcome.KILLED,
    ):  # fmt: skip
        if outcome in outcomes:
            return outcome
    if Outcome.PASS in outcomes:
        return Outcome.MISSED if canary else Outcome.PASS
    return Outcome.UNKNOWN if outcomes else Outcome.NOT_RUN


def of_night(cells: Iterable[Outcome]) -> int:
    """The exit status of a night: red before failed, failed before unknown, green if all are."""
    return min((STATUS[outcome] for outcome in cells), key=_WORST.index, default=UNKNOWN)
