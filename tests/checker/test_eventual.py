"""What is promised for the end alone is judged by each node's last read after healing."""

from collections.abc import Sequence
from itertools import count
from random import Random
from typing import Any

import pytest

from checker.eventual import judge_counter, judge_set, possible_sums
from checker.history import History, Phase
from checker.operation import Operation, Outcome
from checker.verdict import Result, Verdict
from workloads.eventual import MessageCalls, SumCalls
from workloads.workload import Call, Shape

OK, FAIL, INFO = Outcome.OK, Outcome.FAIL, Outcome.INFO


def history(
    before: Sequence[tuple[str, Any, Any, Outcome]], final: Sequence[tuple[str, Any]]
) -> History:
    """Operations one after the other, of n1; then a final read of each of these nodes."""
    at = count(1)
    operations = [
        Operation(
            number, function, "all", argument, result, outcome, begun := next(at),
            next(at) if outcome is not INFO else None, begun, begun + 1, "n1",
        )
        for number, (function, argument, result, outcome) in enumerate(before)
    ]  # fmt: skip
    phase = Phase("final reads", next(at), 0)
    for node, result in final:
        begun = next(at)
        operations.append(
            Operation(99, "read", "all", None, result, OK, begun, next(at), begun, begun + 1, node)
        )
    return History(operations, phases=(phase,))


def added(*elements: int, outcome: Outcome = OK) -> list[tuple[str, Any, Any, Outcome]]:
    return [("add", element, element, outcome) for element in elements]


@pytest.mark.parametrize(
    ("before", "final", "verdict", "words"),
    [
        (added(1, 2), [("n1", [2, 1]), ("n2", [1, 2])], Verdict.VALID, ""),
        (added(1, 2), [("n1", [1, 2]), ("n2", [1])], Verdict.INVALID, "n2 does not show 2"),
        (added(1, 2), [("n2", [1]), ("n2", [1, 2])], Verdict.VALID, ""),
        (added(1) + added(2, outcome=INFO), [("n1", [1])], Verdict.VALID, ""),
        (added(1) + added(2, outcome=INFO), [("n1", [1, 2])], Verdict.VALID, ""),
        (added(1) + added(2, outcome=FAIL), [("n1", [1, 2])], Verdict.INVALID, "shows 2, which"),
        (added(1), [("n1", [1, 7])], Verdict.INVALID, "shows 7, which nobody had added"),
        (added(1), [("n1", 1)], Verdict.VALID, ""),
        ([], [("n1", None)], Verdict.VALID, ""),
        (added(1), [("n1", None)], Verdict.INVALID, "does not show 1"),
        (added(1), [], Verdict.UNKNOWN, "no node was read"),
        ([("read", None, [1], OK), *added(1)], [("n1", [1])], Verdict.INVALID, "shows 1, which"),
        ([("read", None, [], OK), *added(1)], [("n1", [1])], Verdict.VALID, ""),
    ],
)
def test_sets(before: Any, final: Any, verdict: Verdict, words: str) -> None:
    check(judge_set(history(before, final), "add"), verdict, words)


def increased(*amounts: int, outcome: Outcome = OK) -> list[tuple[str, Any, Any, Outcome]]:
    return [("increase", amount, amount, outcome) for amount in amounts]


@pytest.mark.parametrize(
    ("before", "final", "verdict", "words"),
    [
        (increased(1, 4), [("n1", 5), ("n2", 5)], Verdict.VALID, ""),
        (increased(1, -4), [("n1", -3)], Verdict.VALID, ""),
        (increased(1, 4), [("n1", 5), ("n2", 1)], Verdict.INVALID, "n2 counts 1, and the sum is 5"),
        (increased(1) + increased(2, outcome=INFO), [("n1", 3)], Verdict.VALID, ""),
        (increased(1) + increased(2, outcome=INFO), [("n1", 2)], Verdict.INVALID, "in doubt"),
        (increased(1) + increased(2, outcome=FAIL), [("n1", 3)], Verdict.INVALID, "counts 3"),
        (increased(1), [("n1", "1")], Verdict.INVALID, "counts '1'"),
        (increased(1), [("n1", True)], Verdict.INVALID, "counts True"),
        (increased(1), [], Verdict.UNKNOWN, "no node was read"),
    ],
)
def test_counters(before: Any, final: Any, verdict: Verdict, words: str) -> None:
    check(judge_counter(history(before, final)), verdict, words)


def check(result: Result, verdict: Verdict, words: str) -> None:
    assert result.verdict is verdict
    assert words in result.reason
    assert bool(result.counterexample) == (verdict is Verdict.INVALID)
    assert result.statistics["operations"] >= len(result.counterexample)


def test_a_run_without_final_reads_is_not_judged() -> None:
    whole = history(added(1), [("n1", [1])])
    result = judge_set(History(whole.operations), "add")
    assert result.verdict is Verdict.UNKNOWN


def test_sums_are_told_apart_as_long_as_they_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    assert possible_sums(1, [2, 4]) == {1, 3, 5, 7}
    monkeypatch.setattr("checker.eventual.SUMS_MAX", 3)
    assert possible_sums(10, [1, 2, -4]) == range(6, 14)


def test_calls_know_when_all_has_settled() -> None:
    calls = MessageCalls("add", Random(1), Shape(reads=0))
    first, second = calls.next(), calls.next()
    calls.saw(first, 1)
    assert calls.settled([[1], [1, 2]])
    assert not calls.settled([[1], [2]])
    assert not calls.settled([None])
    calls.refused(second)
    assert calls.doubted == []
    sums = SumCalls(-5, Random(1), Shape(reads=0))
    amount = sums.next().argument
    assert sums.settled([0, amount])
    sums.saw(Call("increase", "all", amount), amount)
    assert not sums.settled([amount, amount + 1])
