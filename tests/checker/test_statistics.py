"""Statistics and availability agree with the plainest recomputation from the operations."""

import itertools
from bisect import bisect_left
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.availability import availability
from checker.history import FaultSpan, History, Phase
from checker.operation import Operation, Outcome
from checker.statistics import summarize

PERCENTILES = {
    "p50": Fraction(1, 2), "p90": Fraction(9, 10), "p99": Fraction(99, 100),
    "p99.9": Fraction(999, 1000), "max": Fraction(1),
}  # fmt: skip


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Up to 20 operations and 3 faults, of which some overlap and some are never healed."""
    count = draw(st.integers(0, 20))
    wanted: list[tuple[int, int, Any]] = []
    for index in range(count):
        at = draw(st.integers(0, 60))
        wanted.append((at, 0, ("invoke", index)))
        if draw(st.booleans()):
            wanted.append((at + draw(st.integers(0, 20)), 1, ("complete", index)))
    for number in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, 60))
        wanted.append((at, 2, ("inject", number)))
        if draw(st.booleans()):
            wanted.append((at + draw(st.integers(0, 30)), 3, ("heal", number)))
    wanted.sort()
    where = {what: (line, at) for line, (at, _, what) in enumerate(wanted, start=2)}
    operations = []
    for index in range(count):
        invoked, invoked_ns = where["invoke", index]
        ended = where.get(("complete", index))
        outcome = draw(st.sampled_from(Outcome)) if ended else Outcome.INFO
        error = draw(st.sampled_from([None, "timeout", "no-leader"]))
        operations.append(Operation(
            process=index, function=draw(st.sampled_from(["read", "write"])),
            key=draw(st.sampled_from(["k", "1", 1, ["k"]])), argument=1, result=1, outcome=outcome,
            invoked=invoked, invoked_ns=invoked_ns, error=None if outcome is Outcome.OK else error,
            completed=ended[0] if ended and outcome is not Outcome.INFO else None,
            completed_ns=ended[1] if ended else None,
        ))  # fmt: skip
    operations.sort(key=lambda operation: operation.invoked)
    faults = []
    for kind, number in where:
        if kind == "inject":
            injected, healed = where["inject", number], where.get(("heal", number), (None, None))
            faults.append(FaultSpan(number, "cut", "", injected[0], healed[0], injected[1],
                                    healed[1]))  # fmt: skip
    phases = draw(st.sampled_from([(), (Phase("calls", 2, 10), Phase("recovery", 9, 50))]))
    return History(tuple(operations), tuple(faults), phases)


def answered(operation: Operation) -> bool:
    return operation.outcome is Outcome.OK or (
        operation.outcome is Outcome.FAIL and operation.error is None
    )


def last_moment(history: History) -> int:
    moments = [0, *(o.invoked_ns for o in history.operations)]
    moments += [o.completed_ns for o in history.operations if o.completed_ns is not None]
    moments += [m for f in history.faults for m in (f.injected_ns, f.healed_ns) if m is not None]
    return max(moments + [phase.begins_ns for phase in history.phases])


def window(history: History) -> tuple[int, int]:
    if history.phases:
        return 10, 50
    if not history.operations:
        return 0, 0
    return min(o.invoked_ns for o in history.operations), last_moment(history)


@given(histories())
@settings(deadline=None, max_examples=300)
def test_availability_is_answers_over_invocations_inside_and_outside_faults(history: History):
    found = availability(history)
    everything = set(range(len(history)))
    assert found.overall.invoked == len(history)
    assert found.overall.answered == sum(answered(o) for o in history.operations)
    union: set[int] = set()
    for fault, span in zip(history.faults, found.spans, strict=True):
        inside = {
            i for i, o in enumerate(history.operations)
            if o.invoked > fault.injected and (fault.healed is None or o.invoked < fault.healed)
        }  # fmt: skip
        union |= inside
        assert span.served.invoked == len(inside)
        assert span.served.answered == sum(answered(history.operations[i]) for i in inside)
    for served, rows in ((found.inside, union), (found.outside, everything - union)):
        assert served.invoked == len(rows)
        assert served.answered == sum(answered(history.operations[i]) for i in rows)


@given(histories())
@settings(deadline=None, max_examples=300)
def test_failover_is_the_longest_gap_and_recovery_the_first_answer_after_healing(history: History):
    for fault, span in zip(history.faults, availability(history).spans, strict=True):
        end = last_moment(history) if fault.healed_ns is None else fault.healed_ns
        answers = [o.completed_ns for o in history.operations if answered(o)]
        inside = sorted(t for t in answers if t is not None and fault.injected_ns <= t <= end)
        moments = [fault.injected_ns, *inside, end]
        gaps = [after - before for before, after in itertools.pairwise(moments)]
        assert span.failover_ns == max(gaps)
        later = [o.completed_ns for o in history.operations
                 if fault.healed is not None and o.invoked > fault.healed and answered(o)
                 and o.completed_ns is not None]  # fmt: skip
        expected = min(later) - fault.healed_ns if later and fault.healed_ns is not None else None
        assert span.recovery_ns == expected


@given(histories())
@settings(deadline=None, max_examples=300)
def test_counts_errors_and_percentiles(history: History):
    found = summarize(history)
    for name, counts in found.counts.items():
        for word, n in counts.items():
            same = [o for o in history.operations if (o.function, o.outcome) == (name, word)]
            assert n == len(same)
    assert sum(found.outcomes.values()) == len(history)
    assert found.keys == len({repr(operation.key) for operation in history.operations})
    for word in ("timeout", "no-leader"):
        assert found.errors.get(word, 0) == sum(o.error == word for o in history.operations)
    for name in ("read", "write"):
        taken = sorted(o.completed_ns - o.invoked_ns for o in history.operations
                       if o.function == name and o.outcome is Outcome.OK and o.completed_ns
                       is not None)  # fmt: skip
        assert bool(taken) == (name in found.latency_ns)
        for percentile, value in found.latency_ns.get(name, {}).items():
            # Nearest rank: the smallest value with at least that share at or below it.
            share = PERCENTILES[percentile]
            ranks = [Fraction(rank, len(taken)) for rank in range(1, len(taken) + 1)]
            assert value == taken[bisect_left(ranks, share)]


@given(histories())
@settings(deadline=None, max_examples=300)
def test_throughput_and_concurrency_nanosecond_by_nanosecond(history: History):
    found = summarize(history)
    begin, end = window(history)
    done = [o.completed_ns for o in history.operations
            if o.outcome is Outcome.OK and o.completed_ns is not None]  # fmt: skip
    assert found.throughput.ok == sum(begin <= t <= end for t in done)
    assert found.throughput.duration_ns == end - begin

    def faulty(first: float, last: float) -> bool:
        return any(f.injected_ns <= first and (f.healed_ns is None or last <= f.healed_ns)
                   for f in history.faults)  # fmt: skip

    inside_ns = sum(faulty(t, t + 1) for t in range(begin, end))
    assert found.throughput_inside.duration_ns == inside_ns
    assert found.throughput_outside.duration_ns == end - begin - inside_ns
    assert found.throughput_inside.ok + found.throughput_outside.ok == found.throughput.ok
    # An instant is inside if it touches a nanosecond that is: spans are closed.
    assert found.throughput_inside.ok == sum(
        begin <= t <= end and ((t > begin and faulty(t - 1, t)) or (t < end and faulty(t, t + 1)))
        for t in done
    )

    def is_open(operation: Operation, moment: float) -> bool:
        until = operation.completed_ns
        return operation.invoked_ns <= moment and (until is None or moment <= until)

    at_moments = [sum(is_open(o, t) for o in history.operations) for t in range(begin, end + 1)]
    assert found.concurrency_max == max(at_moments, default=0)
    if end > begin:
        total = sum(is_open(o, t) and is_open(o, t + 1) for t in range(begin, end)
                    for o in history.operations)  # fmt: skip
        assert found.concurrency == pytest.approx(total / (end - begin))


def test_nothing_at_all_has_figures_too():
    found = summarize(History(()))
    assert found.to_json()["outcomes"] == {"ok": 0, "fail": 0, "info": 0}
    assert found.throughput.per_second is None
    assert found.availability.overall.share is None
    assert found.availability.failover_ns is None
