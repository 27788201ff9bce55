"""The sentence of a night, and the line that repeats the worst of it."""

from typing import TYPE_CHECKING, Any

from harness.nightly.outcome import STATUS, WORD, Ending
from harness.nightly.plan import Cell

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

_ORDER = tuple(_DID)
"""What is told first."""


def sentence(night: "Night") -> str:
    """What the night says, in one sentence: the first line of its page."""
    troubles = _troubles(night)
    if night.ended != "whole":
        how = "Interrupted" if night.ended else "Still running"
        ran = sum(bool(runs) for runs in night.cells.values())
        said = f"{how} after {ran} of {len(night.cells)} cells"
        seen = [trouble for trouble in troubles if trouble[0] is not Ending.NOT_RUN]
        return f"{said}; {_first_trouble(seen)}" if seen else f"{said}; nothing failed so far"
    if troubles:
        return f"{WORD[night.status].capitalize()}: {_first_trouble(troubles)}"
    runs = sum(record["facts"].get("runs", 1) for record in night.records)
    canaries = sum(cell.canary for cell in night.cells)
    return (
        f"Green: all {len(night.cells)} cells ran, {runs:,} runs in all, "
        f"and all {canaries} canaries were caught"
    )


def again_of(night: "Night") -> tuple[str, bool]:
    """The line that repeats what the sentence names, "" where nothing failed; and whether it
    repeats it exactly, as only simulated runs do."""
    troubles = _troubles(night)
    record = troubles[0][2] if troubles else None
    return (record["again"] if record else "", _repeats(record))


def _troubles(night: "Night") -> list[tuple[Ending, Cell | str, dict[str, Any] | None]]:
    """Everything that is not green, with the run that shows it: the worst first, and of that what
    is simulated, since it repeats exactly."""
    found: list[tuple[Ending, Cell | str, dict[str, Any] | None]] = [
        (Ending(record["outcome"]), record["cell"], record)
        for record in night.records
        if record["corpus"] and STATUS[Ending(record["outcome"])]
    ]
    for cell, outcome in night.outcomes.items():
        if STATUS[outcome]:
            own = [r for r in night.records if r["cell"] == cell.name and not r["corpus"]]
            wanted = Ending.PASS if outcome is Ending.MISSED else outcome
            shown = next((r for r in own if r["outcome"] == wanted), None)
            found.append((outcome, cell, shown))
    return sorted(found, key=lambda trouble: (_ORDER.index(trouble[0]), not _repeats(trouble[2])))


def _repeats(record: dict[str, Any] | None) -> bool:
    return record is not None and record["environment"] == "simulated"


def _first_trouble(troubles: list[tuple[Ending, Cell | str, dict[str, Any] | None]]) -> str:
    outcome, cell, record = troubles[0]
    if isinstance(cell, Cell):
        system, where = cell.system, f"{cell.environment} under {_faults(cell.faults)}"
    else:
        assert record is not None
        system = record["system"]
        where = f"{record['environment']} with seed {record['seed']}, which had failed before"
    said = _DID[outcome].format(system=system, where=where)
    if record and record["reason"]:
        said += f": {record['reason'][:REASON_MAX]}" + "…" * (len(record["reason"]) > REASON_MAX)
    more = len(troubles) - 1
    if more:
        said += f"; and {more} more {'cells are' if more > 1 else 'cell is'} not green"
    return said


def _faults(faults: str) -> str:
    return {"none": "no faults", "drawn": "drawn faults"}.get(faults, faults.replace(",", " and "))
