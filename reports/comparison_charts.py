"""Systems over one time axis, a chart for each repeat, with the faults that they all suffered.

The bands are the planned spans of the shared schedule; a fault that is aimed at the leader hits
whichever node leads in each system. Recoveries are drawn one by one, each a link to its run.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from checker.files import is_regular
from reports.comparison import ComparedRun, Comparison
from reports.measures import STEPS
from reports.plot import Band, Canvas, Label, Plot, Scale
from reports.series import Series, series
from reports.tints import TINTS
from reports.wording import digits, duration, tick

REPEATS_MAX = 10
"""This many repeats are drawn; the figures are of all."""

DOTS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class OverTime:
    """The charts of one repeat; no `latency` where nothing was ok."""

    throughput: Plot
    latency: Plot | None


def over_time(comparison: Comparison) -> dict[int, OverTime]:
    """The charts by repeat, on common scales."""
    repeats = comparison.repeats[:REPEATS_MAX]
    drawn = [run for run in comparison.runs if run.repeat in repeats and run.measured.throughput]
    if not drawn:
        return {}
    time = Scale(0.0, max(run.measured.length_s for run in drawn), unit=" s")
    rates = Scale(0.0, max(rate for run in drawn for rate in run.measured.throughput) or 1.0)
    tails = [ms for run in drawn for ms in run.measured.latency_ms if ms]
    latency = Scale(min(tails) * 0.9, max(tails) * 1.1, logarithmic=True) if tails else None
    marks = series(comparison.labels)
    charts = {}
    for repeat in repeats:
        own = [run for run in drawn if run.repeat == repeat]
        if own:
            canvas = Canvas(time, rates, 150)
            by_rate = [(run, run.measured.throughput) for run in own]
            throughput = _lines(canvas, by_rate, marks, "Ok operations a second")
            by_tail = [(run, run.measured.latency_ms) for run in own]
            p99 = None
            if latency:
                p99 = _lines(Canvas(time, latency, 150), by_tail, marks, "p99 of latency in ms")
            charts[repeat] = OverTime(throughput, p99)
    return charts


def _lines(
    canvas: Canvas,
    runs: Sequence[tuple[ComparedRun, Sequence[float | None]]],
    marks: dict[str, Series],
    name: str,
) -> Plot:
    """A line a system; what each came to is told where a step of the time is pointed at."""
    for run, values in runs:
        step_s = run.measured.length_s / len(values)
        points = [((number + 0.5) * step_s, value) for number, value in enumerate(values)]
        canvas.line(marks[run.label].role, points, marks[run.label].dash)
    step_s = canvas.x.high / STEPS
    for step in range(STEPS):
        begins_s, ends_s = step * step_s, (step + 1) * step_s
        told = [f"{run.label} {text}" for run, values in runs
                if (text := _at(run, values, (begins_s + ends_s) / 2))]  # fmt: skip
        canvas.tell(begins_s, ends_s, f"{begins_s:.1f} s: {', '.join(told)}")
    return canvas.finish(f"{name}, over the time of the calls", _bands(runs[0][0]))


def _at(run: ComparedRun, values: Sequence[float | None], at_s: float) -> str:
    """What a run came to at a moment; nothing after its end."""
    step = int(at_s / run.measured.length_s * len(values))
    if step >= len(values):
        return ""
    value = values[step]
    return "nothing ok" if value is None else digits(value)


def _bands(run: ComparedRun) -> list[Band]:
    """The planned spans; they are the same for all runs of a repeat."""
    schedule = run.measured.schedule[:300]
    kinds = list(dict.fromkeys(name.partition(" ")[2] for name, _, _ in schedule))
    return [
        Band(at_s, until_s, name, "", kinds.index(name.partition(" ")[2]) % TINTS)
        for name, at_s, until_s in schedule
    ]


@dataclass(frozen=True, slots=True)
class Dot:
    """One fault of one run: where it lies on the axis and in its row, and the page of its run."""

    share: float
    row: int
    series: Series
    title: str
    href: str


@dataclass(frozen=True, slots=True)
class Recoveries:
    """The dots of each fault by name, in as many rows as there are systems, on one axis."""

    faults: dict[str, list[Dot]]
    systems: int
    across: tuple[Label, ...]


def recoveries(comparison: Comparison, directory: Path) -> Recoveries | None:
    """How long it took after each fault of each run until something was answered again. Links lead
    from `directory`."""
    found = [
        (run, fault, fault.recovery_ns)
        for run in comparison.runs
        for fault in run.measured.faults
        if fault.recovery_ns
    ][:DOTS_MAX]
    if not found:
        return None
    shown = [ns for _, _, ns in found]
    scale = Scale(min(shown) * 0.8, max(shown) * 1.25, logarithmic=True)
    marks = series(comparison.labels)
    pages = {run.measured.directory: page_of(run, directory) for run, _, _ in found}
    faults: dict[str, list[Dot]] = {name: [] for name in sorted({f.name for _, f, _ in found})}
    for run, fault, ns in found:
        row = comparison.labels.index(run.label)
        title = (
            f"{run.label}, repeat {run.repeat}: {duration(ns)} after {fault.name}, {fault.detail}"
        )
        dot = Dot(scale.share(ns), row, marks[run.label], title, pages[run.measured.directory])
        faults[fault.name].append(dot)
    across = tuple(
        Label(scale.share(ns), tick(ns), number % 2 == 1) for number, ns in enumerate(scale.ticks())
    )
    return Recoveries(faults, len(comparison.labels), across)


def page_of(run: ComparedRun, directory: Path) -> str:
    """The address of a run's page from a directory; empty where there is no page."""
    page = os.path.relpath(run.measured.directory / "report.html", directory)
    return quote(page) if is_regular(directory / page) else ""
