"""The trend over nights, from the file of records that they append to: one page of charts.

Shown are the grid of cells and nights, runs, seeds a second, how soon canaries are caught, the
share that stayed undecided, and latency by system. Lines that are not a night's are passed over and
counted.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from markupsafe import Markup

from reports.assets import environment, policy, source
from reports.grid import grid
from reports.outcomes import DOUBT, GOOD, NIGHTS
from reports.plot import Canvas, Plot, Scale
from reports.series import COLOURS, Series, series
from reports.stored import find, number
from reports.stored_night import amount
from reports.wording import count, digits, duration, plain

NIGHTS_MAX = 120
"""The newest nights are shown; a year of cells would make no readable chart."""

ROWS_MAX = 21

LABELS_MAX = 8

Row = dict[str, Any]


def render_trend(results: Path, folder: Path | None = None) -> bytes:
    """The page, from a file of JSON lines; where there is none it says so. It lies in `folder`,
    that of a night, and links lead from there; else beside the results."""
    records, skipped = _read(results)
    nights = sorted({night for record in records if (night := find(record, str, "night"))})
    shown = nights[-NIGHTS_MAX:]
    runs = [record for record in records if record.get("night") in shown]
    verdicts = {
        record["began"]: record
        for record in records
        if record.get("labrys") == "night" and find(record, str, "began") in shown
    }
    page = environment().get_template("trend.html.j2").render(
        nights=[_night(night, verdicts.get(night), runs) for night in shown[: -ROWS_MAX - 1 : -1]],
        grid=grid(records, folder or results),
        charts=_charts(runs, shown),
        skipped=skipped,
        older=len(nights) - len(shown),
        styles=Markup(source("page.css") + source("series.css") + source("night.css")),
        policy=policy([]),
    )  # fmt: skip
    return page.encode("utf-8", "replace")


def _read(path: Path) -> tuple[list[Row], int]:
    """The records of nights in a file, and how many lines are none."""
    records: list[Row] = []
    skipped = 0
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return [], 0
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            skipped += 1
            continue
        if isinstance(record, dict) and record.get("labrys") in ("nightly run", "night"):
            records.append(record)
        else:
            skipped += 1
    return records, skipped


def _night(night: str, verdict: Row | None, runs: list[Row]) -> Row:
    """A row of the table of nights."""
    own = [run for run in runs if run.get("night") == night]
    status = find(verdict, int, "status")
    glyph, tone = NIGHTS.get(status, ("?", DOUBT)) if status is not None else ("–", DOUBT)
    caught = find(verdict, dict, "canaries") or {}
    sentence = plain(find(verdict, str, "sentence") or "It ended without a word.", 400)
    return {
        "began": plain(night, 40)[:16].replace("T", " "),
        "glyph": glyph,
        "tone": tone,
        "sentence": "Green" if tone == GOOD else sentence,
        "again": plain(find(verdict, str, "again") or "", 1000),
        "runs": count(sum(map(amount, own))),
        "canaries": f"{sum(one == 'caught' for one in caught.values())} of {len(caught)}",
        "took": duration((number(verdict, "seconds") or 0.0) * 1e9),
    }


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing under its title, and the series that are in it."""

    name: str
    title: str
    drawn: Plot
    marks: tuple[Series, ...]


def _charts(runs: list[Row], nights: list[str]) -> list[Chart]:
    """The charts for which there is anything to show."""
    real = "Latency of real runs that passed, in milliseconds"
    found = [
        _chart("runs", "Runs and simulated seeds", _summed(runs), nights, logarithmic=True),
        _chart("speed", "Simulated seeds a second, by system", _speed(runs), nights),
        _chart("canaries", "Time until canaries were caught, in seconds: each of them, and the "
               "median", _canaries(runs), nights, logarithmic=True),
        _chart("unknown", "Share of runs that stayed undecided, in percent", _unknown(runs),
               nights),
        _chart("p50", f"{real}: p50, median of the runs", _latency(runs, "p50"), nights,
               logarithmic=True),
        _chart("p99", f"{real}: p99, median of the runs", _latency(runs, "p99"), nights,
               logarithmic=True),
    ]  # fmt: skip
    return [chart for chart in found if chart is not None]


def _grouped(runs: Iterable[Row], *names: str) -> dict[tuple[str, ...], list[Row]]:
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for run in runs:
        groups[str(run["night"]), *(plain(run.get(name), 60) for name in names)].append(run)
    return groups


def _summed(runs: list[Row]) -> list[Row]:
    return [
        {"night": night, "value": sum(map(amount, own)), "series": environment_name}
        for (night, environment_name), own in _grouped(runs, "environment").items()
        if sum(map(amount, own))
    ]


