"""What of a night is not green, the worst first; and what of that is one failure, told once."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.nightly.memory import Remembered
from harness.nightly.outcome import STATUS, Ending
from harness.nightly.plan import Cell
from harness.nightly.symptom import Symptom, symptom_of

if TYPE_CHECKING:
    from harness.nightly.night import Night

WORST_FIRST = (
    Ending.VIOLATION, Ending.LIVENESS, Ending.REQUIREMENT, Ending.MISSED, Ending.ENVIRONMENT,
    Ending.KILLED, Ending.UNKNOWN, Ending.NOT_RUN,
)  # fmt: skip

_STATES = ("new", "flaky", "known")


@dataclass(frozen=True)
class NotGreen:
    """A cell that is not green, or a seed of the corpus: what came of it, and the run that shows
    it, if one does. `symptom` is None where nothing was run."""

    outcome: Ending
    cell: str
    names: dict[str, Any]
    record: dict[str, Any] | None
    symptom: Symptom | None
    remembered: Remembered

    @property
    def again(self) -> bool:
        """Whether it is of a seed that had failed before."""
        return self.record is not None and bool(self.record["corpus"])

    @property
    def repeats(self) -> bool:
        """Whether its line repeats it exactly, as only that of a simulated run does."""
        return self.record is not None and self.record["environment"] == "simulated"


def troubles(night: "Night") -> list[NotGreen]:
    """Everything that is not green: the worst first; of that what is new, and then what is
    simulated, since it repeats exactly."""
    found = [
        _trouble(night, Ending(record["outcome"]), record, record)
        for record in night.records
        if record["corpus"] and STATUS[Ending(record["outcome"])]
    ]
    for cell, outcome in night.outcomes.items():
        if STATUS[outcome]:
            found.append(_trouble(night, outcome, names_of(cell), _shown(night, cell, outcome)))
    return sorted(
        found,
        key=lambda one: (
            WORST_FIRST.index(one.outcome), _STATES.index(one.remembered.state), not one.repeats,
        ),
    )  # fmt: skip


def names_of(cell: Cell) -> dict[str, Any]:
    """What a cell is, as JSON values."""
    return {
        "cell": cell.name,
        "system": cell.system,
        "workload": cell.workload,
        "faults": cell.faults,
        "environment": cell.environment,
        "options": dict(cell.options),
    }


def _shown(night: "Night", cell: Cell, outcome: Ending) -> dict[str, Any] | None:
    """The run that made the cell what it is; of a canary that was missed, one that failed for
    another reason, or else one that passed."""
    own = [r for r in night.records if r["cell"] == cell.name and not r["corpus"]]
    wanted = (Ending.OTHERWISE, Ending.PASS) if outcome is Ending.MISSED else (outcome,)
    return next((r for one in wanted for r in own if r["outcome"] == one), None)


def _trouble(
    night: "Night", outcome: Ending, names: dict[str, Any], record: dict[str, Any] | None
) -> NotGreen:
    symptom, remembered = None, Remembered("new")
    if outcome is not Ending.NOT_RUN:
        symptom = symptom_of({**names, **(record or {})}, outcome.value)
        remembered = night.memory.remembered(symptom.fingerprint, [names["cell"]])
    return NotGreen(outcome, names["cell"], names, record, symptom, remembered)


def failures(night: "Night", found: Iterable[NotGreen]) -> list[dict[str, Any]]:
    """What failed, as JSON values, the worst first: each fingerprint once, with all its cells."""
    by_fingerprint: dict[str, list[NotGreen]] = {}
    for one in found:
        if one.symptom is not None:
            by_fingerprint.setdefault(one.symptom.fingerprint, []).append(one)
    return [_failure(night, fingerprint, own) for fingerprint, own in by_fingerprint.items()]


def _failure(night: "Night", fingerprint: str, own: list[NotGreen]) -> dict[str, Any]:
    first = min(own, key=lambda one: one.again)  # The cell's own run is shrunk; the seed's is not.
    symptom, record = first.symptom, first.record or {}
    assert symptom is not None
    cells = list(dict.fromkeys(one.cell for one in own))
    return {
        "fingerprint": fingerprint,
        "anomaly": symptom.anomaly,
        "system": symptom.system,
        "location": symptom.location,
        **night.memory.remembered(fingerprint, cells).to_json(),
        "outcome": first.outcome.value,
        "cells": cells,
        "runs": [one.record["number"] for one in own if one.record is not None],
        "reason": record.get("reason", ""),
        "again": record.get("again", ""),
        "exact": first.repeats,
        "run": record.get("run"),
        "commit": record.get("system_commit") or night.versions["commit"],
    }
