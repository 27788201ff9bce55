"""`labrys nightly`: a matrix of runs within a budget, and the night's pages."""

import contextlib
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.commands import options
from harness.commands.output import talks
from harness.errors import HarnessError, UsageError, require_assertions

if TYPE_CHECKING:
    from harness.nightly.night import Night
    from harness.nightly.schedule import Job

_GLYPHS = {0: ("✔", "green"), 1: ("✘", "red"), 2: ("?", "yellow"), 255: ("!", "magenta")}


def nightly(
    plan: Annotated[Path | None, typer.Argument(help="A plan in TOML; else the default.")] = None,
    budget: Annotated[str, typer.Option(help="How long, such as 45m or 1h30m.")] = "45m",
    environments: Annotated[
        str | None, typer.Option(help="Only these of the plan, with commas.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Root of the night's seeds; else fresh.")] = None,
    jobs: options.Jobs = 0,
    results: Annotated[
        Path | None, typer.Option(help="Where records are appended; else in the store.")
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option(help="Seeds that once failed; else in the store.")
    ] = None,
    executor: options.Executor = None,
    address: Annotated[
        str, typer.Option(help="Where the store's nightly/ is published, for links from elsewhere.")
    ] = "",
    print_plan: Annotated[
        bool, typer.Option("--print-plan", help="Print the default plan and end.")
    ] = False,
    store: options.Store = Path("store"),
) -> None:
    """Run a matrix of systems, faults and environments within a budget; write the night's pages."""
    from rich.text import Text

    from checker.wording import plural
    from harness.commands.progress import telling
    from harness.conduct import new_seed
    from harness.durations import duration_s
    from harness.nightly.corpus import read_corpus
    from harness.nightly.memory import PastNights
    from harness.nightly.night import Night, Setting
    from harness.nightly.plan import DEFAULT, read_plan
    from harness.nightly.schedule import Schedule
    from harness.store import RunDirectory

    require_assertions()
    if print_plan:
        print(DEFAULT.read_text("utf-8"), end="")
        return
    _check(jobs, seed, executor, address)
    seed = new_seed() if seed is None else seed
    results = results or store / "nightly" / "results.jsonl"
    corpus = corpus or store / "nightly" / "corpus.jsonl"
    budget_s = duration_s(budget)
    only = [name for name in (environments or "").split(",") if name]
    planned = read_plan(plan, only)
    once_failed = read_corpus(corpus)
    schedule = Schedule(planned.cells, _tonight(once_failed.jobs, only), budget_s, seed)
    for place in (results, corpus):
        if place.is_dir():
            raise UsageError(f"{place} is a directory; name a file")
    folder = RunDirectory.create(store, "nightly").path
    jobs, notes = jobs or os.cpu_count() or 1, tuple(once_failed.notes)
    setting = Setting(folder, results, corpus, budget_s, seed, jobs, executor, notes,
                      address)  # fmt: skip
    night = Night(planned, schedule, setting, _watch, PastNights.read(results))
    cells = plural(len(planned.cells), "cell")
    _tell(f"{cells} of {planned.source}, budget {budget}, seed {seed}: {folder}")
    for note in notes:
        _tell(f"  {note}")
    try:
        with telling(lambda: Text(_so_far(night)), live=False):
            night.perform()
    finally:
        _close(night)
    raise typer.Exit(night.status)


def _check(jobs: int, seed: int | None, executor: str | None, address: str) -> None:
    """`UsageError` for what no night can do."""
    from harness.executors import known_executor

    if not (0 <= jobs <= 256 and (seed is None or 0 <= seed < 2**62)):
        raise UsageError("--jobs must be from 0 to 256, and --seed must be 0 or above")
    if executor is not None:
        known_executor(executor)
    if address and not address.startswith(("https://", "http://")):
        raise UsageError(f"--address cannot be {address!r}; begin it with https:// or http://")
    options.demand_one_way(jobs, executor)


def _tonight(once_failed: list["Job"], environments: Sequence[str]) -> list["Job"]:
    """What once failed; of an environment that is left out tonight it stays for another night."""
    return [job for job in once_failed if not environments or job.cell.environment in environments]


