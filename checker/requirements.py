"""What a run may be required to keep up: availability, recovery, latency and rate, as a sentence.

    ok>=99 during partition-minority      of 100 operations invoked meanwhile, 99 were answered
    recovery<=5s                          from every healing to the first answer after it
    failover<=2s during kill              the longest stretch of such a fault without an answer
    p99<=200ms outside faults             of the latencies of ok operations
    rate>=1000                            ok operations a second while clients call

A requirement is met, missed, or could not be measured: there was no such fault, say. It says
nothing of linearizability, whose verdict stands beside it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from checker.as_json import as_json
from checker.availability import answers, availability, rows_inside
from checker.columns import OK, Columns
from checker.history import FaultSpan, History
from checker.needs import Requirement
from checker.statistics import SECOND_NS, measured, merged_spans, percentiles
from checker.verdict import Result, Verdict
from checker.wording import plural

Mask = NDArray[np.bool_]

MISSED = "a requirement was missed"
"""How the reason of such a run begins."""


@dataclass(frozen=True, slots=True)
class Met:
    """Whether a requirement was met; None where it could not be measured. `detail` says what was
    found."""

    requirement: str
    met: bool | None
    detail: str

    def to_json(self) -> dict[str, Any]:
        return as_json(self)


def judge_requirements(
    history: History, requirements: Sequence[Requirement], families: Mapping[str, Sequence[str]]
) -> list[Met]:
    """Measure a history against each requirement; `families` has the names of each family's
    faults."""
    return [_judged(history, one, families) for one in requirements]


def missed_requirement(judged: Result, required: Sequence[Met]) -> str:
    """The sentence that says which requirements were missed, and what the history is beside that;
    "" where none was."""
    missed = [f"{one.requirement}: {one.detail}" for one in required if one.met is False]
    if not missed:
        return ""
    beside = {
        Verdict.VALID: "the history is linearizable",
        Verdict.UNKNOWN: "it is not known whether the history is linearizable",
        Verdict.INVALID: "the history is not linearizable",
    }
    return f"{MISSED} ({'; '.join(missed)}); {beside[judged.verdict]}"


def _judged(history: History, one: Requirement, families: Mapping[str, Sequence[str]]) -> Met:
    names = {one.fault, *families.get(one.fault, ())}
    spans = [s for s in history.faults if one.fault in ("", "faults") or s.name in names]
    spans = [span for span in spans if span.applied is not False]
    if one.fault and not one.outside and not spans:
        return Met(one.text, None, f"there was no {one.fault}")
    measure = _MEASURES.get(one.measure, _latency)
    value, detail = measure(history, one, spans)
    if value is None:
        return Met(one.text, None, detail)
    met = value >= one.bound if one.at_least else value <= one.bound
    return Met(one.text, met, detail)


_Found = tuple[float | None, str]


def _rows(history: History, one: Requirement, spans: Sequence[FaultSpan]) -> Mask:
    """The operations that count: invoked inside the spans, outside of all, or all of the calls."""
    columns = history.columns
    if one.fault or one.outside:
        inside = np.zeros(len(columns), np.bool_)
        for span in spans if one.fault and not one.outside else history.faults:
            first, last = rows_inside(columns, span)
            inside[first:last] = True
        return ~inside if one.outside else inside
    return np.ones(len(columns), np.bool_)


def _share(history: History, one: Requirement, spans: Sequence[FaultSpan]) -> _Found:
    rows = _rows(history, one, spans)
    invoked = int(np.count_nonzero(rows))
    if not invoked:
        return None, "nothing was invoked then"
    answered = int(np.count_nonzero(rows & answers(history.columns)))
    share = 100 * answered / invoked
    return share, f"{share:.2f} %, {answered} of {invoked}"


def _latency(history: History, one: Requirement, spans: Sequence[FaultSpan]) -> _Found:
    columns = history.columns
    rows = _rows(history, one, spans) & (columns.outcome == OK)
    found = percentiles((columns.completed_ns - columns.invoked_ns)[rows])
    if not found:
        return None, "nothing was ok then"
    took_ns = found[one.measure]
    return took_ns, f"{took_ns / 1e6:.1f} ms of {plural(int(np.count_nonzero(rows)), 'operation')}"


def _recovery(history: History, one: Requirement, spans: Sequence[FaultSpan]) -> _Found:
    """The slowest; a fault that nothing recovered from misses any bound."""
    numbers = {span.number for span in spans if span.healed is not None}
    found = [span for span in availability(history).spans if span.fault in numbers]
    if not found:
        return None, "no fault was healed"
    columns = history.columns
    healed = {span.number: span.healed or 0 for span in spans}
    for span in found:
        if span.recovery_ns is None:
            if not len(columns) or columns.invoked[-1] < healed[span.fault]:
                return None, f"nothing was invoked after {span.name} was healed"
            return float("inf"), f"nothing was answered after {span.name} was healed"
    worst = max(found, key=lambda span: span.recovery_ns or 0)
    slowest_ns = worst.recovery_ns or 0
    return slowest_ns, f"{slowest_ns / 1e9:.2f} s after {worst.name}"


def _failover(history: History, one: Requirement, spans: Sequence[FaultSpan]) -> _Found:
    numbers = {span.number for span in spans}
    found = [span for span in availability(history).spans if span.fault in numbers]
    if not found:
        return None, "there was no fault"
    worst = max(found, key=lambda span: span.failover_ns)
    return worst.failover_ns, f"{worst.failover_ns / 1e9:.2f} s without an answer in {worst.name}"


def _rate(history: History, one: Requirement, spans: Sequence[FaultSpan]) -> _Found:
    window = measured(history)
    during = merged_spans(History(columns=history.columns, faults=tuple(spans)), window)
    if one.outside:
        during = _between(merged_spans(history, window), window)
    elif not one.fault:
        during = [window]
    lasted_ns = sum(last - first for first, last in during)
    if lasted_ns <= 0:
        return None, "no time passed then"
    columns: Columns = history.columns
    done = columns.completed_ns[columns.outcome == OK]
    count = sum(int(np.count_nonzero((done >= a) & (done <= b))) for a, b in during)
    rate = count * SECOND_NS / lasted_ns
    return rate, f"{rate:.1f} a second"


def _between(spans: list[tuple[int, int]], window: tuple[int, int]) -> list[tuple[int, int]]:
    """The stretches of a window outside of all spans, which are disjoint and in order."""
    edges = [window[0], *(moment for span in spans for moment in span), window[1]]
    return list(zip(edges[::2], edges[1::2], strict=True))


_MEASURES: dict[str, Callable[[History, Requirement, Sequence[FaultSpan]], _Found]] = {
    "ok": _share, "recovery": _recovery, "failover": _failover, "rate": _rate,
}  # fmt: skip
