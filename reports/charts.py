"""Latency and throughput over time, as Vega-Lite charts with a bounded number of points.

Colours are named by role only ("category", the styles "fault" and "percentile"): the page gives
them by theme, light or dark, when it draws a chart.
"""

from typing import Any

import altair as alt
import numpy as np

from checker.availability import end_ns
from checker.columns import NEVER, OK, OUTCOMES, Columns, Ints
from checker.history import History
from reports.wording import plain

POINTS_MAX = 4_000
STEPS = 90
OUTCOME_WORDS = [outcome.value for outcome in OUTCOMES]

Row = dict[str, Any]


def charts(history: History) -> dict[str, dict[str, Any]]:
    """Vega-Lite specifications by name; none for a history without completions."""
    columns = history.columns
    if not (columns.completed_ns != NEVER).any():
        return {}
    end_s = end_ns(history) / 1e9 or 1.0
    faults = _faults(history, end_s)
    time = alt.X("t:Q").scale(domain=[0, end_s], nice=False).title("seconds since the run began")
    return {
        "latency": _latency(columns, faults, time, end_s),
        "throughput": _throughput(columns, faults, time, end_s),
    }


def _faults(history: History, end_s: float) -> alt.Chart:
    """A band for each fault."""
    rows = [
        {
            "t": fault.injected_ns / 1e9,
            "until": end_s if fault.healed_ns is None else fault.healed_ns / 1e9,
            "fault": f"{fault.number} {plain(fault.name, 60)}",
        }
        for fault in history.faults[:300]
    ]
    bands: alt.Chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_rect(style="fault")
        .encode(x=alt.X("t:Q"), x2="until", tooltip=alt.Tooltip("fault:N").title("fault"))
    )
    return bands


def _outcome() -> alt.Color:
    color = alt.Color("outcome:N").scale(domain=OUTCOME_WORDS, range="category").title(None)
    return color.legend(orient="top")


def _latency(columns: Columns, faults: alt.Chart, time: alt.X, end_s: float) -> dict[str, Any]:
    rows = np.flatnonzero(
        (columns.completed_ns != NEVER) & (columns.completed_ns > columns.invoked_ns)
    )
    latency_ms = (columns.completed_ns - columns.invoked_ns) / 1e6
    points: list[Row] = [
        {
            "t": round(columns.invoked_ns[row] / 1e9, 4),
            "ms": float(f"{latency_ms[row]:.4g}"),
            "outcome": OUTCOME_WORDS[columns.outcome[row]],
            "function": plain(columns.functions[columns.function[row]], 40),
        }
        for row in _sample(columns, rows, latency_ms)
    ]
    shown_ms = latency_ms[rows] if len(rows) else np.array([1.0])
    domain = [float(shown_ms.min()) * 0.8, float(shown_ms.max()) * 1.25]
    milliseconds = alt.Y("ms:Q").scale(type="log", domain=domain, nice=False).title("latency, ms")
    scatter = (
        alt.Chart(alt.InlineData(values=points))
        .mark_point(filled=True, size=14, opacity=0.55)
        .encode(
            x=time,
            y=milliseconds,
            color=_outcome(),
            shape=alt.Shape("outcome:N")
            .scale(domain=OUTCOME_WORDS, range=["circle", "square", "triangle-up"])
            .title(None),
            tooltip=["t:Q", "ms:Q", "outcome:N", "function:N"],
        )
    )
    lines = (
        alt.Chart(alt.InlineData(values=_percentiles(columns, latency_ms, end_s)))
        .mark_line(style="percentile", interpolate="step-after")
        .encode(x=time, y=milliseconds, strokeDash=_dash())
    )
    return finish([faults, scatter, lines], 260)


def _dash() -> alt.StrokeDash:
    return (
        alt.StrokeDash("percentile:N")
        .scale(domain=["p50", "p99"], range=[[1, 0], [5, 3]])
        .title(None)
        .legend(orient="top", symbolType="stroke", symbolStrokeWidth=2)
    )


def _sample(columns: Columns, rows: Ints, latency_ms: Any) -> Ints:
    """Rows for the scatter: those not ok and the slowest first, the rest evenly in time."""
    if len(rows) <= POINTS_MAX:
        return rows
    special = _evenly(rows[columns.outcome[rows] != OK], POINTS_MAX // 2)
    slowest = rows[np.argsort(latency_ms[rows], kind="stable")[-POINTS_MAX // 8 :]]
    chosen = np.union1d(special, slowest)
    rest = np.setdiff1d(rows, chosen)
    return np.union1d(chosen, _evenly(rest, POINTS_MAX - len(chosen)))


def _evenly(rows: Ints, most: int) -> Ints:
    if len(rows) <= most:
        return rows
    evenly: Ints = rows[np.linspace(0, len(rows) - 1, most).astype(int)]
    return evenly


def _percentiles(columns: Columns, latency_ms: Any, end_s: float) -> list[Row]:
    """p50 and p99 of `ok` operations by the step of time in which they were invoked."""
    ok = np.flatnonzero((columns.outcome == OK) & (columns.completed_ns > columns.invoked_ns))
    step = np.minimum((columns.invoked_ns[ok] / 1e9 / end_s * STEPS).astype(int), STEPS - 1)
    rows: list[Row] = []
    for number in np.unique(step).tolist():
        values = np.sort(latency_ms[ok[step == number]])
        for name, share in (("p50", 50), ("p99", 99)):
            rank = max(-(-share * len(values) // 100), 1) - 1
            rows.append({"t": round(number * end_s / STEPS, 4),
                         "ms": float(f"{values[rank]:.4g}"), "percentile": name})  # fmt: skip
    return rows


def _throughput(columns: Columns, faults: alt.Chart, time: alt.X, end_s: float) -> dict[str, Any]:
    """Completions a second by outcome, stacked; what was never completed is not in it."""
    done = np.flatnonzero(columns.completed_ns != NEVER)
    step = np.minimum((columns.completed_ns[done] / 1e9 / end_s * STEPS).astype(int), STEPS - 1)
    rows = []
    for number, word in enumerate(OUTCOME_WORDS):
        counts = np.bincount(step[columns.outcome[done] == number], minlength=STEPS).tolist()
        # The last step is told twice, so that its area has an end.
        for index, completed in enumerate([*counts, counts[-1]]):
            rows.append({"t": round(index * end_s / STEPS, 4), "outcome": word, "order": number,
                         "rate": round(completed * STEPS / end_s, 1)})  # fmt: skip
    areas = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_area(interpolate="step-after")
        .encode(
            x=time,
            y=alt.Y("rate:Q").stack("zero").title("completions a second"),
            color=_outcome(),
            order="order:Q",
        )
    )
    return finish([areas, faults], 180)


def finish(layers: list[alt.Chart], height: int) -> dict[str, Any]:
    chart = alt.layer(*layers).properties(
        width="container", height=height, background="transparent"
    )
    chart = chart.configure_view(stroke=None)
    spec: dict[str, Any] = chart.to_dict()
    # The page carries no address of any other host, not even that of a schema.
    spec.pop("$schema", None)
    return spec
