"""The sentence of a night, and the line that repeats the worst of it."""

from typing import TYPE_CHECKING

from checker.wording import joined, plural
from harness.nightly.failures import NotGreen
from harness.nightly.outcome import WORD, Ending

if TYPE_CHECKING:
    from harness.nightly.night import Night

_DID = {
    Ending.VIOLATION: "{system} failed in {where}",
    Ending.LIVENESS: "{system} did not serve again after healing in {where}",
    Ending.REQUIREMENT: "{system} missed what is required of it in {where}",
    Ending.MISSED: "the canary {system} was not caught in {where}",
    Ending.ENVIRONMENT: "{system} could not be run in {where}",
    Ending.KILLED: "a run of {system} ended without a verdict in {where}",
    Ending.UNKNOWN: "{system} stayed undecided in {where}",
    Ending.NOT_RUN: "{system} was not run in {where}",
}

REASON_MAX = 160

CANARIES_MAX = 3
"""How many missed canaries are named; of more, their number is told."""


def sentence(night: "Night", troubles: list[NotGreen]) -> str:
    """What the night says, in one sentence: the first line of its page."""
    if night.ended != "whole":
        how = "Interrupted" if night.ended else "Still running"
        ran = sum(bool(runs) for runs in night.cells.values())
        said = f"{how} after {ran} of {plural(len(night.cells), 'cell')}"
        seen = [trouble for trouble in troubles if trouble.outcome is not Ending.NOT_RUN]
        return f"{said}; {_told(seen)}" if seen else f"{said}; nothing failed so far"
    if troubles:
        return f"{WORD[night.status].capitalize()}: {_told(troubles)}"
    runs = sum(record["facts"].get("runs", 1) for record in night.records)
    canaries = sum(cell.canary for cell in night.cells)
    return (
        f"Green: {_all(len(night.cells), 'cell')} ran, {plural(runs, 'run')} in all, "
        f"and {_all(canaries, 'canary', 'canaries')} {'was' if canaries == 1 else 'were'} caught"
    )


def again_of(troubles: list[NotGreen]) -> tuple[str, bool]:
    """The line that repeats what the sentence names, "" where nothing failed; and whether it
    repeats it exactly."""
    if not troubles or troubles[0].record is None:
        return "", False
    return str(troubles[0].record["again"]), troubles[0].repeats


def _told(troubles: list[NotGreen]) -> str:
    """The worst in full, then each canary that was missed, then how many more there are."""
    first, *others = troubles
    said = _in_full(first)
    missed = [one for one in others if one.outcome is Ending.MISSED]
    if missed:
        said += f"; {_canaries(missed)}"
    more = len(others) - len(missed)
    if more:
        new = sum(one.symptom is not None and one.remembered.state == "new" for one in others
                  if one.outcome is not Ending.MISSED)  # fmt: skip
        are = "cells are" if more > 1 else "cell is"
        said += f"; and {more} more {are} not green" + (f" ({new} new)" if new else "")
    return said


def _in_full(trouble: NotGreen) -> str:
    names, record = trouble.names, trouble.record
    where = f"{names['environment']} under {_faults(names['faults'])}"
    if trouble.again and record is not None:
        where = f"{names['environment']} with seed {record['seed']}, which had failed before"
    said = _DID[trouble.outcome].format(system=names["system"], where=where)
    if trouble.symptom is not None:
        said += f" ({memory_of(trouble)})"
    reason = (record["reason"] if record else "").removesuffix(".")
    if reason:
        said += f": {reason[:REASON_MAX]}" + "…" * (len(reason) > REASON_MAX)
    return said


def memory_of(trouble: NotGreen) -> str:
    """ "new", or "known since 2026-11-23"."""
    known = trouble.remembered
    return known.state + (f" since {known.first_seen[:10]}" if known.first_seen else "")


def _canaries(missed: list[NotGreen]) -> str:
    if len(missed) > CANARIES_MAX:
        return f"{len(missed)} canaries were not caught"
    names = [f"{one.names['system']} in {one.names['environment']}" for one in missed]
    word = "canary" if len(missed) == 1 else "canaries"
    return f"the {word} {joined(names)} {'was' if len(missed) == 1 else 'were'} not caught"


def _all(count: int, word: str, words: str = "") -> str:
    """ "the one cell", "all 12 cells"."""
    return f"the one {word}" if count == 1 else f"all {plural(count, word, words)}"


def _faults(faults: str) -> str:
    return {"none": "no faults", "drawn": "drawn faults"}.get(faults, faults.replace(",", " and "))
