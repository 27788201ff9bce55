"""The figures of one stored run: what a comparison takes from it, by name.

Counts, rates, latencies and availability are those of `checker.statistics`, as the run's page shows
them. What is added here is told by family of faults, by operation, and over the time of the calls.
A figure that a run does not have is left out: a run without kills says nothing of kills.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from checker.as_json import as_json
from checker.availability import SpanAvailability
from checker.columns import OK, Columns
from checker.history import FaultSpan, History
from checker.linearizability.registers.facts import Unsupported
from checker.statistics import Statistics, measured, merged_spans, percentiles, summarize
from checker.weaker.staleness import staleness
from reports.stored import StoredRun, find, number, objects
from reports.wording import plain

STEPS = 60
"""Into this many steps the time of the calls is cut for charts."""

STALE_UP_TO = 300_000
"""Operations up to which staleness is measured: it takes every one as an object."""

QUANTILES = (0.0, *(n / 50 for n in range(1, 49)), 0.97, 0.98, 0.99, 0.995, 0.999, 1.0)
"""The shares of calls of which the latency is kept, for curves."""

SHOWN_PERCENTILES = ("p50", "p90", "p99")


@dataclass(frozen=True, slots=True)
class MeasuredFault:
    """One fault of the schedule as this run suffered it; times from the beginning of the calls.

    `recovery_ns` is None where nothing invoked after the healing was answered.
    """

    number: int
    name: str
    family: str
    detail: str
    at_ns: int
    until_ns: int | None
    invoked: int
    answered: int
    silence_ns: int
    recovery_ns: int | None

    def to_json(self) -> dict[str, Any]:
        return as_json(self)


@dataclass(frozen=True)
class Measured:
    """A run's identity, verdict and figures; rates are a second, times nanoseconds, shares 0 to 1.

    `schedule` is what was planned: name, and seconds from the beginning of the calls. `throughput`
    and `latency_ms` (the 99th percentile, None where nothing was ok) have one value for each of
    `STEPS` steps of the `length_s` seconds of calls.
    """

    directory: Path
    run: dict[str, Any]
    system: str
    seed: int
    verdict: str
    linearizable: str
    reason: str
    operations: int
    figures: dict[str, float]
    faults: tuple[MeasuredFault, ...]
    schedule: tuple[tuple[str, float, float], ...]
    world: dict[str, Any]
    length_s: float
    throughput: tuple[float, ...]
    latency_ms: tuple[float | None, ...]
    quantiles_ns: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """Of `ok` operations by function: the latencies at `QUANTILES`."""

    @property
    def config(self) -> dict[str, Any]:
        return find(self.run, dict, "config") or {}


def measure(stored: StoredRun, world: dict[str, Any] | None = None) -> Measured:
    """Measure a run that was judged; `world` is what its simulated world was, if it had one."""
    assert stored.directory is not None, "only runs are compared"
    history = stored.history
    statistics = summarize(history)
    begin_ns, end_ns = measured(history)
    faults = _faults(stored, statistics, begin_ns)
    throughput, latency_ms = _series(history.columns, begin_ns, end_ns)
    return Measured(
        directory=stored.directory,
        run=stored.run,
        system=plain(stored.run.get("system", "unknown"), 80),
        seed=find(stored.run, int, "seed") or 0,
        verdict=stored.verdict or "unknown",
        linearizable=find(stored.result, str, "linearizability", "verdict") or "unknown",
        reason=plain(stored.result.get("reason") or "", 400),
        operations=statistics.operations,
        figures={
            **_throughput(statistics),
            **_latencies(statistics),
            **_by_family(history, statistics, faults, (begin_ns, end_ns)),
            **_serving(stored),
            **costs(stored, statistics),
            **_stale(stored),
        },
        faults=faults,
        schedule=tuple(_schedule(stored)),
        world=world or {},
        length_s=(end_ns - begin_ns) / 1e9,
        throughput=throughput,
        latency_ms=latency_ms,
        quantiles_ns=_quantiles(history.columns),
    )


def _quantiles(columns: Columns) -> dict[str, tuple[float, ...]]:
    took_ns = columns.completed_ns - columns.invoked_ns
    found = {}
    for number_ in sorted(set(columns.function.tolist())):
        own = took_ns[(columns.outcome == OK) & (columns.function == number_)]
        if len(own):
            name = plain(columns.functions[number_], 40)
            found[name] = tuple(np.quantile(own, QUANTILES).tolist())
    return found


def _throughput(statistics: Statistics) -> dict[str, float]:
    rates = {
        "throughput.outside": statistics.throughput_outside,
        "throughput.overall": statistics.throughput,
        "throughput.inside": statistics.throughput_inside,
    }
    return {name: rate.per_second for name, rate in rates.items() if rate.per_second is not None}


def _latencies(statistics: Statistics) -> dict[str, float]:
    """Of `ok` operations, by function."""
    return {
        f"latency.{plain(function, 40)}.{name}": float(values[name])
        for function, values in sorted(statistics.latency_ns.items())
        for name in SHOWN_PERCENTILES
    }


def _faults(stored: StoredRun, statistics: Statistics, begin_ns: int) -> tuple[MeasuredFault, ...]:
    """The faults of the schedule; what outlasts the healing belongs to none of its families."""
    families = {fault.get("number"): fault.get("family") for fault in _planned(stored)}
    spans = zip(stored.history.faults, statistics.availability.spans, strict=True)
    return tuple(
        _fault(span, served, plain(families[span.number], 40), begin_ns)
        for span, served in spans
        if span.number in families
    )


def _fault(span: FaultSpan, served: SpanAvailability, family: str, begin_ns: int) -> MeasuredFault:
    return MeasuredFault(
        number=span.number,
        name=plain(span.name, 60),
        family=family,
        detail=plain(span.detail, 200),
        at_ns=span.injected_ns - begin_ns,
        until_ns=None if span.healed_ns is None else span.healed_ns - begin_ns,
        invoked=served.served.invoked,
        answered=served.served.answered,
        silence_ns=served.failover_ns,
        recovery_ns=served.recovery_ns,
    )


def _by_family(
    history: History,
    statistics: Statistics,
    faults: tuple[MeasuredFault, ...],
    window: tuple[int, int],
) -> dict[str, float]:
    """What was answered, kept up and recovered, family by family."""
    figures: dict[str, float] = {}
    outside = statistics.throughput_outside.per_second
    columns = history.columns
    ok_ns = np.sort(columns.completed_ns[columns.outcome == OK])
    for family in sorted({fault.family for fault in faults}):
        own = [fault for fault in faults if fault.family == family]
        numbers = {fault.number for fault in own}
        spans = [span for span in history.faults if span.number in numbers]
        merged = merged_spans(History(columns=columns, faults=tuple(spans)), window)
        length_ns = sum(last - first for first, last in merged)
        if length_ns and outside:
            done = sum(
                int(np.searchsorted(ok_ns, last, "right") - np.searchsorted(ok_ns, first))
                for first, last in merged
            )
            figures[f"kept.{family}"] = done * 1e9 / length_ns / outside
        invoked = sum(fault.invoked for fault in own)
        if invoked:
            figures[f"answered.{family}"] = sum(fault.answered for fault in own) / invoked
        figures[f"silence.{family}"] = sum(fault.silence_ns for fault in own) / len(own)
        known = [fault.recovery_ns for fault in own if fault.recovery_ns is not None]
        if known:
            figures[f"recovery.{family}"] = sum(known) / len(known)
    return figures


def _serving(stored: StoredRun) -> dict[str, float]:
    """How long it took until every node served again after the last healing."""
    took_ns = number(stored.result, "liveness", "recovery_ns")
    return {} if took_ns is None else {"recovery.every node": float(took_ns)}


def costs(stored: StoredRun, statistics: Statistics) -> dict[str, float]:
    """What all nodes together did, for each `ok` operation of the run."""
    nodes = find(stored.result, dict, "counters") or {}
    done = statistics.outcomes["ok"]
    if not done:
        return {}
    figures = {}
    for name in ("messages_sent", "bytes_sent", "fsyncs"):
        told = [n for counters in nodes.values() if (n := number(counters, name)) is not None]
        if told:
            figures[f"cost.{name}"] = sum(told) / done
    return figures


def _stale(stored: StoredRun) -> dict[str, float]:
    """How many reads were stale, and by how much at worst: none where there is an order."""
    verdict = find(stored.result, str, "linearizability", "verdict")
    columns = stored.history.columns
    if columns.functions.find("read") < 0:
        return {}
    if verdict == "valid":
        # A stale read contradicts the order of writes by itself, so a valid history has none.
        return {"stale.share": 0.0, "stale.age": 0.0}
    if verdict != "invalid" or len(columns) > STALE_UP_TO:
        return {}
    try:
        found = staleness(stored.history)
    except Unsupported:
        return {}
    if not found.reads:
        return {}
    worst_ns = max((read.age_ns for read in found.stale), default=0)
    return {"stale.share": len(found.stale) / found.reads, "stale.age": float(worst_ns)}


def _planned(stored: StoredRun) -> list[dict[str, Any]]:
    return list(objects(stored.run, "schedule"))


def _schedule(stored: StoredRun) -> list[tuple[str, float, float]]:
    rows = []
    for fault in _planned(stored):
        at_ns, until_ns = number(fault, "at_ns"), number(fault, "until_ns")
        if at_ns is not None and until_ns is not None:
            name = f"{plain(fault.get('number'), 20)} {plain(fault.get('name'), 60)}"
            rows.append((name, at_ns / 1e9, until_ns / 1e9))
    return rows


def _series(
    columns: Columns, begin_ns: int, end_ns: int
) -> tuple[tuple[float, ...], tuple[float | None, ...]]:
    """For each step of the calls: `ok` completions a second, and the 99th percentile of latency."""
    if end_ns <= begin_ns:
        return (), ()
    step_ns = (end_ns - begin_ns) / STEPS
    ok = columns.outcome == OK
    completed = ((columns.completed_ns[ok] - begin_ns) // step_ns).astype(np.int64)
    inside = completed[(completed >= 0) & (completed < STEPS)]
    counts = np.bincount(inside, minlength=STEPS)
    invoked = ((columns.invoked_ns[ok] - begin_ns) // step_ns).astype(np.int64)
    took_ns = (columns.completed_ns - columns.invoked_ns)[ok]
    latencies = (percentiles(took_ns[invoked == step]).get("p99") for step in range(STEPS))
    return (
        tuple(float(f"{count / step_ns * 1e9:.5g}") for count in counts.tolist()),
        tuple(None if ns is None else float(f"{ns / 1e6:.4g}") for ns in latencies),
    )
