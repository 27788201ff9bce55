"""One night: carries out the jobs of a schedule one after the other, and keeps the record of each.

What is known is written down after every run, so that a night that is itself killed leaves its
records, its corpus and the directory of the run that was going on.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.clock import RealClock
from harness.nightly.corpus import add_to_corpus, append
from harness.nightly.failures import failures, names_of, troubles
from harness.nightly.finding import Finding, finding
from harness.nightly.job import SCENARIO, arguments, carry_out, limit_s
from harness.nightly.memory import PastNights
from harness.nightly.outcome import FAILURES, STATUS, Ending, of_cell, of_night
from harness.nightly.plan import Cell, Plan
from harness.nightly.schedule import Job, Schedule
from harness.nightly.symptom import symptom_of
from harness.nightly.telling import again_of, sentence
from harness.provenance import system_commit
from harness.store import RunDirectory, machine, run_name, versions

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Setting:
    """Where a night keeps what, and with how many processes a campaign runs.

    `notes` say what of the corpus is not run as it was, for the pages.
    """

    folder: Path
    results: Path
    corpus: Path
    budget_s: float
    seed: int
    jobs: int
    executor: str | None = None
    notes: tuple[str, ...] = ()
    address: str = ""
    """Where the folder that all nights share will be found by others, "" where nobody said."""


@dataclass
class Night:
    """The runs of a night so far; `watch` is called after each of them, and `memory` holds what
    earlier nights found."""

    plan: Plan
    schedule: Schedule
    setting: Setting
    watch: Callable[["Night", dict[str, Any]], None]
    memory: PastNights = field(default_factory=PastNights)
    records: list[dict[str, Any]] = field(default_factory=list)
    cells: dict[Cell, list[Ending]] = field(default_factory=dict)
    ended: str = ""
    """ "" while it goes on, then "whole" or "interrupted"."""
    doing: Job | None = None
    """The job that is going on."""

    def __post_init__(self) -> None:
        self.began = _now()
        self.versions = versions()
        self._clock = RealClock()
        self._began_ns = self._clock.now_ns()
        self.cells.update({cell: [] for cell in self.plan.cells})

    @property
    def took_s(self) -> float:
        return (self._clock.now_ns() - self._began_ns) / 1e9

    def perform(self) -> None:
        """Run until the schedule has no more jobs; an interruption passes through."""
        try:
            while (job := self.schedule.next(self.took_s)) is not None:
                self.perform_one(job)
        except BaseException:
            self.ended = "interrupted"
            raise
        self.ended = "whole"
        self._forget_canaries()

    def perform_one(self, job: Job) -> None:
        """Carry out one job, and keep what is to be kept of it."""
        number = len(self.records) + 1
        folder = self.setting.folder / "runs" / f"{number:04}-{_safe(job.cell)}"
        folder.mkdir(parents=True)
        if job.scenario is not None:
            RunDirectory(folder).write_json(SCENARIO, job.scenario)
        words = arguments(job, folder, self.setting.jobs, self.setting.executor)
        began, self.doing = _now(), job
        ended = carry_out(words, folder, limit_s(job))
        found = finding(job, ended, folder)
        settled = found.outcome not in (Ending.PASS, Ending.UNKNOWN, Ending.OTHERWISE)
        self.schedule.ended(job, ended.took_s, settled=settled)
        record = self._record(number, job, found, began, ended.took_s)
        passed = STATUS[found.outcome] == 0
        if passed and not (job.cell.canary and found.outcome is Ending.PASS):
            shutil.rmtree(folder, ignore_errors=True)
            record["run"] = None
        if not job.corpus:
            self.cells[job.cell].append(found.outcome)
        self.records.append(record)
        append(self.setting.results, record)
        if found.outcome in FAILURES:
            beside = {"outcome": found.outcome.value, "failed": began, "commit": record["commit"]}
            add_to_corpus(self.setting.corpus, job.cell, found.seed, beside, job.scenario)
        self.watch(self, record)

    @property
    def outcomes(self) -> dict[Cell, Ending]:
        """What came of each cell of the plan; a canary is missed until it is caught."""
        return {cell: of_cell(runs, canary=cell.canary) for cell, runs in self.cells.items()}

    @property
    def status(self) -> int:
        """The exit status; what the corpus showed counts as the cells do."""
        before = [Ending(record["outcome"]) for record in self.records if record["corpus"]]
        return of_night([*self.outcomes.values(), *before])

    def to_json(self) -> dict[str, Any]:
        """All that the pages tell, as plain values."""
        found = troubles(self)
        line, exact = again_of(found)
        address = self.setting.address.rstrip("/")
        return {
            "labrys": "night",
            "version": FORMAT_VERSION,
            "name": run_name(self.setting.seed),
            "began": self.began,
            "ended": self.ended,
            "seconds": round(self.took_s, 1),
            "budget_s": self.setting.budget_s,
            "seed": self.setting.seed,
            "plan": self.plan.source,
            "status": self.status,
            "sentence": sentence(self, found),
            "again": line,
            "exact": exact,
            "left_out": [f"{job.cell.name} · seed {job.seed}" for job in self.schedule.left_out],
            "notes": list(self.setting.notes),
            "address": address and f"{address}/{self.setting.folder.name}",
            "failures": failures(self, found),
            "versions": self.versions,
            "machine": machine(),
            "cells": [
                {
                    **names_of(cell),
                    "canary": cell.canary,
                    "outcome": outcome.value,
                    "runs": [
                        record["number"]
                        for record in self.records
                        if not record["corpus"] and record["cell"] == cell.name
                    ],
                }
                for cell, outcome in self.outcomes.items()
            ],
            "runs": self.records,
        }

    def _record(
        self, number: int, job: Job, found: Finding, began: str, took_s: float
    ) -> dict[str, Any]:
        record = {
            "labrys": "nightly run",
            "version": FORMAT_VERSION,
            "night": self.began,
            "number": number,
            "began": began,
            "folder": self.setting.folder.name,
            **names_of(job.cell),
            "canary": job.cell.canary,
            "corpus": job.corpus,
            "seed": found.seed,
            "outcome": found.outcome.value,
            "anomaly": found.anomaly,
            "reason": found.reason,
            "again": found.again,
            "seconds": round(took_s, 2),
            "found_s": self._found_s(job, found),
            "facts": found.facts,
            "run": self._relative(found.run),
            "commit": self.versions["commit"],
            "system_commit": system_commit(job.cell.system),
            "python": self.versions["python"],
        }
        if STATUS[found.outcome]:
            record["fingerprint"] = symptom_of(record).fingerprint
        return record

    def _found_s(self, job: Job, found: Finding) -> float | None:
        """How long the night ran a canary until it was caught."""
        if found.outcome is not Ending.CAUGHT:
            return None
        spent = [record for record in self.records if record["cell"] == job.cell.name]
        times = [record["facts"].get("calls_s") or 0.0 for record in spent]
        return round(sum(times) + (found.facts.get("calls_s") or 0.0), 3)

    def _relative(self, run: Path | None) -> str | None:
        if run is None:
            return None
        return run.resolve().relative_to(self.setting.folder.resolve()).as_posix()

    def _forget_canaries(self) -> None:
        """Remove runs in which a canary passed, if another run caught it."""
        for record in self.records:
            if record["canary"] and record["run"] and record["outcome"] == Ending.PASS:
                cell = next(cell for cell in self.cells if cell.name == record["cell"])
                if self.outcomes[cell] is Ending.CAUGHT:
                    shutil.rmtree(self.setting.folder / record["run"], ignore_errors=True)
                    record["run"] = None


def _safe(cell: Cell) -> str:
    """A name for the cell's folders."""
    text = f"{cell.system}-{cell.faults}-{cell.environment}"
    return "".join(sign if sign.isalnum() or sign in "-." else "." for sign in text)[:80]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
