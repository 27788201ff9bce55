"""What `labrys nightly` does and says."""

import contextlib
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from harness.errors import HarnessError, UsageError
from harness.nightly.corpus import append, read_corpus
from harness.nightly.night import Night, Setting
from harness.nightly.outcome import STATUS, WORD, Outcome
from harness.nightly.plan import duration_s, read_plan
from harness.nightly.schedule import Schedule
from harness.store import RunDirectory
from reports.junit import junit
from reports.markdown import markdown
from reports.night import render_night
from reports.page import render
from reports.stored import NotARun
from reports.trend import render_trend

_GLYPHS = {0: ("✔", "green"), 1: ("✘", "red"), 2: ("?", "yellow"), 255: ("!", "magenta")}


def nightly(
    path: Path | None,
    budget: str,
    environments: Sequence[str],
    store: Path,
    *,
    seed: int,
    jobs: int,
    results: Path | None,
    corpus: Path | None,
    executor: str | None,
) -> int:
    """Run a night, write its pages, and return its exit status.

    Raises `UsageError` before anything starts: for names that do not exist, and for a budget too
    small for one run of each cell.
    """
    budget_s = duration_s(budget)
    plan = read_plan(path, environments)
    home = store / "nightly"
    corpus = corpus or home / "corpus.jsonl"
    # A seed of an environment that is left out tonight is left for another night.
    before = [
        job
        for job in read_corpus(corpus)
        if not environments or job.cell.environment in environments
    ]
    schedule = Schedule(plan.cells, before, budget_s, seed)
    results = results or home / "results.jsonl"
    for place in (results, corpus):
        if place.is_dir():
            raise UsageError(f"{place} is a directory; name a file")
    folder = RunDirectory.create(store, "nightly").path
    setting = Setting(folder, results, corpus, budget_s, seed, jobs, executor)
    night = Night(plan, schedule, setting, _watch)
    _say(f"{len(plan.cells)} cells of {plan.source}, budget {budget}, seed {seed}: {folder}")
    try:
        night.perform()
    finally:
        _close(night)
    return night.status


def _close(night: Night) -> None:
    """Write the night's last pages and record, whatever ended it."""
    told = night.to_json()
    folder = night.setting.folder
    summary = {name: value for name, value in told.items() if name not in ("runs", "cells")}
    append(night.setting.results, {**summary, "canaries": _canaries(night)})
    _write(night, told)
    _render_left(folder)
    (folder / "trend.html").write_bytes(render_trend(night.setting.results))
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if place:
        with contextlib.suppress(OSError), Path(place).open("a", encoding="utf-8") as file:
            file.write(markdown(told))
    _say(told["sentence"], night.status)
    if told["again"]:
        _say(f"  again      {told['again']}")
    _say(f"  pages      {folder / 'index.html'}")


def _canaries(night: Night) -> dict[str, str]:
    return {cell.name: outcome for cell, outcome in night.outcomes.items() if cell.canary}


def _watch(night: Night, record: dict[str, Any]) -> None:
    """Tell of a run that ended, and bring the pages up to date: a night may be killed too."""
    outcome = Outcome(record["outcome"])
    moment = datetime.fromisoformat(record["began"]).strftime("%H:%M:%S")
    said = f"{moment}  {outcome.value:<18} {record['cell']}  {record['seconds']:.1f} s"
    if record["facts"].get("runs", 1) > 1:
        said += f", {record['facts']['runs']:,} seeds"
    if record["reason"] and outcome is not Outcome.CAUGHT:
        said += f": {record['reason']}"
    _say(said, STATUS[outcome])
    _write(night, night.to_json())


def _write(night: Night, told: dict[str, Any]) -> None:
    directory = RunDirectory(night.setting.folder)
    directory.write_json("night.json", told)
    directory.write("index.html", render_night(directory.path).decode())
    directory.write("junit.xml", junit(told))
    directory.write("summary.md", markdown(told))


def _render_left(folder: Path) -> None:
    """Runs that were killed have a history and no page."""
    for path in sorted(folder.glob("runs/**/run.json")):
        if not (path.parent / "report.html").exists():
            with contextlib.suppress(NotARun, OSError, HarnessError):
                render(path.parent)


def _say(line: str, status: int | None = None) -> None:
    glyph, colour = _GLYPHS[status] if status is not None else ("", "")
    printable = "".join(sign if sign.isprintable() else "�" for sign in line)
    text = Text(f"{glyph} {printable}" if glyph else printable, style=colour)
    Console(highlight=False, soft_wrap=True).print(text)


assert set(_GLYPHS) == set(WORD)