def _speed(runs: list[Row]) -> list[Row]:
    """Seeds a second of the campaigns that were not ended by a finding."""
    rows = []
    wanted = (run for run in runs if run.get("environment") == "simulated"
              and run.get("outcome") == "pass" and not run.get("canary"))  # fmt: skip
    for (night, system), own in _grouped(wanted, "system").items():
        seconds = sum(number(run, "facts", "calls_s") or 0.0 for run in own)
        if seconds > 1:
            rows.append(_row(night, sum(map(amount, own)) / seconds, system))
    return rows


def _canaries(runs: list[Row]) -> list[Row]:
    """Of each canary, how long it took to be caught; never told as less than a millisecond."""
    rows = []
    for (night, system, place), own in _grouped(runs, "system", "environment").items():
        times = [seconds for run in own if (seconds := number(run, "found_s")) is not None]
        if times:
            rows.append({**_row(night, max(min(times), 0.001), place), "canary": system})
    return rows


def _unknown(runs: list[Row]) -> list[Row]:
    rows = []
    for (night, place), own in _grouped(runs, "environment").items():
        total = sum(map(amount, own))
        undecided = sum(number(run, "facts", "unknown") or 0 for run in own)
        if total:
            rows.append(_row(night, 100 * undecided / total, place))
    return rows


def _latency(runs: list[Row], name: str) -> list[Row]:
    """Of real runs that passed: the median over runs of a percentile."""
    rows = []
    wanted = (run for run in runs if run.get("outcome") == "pass" and not run.get("canary"))
    for (night, system, place), own in _grouped(wanted, "system", "environment").items():
        values = [ns for run in own if (ns := number(run, "facts", "latency_ns", name))]
        if values:
            rows.append(_row(night, median(values) / 1e6, f"{system}, {place}"))
    return rows


def _row(night: str, value: float, series: str) -> Row:
    return {"night": night, "value": float(f"{value:.4g}"), "series": series}


def _most(rows: list[Row]) -> list[Row]:
    """The rows of the series with the greatest values; more would not be told apart."""
    greatest: dict[str, float] = {}
    for row in rows:
        greatest[row["series"]] = max(greatest.get(row["series"], 0.0), row["value"])
    kept = sorted(greatest, key=lambda name: (-greatest[name], name))[:COLOURS]
    return [row for row in rows if row["series"] in kept]


def _chart(
    name: str, title: str, rows: list[Row], nights: list[str], *, logarithmic: bool = False
) -> Chart | None:
    """A point a value, and a line a series through the median of each night; None where there is
    nothing to show. A night tells its values where it is pointed at."""
    rows = _most(rows)
    if not rows:
        return None
    values = [row["value"] for row in rows]
    y = Scale(0.0, max(1.0, *values) * 1.05)
    if logarithmic:
        y = Scale(min(values) * 0.8, max(values) * 1.25, logarithmic=True)
    canvas = Canvas(Scale(-0.5, len(nights) - 0.5, named=_labels(nights)), y, 200)
    marks = series(dict.fromkeys(row["series"] for row in rows))
    place = {night: number for number, night in enumerate(nights)}
    for label, mark in marks.items():
        by_night: dict[int, list[float]] = defaultdict(list)
        for row in rows:
            if row["series"] == label:
                by_night[place[row["night"]]].append(row["value"])
        canvas.line(mark.role, [(at, median(by_night[at])) for at in sorted(by_night)], mark.dash)
        canvas.dots(mark.role, [(at, one) for at, own in by_night.items() for one in own])
    for night, at in place.items():
        told = [f"{row.get('canary') or row['series']} {digits(row['value'])}"
                for row in rows if row["night"] == night]  # fmt: skip
        canvas.tell(at - 0.5, at + 0.5, f"{_short(night)}: {', '.join(told) or 'nothing'}")
    return Chart(name, title, canvas.finish(title), tuple(marks.values()))


def _labels(nights: list[str]) -> tuple[tuple[float, str], ...]:
    """Some of the nights with their days; the second one of a day with its time."""
    step = -(-len(nights) // LABELS_MAX)
    named: list[tuple[float, str]] = []
    days: set[str] = set()
    for at in range(len(nights) - 1, -1, -step):
        day, _, time = _short(nights[at]).partition(" ")
        named.append((at, time if day in days else day))
        days.add(day)
    return tuple(reversed(named))


def _short(night: str) -> str:
    return plain(night, 40)[5:16].replace("T", " ")
