"""The trend over nights, from the file of records that they append to: one page of charts.

Shown are the grid of cells and nights, runs, seeds a second, how soon canaries are caught, the
share that stayed undecided, and latency by system. Lines that are not a night's are passed over and
counted.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import altair as alt
from markupsafe import Markup

from reports.assets import environment, policy, source, vega
from reports.grid import grid
from reports.outcomes import DOUBT, GOOD, NIGHTS
from reports.stored import find, number
from reports.stored_night import amount
from reports.wording import count, duration, plain

NIGHTS_MAX = 120
"""The newest nights are shown; a year of cells would make no readable chart."""

ROWS_MAX = 21

SERIES_MAX = 10

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
    specifications = dict(_charts(runs, shown))
    scripts = [vega(), source("shared.js") + source("trend.js")] if specifications else []
    page = environment().get_template("trend.html.j2").render(
        nights=[_night(night, verdicts.get(night), runs) for night in shown[: -ROWS_MAX - 1 : -1]],
        grid=grid(records, folder or results),
        charts=[(name, _TITLES[name]) for name in specifications],
        data={"timeline": None, "charts": specifications},
        skipped=skipped,
        older=len(nights) - len(shown),
        styles=Markup(source("page.css") + source("night.css")),
        scripts=[Markup(script) for script in scripts],
        policy=policy(scripts) if scripts else "default-src 'none'; style-src 'unsafe-inline'",
    )  # fmt: skip
    return page.encode("utf-8", "replace")


_TITLES = {
    "runs": "Runs and simulated seeds",
    "speed": "Simulated seeds a second, by system",
    "canaries": "Time until canaries were caught, in seconds: each of them, and the median",
    "unknown": "Share of runs that stayed undecided, in percent",
    "p50": "Latency of real runs that passed, in milliseconds: p50, median of the runs",
    "p99": "Latency of real runs that passed, in milliseconds: p99, median of the runs",
}


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


def _charts(runs: list[Row], nights: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The charts for which there is anything to show."""
    found = {
        "runs": _lines(_summed(runs), "runs", nights, logarithmic=True),
        "speed": _lines(_speed(runs), "seeds a second", nights),
        "canaries": _caught(_canaries(runs), nights),
        "unknown": _lines(_unknown(runs), "percent", nights),
        "p50": _lines(_latency(runs, "p50"), "milliseconds", nights, logarithmic=True),
        "p99": _lines(_latency(runs, "p99"), "milliseconds", nights, logarithmic=True),
    }
    for name, chart in found.items():
        if chart is not None:
            yield name, _finished(chart)


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
    kept = sorted(greatest, key=lambda name: (-greatest[name], name))[:SERIES_MAX]
    return [row for row in rows if row["series"] in kept]


def _lines(
    rows: list[Row], unit: str, nights: list[str], *, logarithmic: bool = False
) -> alt.Chart | None:
    """One line a series, over the nights in their order; None where there is nothing to show."""
    if not rows:
        return None
    chart: alt.Chart = _chart(_most(rows)).mark_line(point=True).encode(
        x=_nights(nights), y=_value(rows, unit, logarithmic), color=_series(),
        tooltip=["night:O", "series:N", "value:Q"],
    )  # fmt: skip
    return chart


def _caught(rows: list[Row], nights: list[str]) -> Any:
    """A point a canary, and a line for the median of each environment."""
    if not rows:
        return None
    groups: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in rows:
        groups[row["night"], row["series"]].append(row["value"])
    medians = [_row(night, median(values), place) for (night, place), values in groups.items()]
    x, y = _nights(nights), _value(rows, "seconds", logarithmic=True)
    points = _chart(rows).mark_point(filled=True, size=28, opacity=0.5).encode(
        x=x, y=y, color=_series(), tooltip=["night:O", "canary:N", "series:N", "value:Q"]
    )  # fmt: skip
    lines = _chart(medians).mark_line().encode(x=x, y=y, color=_series())
    return alt.layer(points, lines)


def _chart(rows: list[Row]) -> alt.Chart:
    values = [{**row, "night": _short(row["night"])} for row in rows]
    return alt.Chart(alt.InlineData(values=values))


def _nights(nights: list[str]) -> alt.X:
    axis = alt.Axis(labelAngle=-40, labelOverlap="greedy", title=None)
    return alt.X("night:O").sort([_short(night) for night in nights]).axis(axis)


def _value(rows: list[Row], unit: str, logarithmic: bool) -> alt.Y:
    value = alt.Y("value:Q").title(unit)
    if logarithmic:
        return value.scale(type="log", nice=False).axis(alt.Axis(tickCount=4))
    return value.scale(domain=[0, max(1.0, *(row["value"] for row in rows))])


def _series() -> alt.Color:
    color = alt.Color("series:N").title(None).scale(scheme="tableau10")
    return color.legend(orient="bottom", columns=2, labelLimit=170)


def _finished(chart: Any) -> dict[str, Any]:
    chart = chart.properties(width="container", height=220, background="transparent")
    specification: dict[str, Any] = chart.configure_view(stroke=None).to_dict()
    # The page carries no address of any other host, not even that of a schema.
    specification.pop("$schema", None)
    return specification


def _short(night: str) -> str:
    return plain(night, 40)[5:16].replace("T", " ")
