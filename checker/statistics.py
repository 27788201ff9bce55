"""Counts, latencies and rates of a history: what a reader asks for after the verdict.

Rates are taken over the phase "calls" where the history names one, since warm-up, recovery and
final reads would dilute them; else from the first invocation to the last event. Percentiles are of
the nearest rank, so that each is a latency that was really observed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from checker.as_json import as_json
from checker.availability import Availability, availability, end_ns
from checker.columns import NOTHING, OK, OUTCOMES, Columns, Ints, Table
from checker.history import History

SECOND_NS = 1_000_000_000

PER_THOUSAND = {"p50": 500, "p90": 900, "p99": 990, "p99.9": 999, "max": 1000}
"""The percentiles, in thousandths."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`ok` operations that were completed within a time."""

    ok: int
    duration_ns: int

    @property
    def per_second(self) -> float | None:
        """None where no time passed."""
        return self.ok * SECOND_NS / self.duration_ns if self.duration_ns else None

    def to_json(self) -> dict[str, Any]:
        return as_json(self, "per_second")


@dataclass(frozen=True)
class Statistics:
    """The figures of one history.

    `counts` gives for each function the number of operations of each outcome; `errors` how often
    each error word came with a completion. `latency_ns` holds the percentiles of `ok` operations
    by function, and `overall_latency_ns` those of all; both are empty where nothing was `ok`.
    `concurrency` is the mean number of operations open at once, `concurrency_max` the most.
    """

    operations: int
    keys: int
    counts: dict[str, dict[str, int]]
    errors: dict[str, int]
    latency_ns: dict[str, dict[str, int]]
    overall_latency_ns: dict[str, int]
    throughput: Rate
    throughput_inside: Rate
    throughput_outside: Rate
    concurrency: float
    concurrency_max: int
    availability: Availability

    @property
    def outcomes(self) -> dict[str, int]:
        """How many operations had each outcome."""
        return {
            word.value: sum(count[word.value] for count in self.counts.values())
            for word in OUTCOMES
        }

    def to_json(self) -> dict[str, Any]:
        return as_json(self, "outcomes")


def summarize(history: History) -> Statistics:
    """All figures of a history."""
    columns = history.columns
    window = measured(history)
    latency_ns = (columns.completed_ns - columns.invoked_ns)[columns.outcome == OK]
    function = columns.function[columns.outcome == OK]
    by_function = {
        name: percentiles(latency_ns[function == number])
        for number, name in enumerate(_words(columns.functions))
    }
    overall, inside, outside = _rates(history, window)
    mean, most = _concurrency(columns, window)
    return Statistics(
        operations=len(columns),
        keys=len(columns.keys),
        counts=_counts(columns),
        errors=_errors(columns),
        latency_ns={name: values for name, values in by_function.items() if values},
        overall_latency_ns=percentiles(latency_ns),
        throughput=overall,
        throughput_inside=inside,
        throughput_outside=outside,
        concurrency=mean,
        concurrency_max=most,
        availability=availability(history),
    )


def percentiles(values: Ints) -> dict[str, int]:
    """The percentiles of `PER_THOUSAND` by nearest rank; nothing for no values."""
    if not len(values):
        return {}
    ordered = np.sort(values)
    # The rank is the share of the count, rounded up, in integers so that nothing is off by one.
    return {
        name: int(ordered[max(-(-share * len(ordered) // 1000), 1) - 1])
        for name, share in PER_THOUSAND.items()
    }


def measured(history: History) -> tuple[int, int]:
    """The time over which rates are taken, as two moments in nanoseconds."""
    columns, end = history.columns, end_ns(history)
    for number, phase in enumerate(history.phases):
        if phase.name == "calls":
            later = history.phases[number + 1 :]
            return phase.begins_ns, later[0].begins_ns if later else end
    return (int(columns.invoked_ns.min()), end) if len(columns) else (0, 0)


def merged_spans(history: History, window: tuple[int, int]) -> list[tuple[int, int]]:
    """The times inside at least one fault, within a window: disjoint and in order."""
    begin, end = window
    merged: list[tuple[int, int]] = []
    for fault in sorted(history.faults, key=lambda fault: fault.injected_ns):
        first = max(fault.injected_ns, begin)
        last = min(end if fault.healed_ns is None else fault.healed_ns, end)
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        elif first < last:
            merged.append((first, last))
    return merged


def _words(table: Table) -> list[str]:
    return [table[number] for number in range(len(table))]


def _counts(columns: Columns) -> dict[str, dict[str, int]]:
    width = len(OUTCOMES)
    cells = np.bincount(
        columns.function * width + columns.outcome, minlength=len(columns.functions) * width
    )
    return {
        name: {word.value: int(cells[row * width + i]) for i, word in enumerate(OUTCOMES)}
        for row, name in enumerate(_words(columns.functions))
    }


def _errors(columns: Columns) -> dict[str, int]:
    """How often each error came, the most frequent first."""
    pairs = np.unique(columns.error[columns.error != NOTHING], return_counts=True)
    found = [(columns.words[number], int(count)) for number, count in zip(*pairs, strict=True)]
    return dict(sorted(found, key=lambda item: (-item[1], item[0])))


def _rates(history: History, window: tuple[int, int]) -> tuple[Rate, Rate, Rate]:
    """`ok` operations a second: over the whole window, inside faults and outside of them."""
    columns = history.columns
    times = np.sort(columns.completed_ns[columns.outcome == OK])
    overall = _rate(times, [window])
    inside = _rate(times, merged_spans(history, window))
    outside = Rate(overall.ok - inside.ok, overall.duration_ns - inside.duration_ns)
    return overall, inside, outside


def _rate(times: Ints, spans: Sequence[tuple[int, int]]) -> Rate:
    """The rate over closed, disjoint spans; `times` are in order."""
    if not spans:
        return Rate(0, 0)
    firsts = np.searchsorted(times, [first for first, _ in spans])
    lasts = np.searchsorted(times, [last for _, last in spans], side="right")
    return Rate(int((lasts - firsts).sum()), sum(last - first for first, last in spans))


def _concurrency(columns: Columns, window: tuple[int, int]) -> tuple[float, int]:
    """The mean and the largest number of operations open at once within the window.

    An operation without any completion is open to the window's end. Intervals are closed.
    """
    begin, end = window
    starts = np.clip(columns.invoked_ns, begin, end)
    ends = np.clip(columns.completed_ns, begin, end)
    touches = (columns.invoked_ns <= end) & (columns.completed_ns >= begin)
    if not touches.any():
        return 0.0, 0
    starts, ends = np.sort(starts[touches]), np.sort(ends[touches])
    mean = float((ends - starts).sum()) / (end - begin) if end > begin else 0.0
    # At each start: those begun by then, less those that ended strictly before.
    begun = np.searchsorted(starts, starts, side="right")
    ended = np.searchsorted(ends, starts, side="left")
    return mean, int((begun - ended).max())