def _close(night: "Night") -> None:
    """Write the night's last pages and record, whatever ended it."""
    from harness.nightly.corpus import append
    from harness.store import RunDirectory
    from reports.issues import chat
    from reports.markdown import markdown
    from reports.trend import render_trend

    told = night.to_json()
    folder = night.setting.folder
    summary = {name: value for name, value in told.items() if name not in ("runs", "cells")}
    append(night.setting.results, {**summary, "canaries": _canaries(night)})
    _write(night, told)
    _render_left(folder)
    trend = render_trend(night.setting.results, folder)
    RunDirectory(folder).write("trend.html", trend.decode())
    _write_issues(folder, told)
    RunDirectory(folder).write("chat.txt", chat(told))
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if place:
        with contextlib.suppress(OSError), Path(place).open("a", encoding="utf-8") as file:
            file.write(markdown(told))
    _say(told["sentence"], night.status)
    if told["again"]:
        _tell(f"  again      {told['again']}")
    _tell(f"  pages      {folder / 'index.html'}")


def _write_issues(folder: Path, told: dict[str, Any]) -> None:
    """A file for each failure, by its fingerprint."""
    from harness.store import RunDirectory
    from reports.issues import issues

    found = issues(told, folder)
    if found:
        (folder / "issues").mkdir(exist_ok=True)
    for fingerprint, text in found.items():
        RunDirectory(folder / "issues").write(f"{fingerprint}.md", text)


def _canaries(night: "Night") -> dict[str, str]:
    return {cell.name: outcome for cell, outcome in night.outcomes.items() if cell.canary}


def _watch(night: "Night", record: dict[str, Any]) -> None:
    """Tell of a run that ended, and bring the pages up to date: a night may be killed too."""
    from checker.wording import plural
    from harness.nightly.outcome import STATUS, Ending

    outcome = Ending(record["outcome"])
    moment = datetime.fromisoformat(record["began"]).strftime("%H:%M:%S")
    said = f"{moment}  {outcome.value:<18} {record['cell']}  {record['seconds']:.1f} s"
    if record["facts"].get("runs", 1) > 1:
        said += f", {plural(record['facts']['runs'], 'seed')}"
    if record["reason"] and outcome is not Ending.CAUGHT:
        said += f": {record['reason']}"
    told = night.to_json()
    if sys.stdout.isatty() or STATUS[outcome]:  # A log gets what failed alone.
        _tell(said, STATUS[outcome])
    _write(night, told)


def _write(night: "Night", told: dict[str, Any]) -> None:
    from harness.store import RunDirectory
    from reports.junit import junit
    from reports.markdown import markdown
    from reports.night import render_night

    directory = RunDirectory(night.setting.folder)
    directory.write_json("night.json", told)
    directory.write("index.html", render_night(directory.path).decode())
    directory.write("junit.xml", junit(told, directory.path))
    directory.write("summary.md", markdown(told))


def _render_left(folder: Path) -> None:
    """Runs that were killed have a history and no page."""
    from reports.page import render
    from reports.stored import NotARun

    for path in sorted(folder.glob("runs/**/run.json")):
        if not (path.parent / "report.html").exists():
            with contextlib.suppress(NotARun, OSError, HarnessError):
                render(path.parent)


def _so_far(night: "Night") -> str:
    """ "12:03:10  14 of 43 cells, 213 runs, 1 not green; now raft · register · kill · docker"."""
    from checker.wording import plural
    from harness.nightly.outcome import STATUS, Ending

    records, cells = list(night.records), list(night.cells.values())
    ran = sum(bool(runs) for runs in cells)
    runs = sum(record["facts"].get("runs", 1) for record in records)
    bad = sum(STATUS[Ending(record["outcome"])] != 0 for record in records)
    said = f"{datetime.now(UTC):%H:%M:%S}  {ran} of {plural(len(cells), 'cell')}, "
    said += f"{plural(runs, 'run')}, {bad} not green"
    return said + (f"; now {night.doing.cell.name}" if night.doing else "")


def _tell(line: str, status: int | None = None) -> None:
    """Say what stands beside the night's sentence."""
    if talks():
        _say(line, status)


def _say(line: str, status: int | None = None) -> None:
    from rich.console import Console
    from rich.text import Text

    glyph, colour = _GLYPHS[status] if status is not None else ("", "")
    printable = "".join(sign if sign.isprintable() else "�" for sign in line)
    text = Text(f"{glyph} {printable}" if glyph else printable, style=colour)
    Console(highlight=False, soft_wrap=True).print(text)
