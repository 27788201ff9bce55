"""Systems over one time axis, a chart for each repeat, with the faults that they all suffered.

The bands are the planned spans of the shared schedule; a fault that is aimed at the leader hits
whichever node leads in each system. Colours are named by role ("category", the style "fault"): the
page gives them by theme. Systems are told apart by dashes and shapes too.
"""

from typing import Any

import altair as alt

from reports.comparison import ComparedRun, Comparison
from reports.vega import finish

REPEATS_MAX = 10
"""This many repeats are drawn; the figures are of all."""

DOTS_MAX = 3_000
DASHES = [[1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [10, 4], [4, 1], [1, 3], [12, 2]]
SHAPES = {
    "circle": "●", "square": "■", "triangle-up": "▲", "diamond": "◆",
    "cross": "✚", "triangle-down": "▼", "triangle-right": "▶", "triangle-left": "◀",
}  # fmt: skip
"""The marks of systems in the chart of recoveries, and how they are drawn beside the names."""

Spec = dict[str, Any]


def comparison_charts(comparison: Comparison) -> dict[str, Spec]:
    """Vega-Lite specifications: "throughput-N" and "latency-N" by repeat, and "recovery"."""
    repeats = comparison.repeats[:REPEATS_MAX]
    drawn = [run for run in comparison.runs if run.repeat in repeats and run.measured.throughput]
    if not drawn:
        return {}
    length_s = max(run.measured.length_s for run in drawn)
    labels = list(comparison.labels)
    rates = [rate for run in drawn for rate in run.measured.throughput]
    tails = [ms for run in drawn for ms in run.measured.latency_ms if ms]
    charts: dict[str, Spec] = {}
    for repeat in repeats:
        own = [run for run in drawn if run.repeat == repeat]
        if not own:
            continue
        time = alt.X("t:Q").scale(domain=[0, length_s], nice=False)
        time = time.title("seconds since the calls began")
        rate = alt.Y("rate:Q").scale(domain=[0, max(rates) or 1]).title("ok a second")
        charts[f"throughput-{repeat}"] = _lines(own, time, rate, labels, "rate")
        if tails:
            scale = alt.Y("ms:Q").scale(type="log", domain=[min(tails), max(tails)], nice=False)
            charts[f"latency-{repeat}"] = _lines(own, time, scale.title("p99, ms"), labels, "ms")
    recovery = _recovery(comparison, labels)
    return charts | ({"recovery": recovery} if recovery else {})


def _lines(runs: list[ComparedRun], time: alt.X, y: alt.Y, labels: list[str], name: str) -> Spec:
    rows = []
    for run in runs:
        series = run.measured.throughput if name == "rate" else run.measured.latency_ms
        step_s = run.measured.length_s / len(series)
        rows += [
            {"t": round((n + 0.5) * step_s, 3), name: value, "system": run.label}
            for n, value in enumerate(series)
        ]
    lines = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(strokeWidth=1.8, invalid="break-paths-show-path-domains")
        .encode(
            x=time,
            y=y,
            color=_color(labels),
            strokeDash=alt.StrokeDash("system:N")
            .scale(domain=labels, range=_cycled(DASHES, len(labels)))
            .legend(None),
            tooltip=["system:N", "t:Q", f"{name}:Q"],
        )
    )
    return finish([_bands(runs[0]), lines], 150)


def _bands(run: ComparedRun) -> alt.Chart:
    """The planned spans; they are the same for all runs of a repeat."""
    rows = [
        {"t": at, "until": until, "fault": name} for name, at, until in run.measured.schedule[:300]
    ]
    bands: alt.Chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_rect(style="fault")
        .encode(x=alt.X("t:Q"), x2="until", tooltip=alt.Tooltip("fault:N").title("fault"))
    )
    return bands


def _recovery(comparison: Comparison, labels: list[str]) -> Spec:
    """A dot for each fault of each run: how long until something was answered again."""
    rows: list[dict[str, Any]] = [
        {"ms": float(f"{fault.recovery_ns / 1e6:.4g}"), "fault": fault.name, "system": run.label,
         "repeat": run.repeat, "detail": fault.detail}
        for run in comparison.runs
        for fault in run.measured.faults
        if fault.recovery_ns
    ][:DOTS_MAX]  # fmt: skip
    if not rows:
        return {}
    names = sorted({row["fault"] for row in rows})
    shown = [row["ms"] for row in rows]
    domain = [min(shown) * 0.8, max(shown) * 2]
    milliseconds = alt.X("ms:Q").scale(type="log", domain=domain, nice=False)
    dots = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_point(filled=True, size=45, opacity=0.75)
        .encode(
            x=milliseconds.title("recovery, ms"),
            y=alt.Y("fault:N")
            .scale(domain=names, padding=0.25)
            .title(None)
            .axis(labelLimit=150, grid=True, bandPosition=0, tickBand="extent"),
            yOffset=alt.YOffset("system:N").scale(domain=labels, padding=0.5),
            color=_color(labels),
            shape=alt.Shape("system:N")
            .scale(domain=labels, range=_cycled(list(SHAPES), len(labels)))
            .legend(None),
            tooltip=["system:N", "fault:N", "detail:N", "repeat:Q", "ms:Q"],
        )
    )
    return finish([dots], (14 * len(labels) + 10) * len(names))


def _color(labels: list[str]) -> alt.Color:
    return alt.Color("system:N").scale(domain=labels, range="category").legend(None)


def _cycled(marks: list[Any], count: int) -> list[Any]:
    return [marks[n % len(marks)] for n in range(count)]
