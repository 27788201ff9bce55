"""Latency and throughput over time, as static drawings with a bounded number of points."""

from typing import Any

import numpy as np

from checker.availability import end_ns
from checker.columns import NEVER, OK, OUTCOMES, Columns, Ints
from checker.history import History
from reports.plot import Band, Canvas, Plot, Scale
from reports.tints import tints
from reports.wording import plain

POINTS_MAX = 4_000
STEPS = 90
FEWEST = 20
"""Of fewer completed operations a chart would show nothing that the table does not."""

OUTCOME_WORDS = [outcome.value for outcome in OUTCOMES]


def charts(history: History) -> dict[str, Plot]:
    """Drawings by name; none for a history with too few completions."""
    columns = history.columns
    if int((columns.completed_ns != NEVER).sum()) < FEWEST:
        return {}
    end_s = end_ns(history) / 1e9 or 1.0
    faults = _faults(history, end_s)
    found = {
        "latency": _latency(columns, faults, end_s),
        "throughput": _throughput(columns, faults, end_s),
    }
    return {name: plot for name, plot in found.items() if plot is not None}


def _faults(history: History, end_s: float) -> list[Band]:
    """A band for each fault."""
    tint = tints(history.faults)
    return [
        Band(
            fault.injected_ns / 1e9,
            end_s if fault.healed_ns is None else fault.healed_ns / 1e9,
            f"{fault.number} {plain(fault.name, 60)}",
            plain(fault.detail, 200),
            tint[fault.name],
        )
        for fault in history.faults[:300]
    ]


def _latency(columns: Columns, faults: list[Band], end_s: float) -> Plot | None:
    rows = np.flatnonzero(
        (columns.completed_ns != NEVER) & (columns.completed_ns > columns.invoked_ns)
    )
    if not len(rows):
        return None
    latency_ms = (columns.completed_ns - columns.invoked_ns) / 1e6
    shown_ms = latency_ms[rows]
    scale = Scale(float(shown_ms.min()) * 0.8, float(shown_ms.max()) * 1.25, logarithmic=True)
    canvas = Canvas(Scale(0.0, end_s, unit=" s"), scale, 260)
    sample = _sample(columns, rows, latency_ms)
    began_s = columns.invoked_ns / 1e9
    for number, word in enumerate(OUTCOME_WORDS):
        own = sample[columns.outcome[sample] == number]
        canvas.dots(word, zip(began_s[own].tolist(), latency_ms[own].tolist(), strict=True))
    for name, points in _percentiles(columns, latency_ms, end_s).items():
        canvas.steps(name, points, end_s)
    return canvas.finish("Latency of the operations over the run’s time", faults)


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


def _percentiles(
    columns: Columns, latency_ms: Any, end_s: float
) -> dict[str, list[tuple[float, float]]]:
    """p50 and p99 of `ok` operations by the step of time in which they were invoked."""
    ok = np.flatnonzero((columns.outcome == OK) & (columns.completed_ns > columns.invoked_ns))
    step = np.minimum((columns.invoked_ns[ok] / 1e9 / end_s * STEPS).astype(int), STEPS - 1)
    lines: dict[str, list[tuple[float, float]]] = {"p50": [], "p99": []}
    for number in np.unique(step).tolist():
        values = np.sort(latency_ms[ok[step == number]])
        for name, share in (("p50", 50), ("p99", 99)):
            rank = max(-(-share * len(values) // 100), 1) - 1
            lines[name].append((number * end_s / STEPS, float(values[rank])))
    return lines


def _throughput(columns: Columns, faults: list[Band], end_s: float) -> Plot:
    """Completions a second by outcome, stacked; what was never completed is not in it."""
    done = np.flatnonzero(columns.completed_ns != NEVER)
    step = np.minimum((columns.completed_ns[done] / 1e9 / end_s * STEPS).astype(int), STEPS - 1)
    rates = [
        np.bincount(step[columns.outcome[done] == number], minlength=STEPS) * STEPS / end_s
        for number in range(len(OUTCOME_WORDS))
    ]
    edges = [number * end_s / STEPS for number in range(STEPS + 1)]
    most = float(np.sum(rates, axis=0).max())
    canvas = Canvas(Scale(0.0, end_s, unit=" s"), Scale(0.0, most * 1.05), 170)
    low = np.zeros(STEPS)
    for word, rate in zip(OUTCOME_WORDS, rates, strict=True):
        canvas.area(word, edges, low.tolist(), (low + rate).tolist())
        low = low + rate
    return canvas.finish("Operations completed a second over the run’s time", faults)
