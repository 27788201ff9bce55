"""Requirements: read from what people write, and measured by hand."""

from typing import Any

import pytest

from checker.history import FaultSpan, History, Phase
from checker.needs import Requirement
from checker.operation import Operation, Outcome
from checker.requirements import Met, judge_requirements, missed_requirement
from checker.verdict import Result, Verdict

MS = 1_000_000


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ok>=99 during partition-minority", ("ok", True, 99.0, "partition-minority", False)),
        ("ok >= 99.5%", ("ok", True, 99.5, "", False)),
        ("recovery<=5s", ("recovery", False, 5e9, "", False)),
        ("failover<=200ms during kill", ("failover", False, 2e8, "kill", False)),
        ("p99<=200ms outside faults", ("p99", False, 2e8, "", True)),
        ("p99.9<=1.5s during faults", ("p99.9", False, 1.5e9, "faults", False)),
        ("rate>=1000", ("rate", True, 1000.0, "", False)),
    ],
)
def test_what_is_written(text: str, wanted: tuple[Any, ...]) -> None:
    one = Requirement.read(text)
    assert (one.measure, one.at_least, one.bound, one.fault, one.outside) == wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no requirement; write it as"),
        ("fast", "is no requirement; write it as"),
        ("ok>=99 in partition", "is no requirement; write it as"),
        ("ok=99", "is no requirement; write it as"),
        ("speed>=9", "measures 'speed', which is unknown; choose one of ok, rate, p50"),
        ("ok<=99", "asks for it to be bad; write ok>=99"),
        ("p99>=9ms", "asks for it to be bad; write p99<=9ms"),
        ("p99<=200", "has the unit '', and p99 is given in 'us' or 'ms' or 's'"),
        ("rate>=9s", "has the unit 's', and rate is given in no unit"),
        ("ok>=101", "more than 100 percent"),
        ("recovery<=5s outside faults", "where there is no fault"),
    ],
)
def test_what_cannot_be_read(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        Requirement.read(text)


def operation(number: int, begin: int, end: int, outcome: Outcome = Outcome.OK) -> Operation:
    error = None if outcome is Outcome.OK else "timeout"
    done = None if outcome is Outcome.INFO else end
    return Operation(
        number, "read", "k", None, None, outcome, begin, done, begin * MS, end * MS, error=error
    )


FAIL = Outcome.FAIL
HISTORY = History(
    [
        operation(1, 10, 12),
        operation(2, 20, 26),
        operation(3, 31, 39, FAIL),  # inside "cut-one", from 30 to 50
        operation(4, 41, 45),
        operation(5, 52, 59, FAIL),  # after it
        operation(6, 61, 64),
        operation(7, 71, 79, FAIL),  # inside "kill-all", from 70 to 80
    ],
    (
        FaultSpan(1, "cut-one", "", 30, 50, 30 * MS, 50 * MS),
        FaultSpan(2, "kill-all", "", 70, 80, 70 * MS, 80 * MS),
        FaultSpan(3, "cut-all", "", 81, 82, 81 * MS, 82 * MS, applied=False),
    ),
    (Phase("calls", 0, 0), Phase("heal", 100, 100 * MS)),
)
FAMILIES = {"partition": ["cut-one", "cut-all"], "kill": ["kill-all"]}


@pytest.mark.parametrize(
    ("text", "met", "detail"),
    [
        ("ok>=57", True, "57.14 %, 4 of 7"),
        ("ok>=58", False, "57.14 %, 4 of 7"),
        ("ok>=50 during cut-one", True, "50.00 %, 1 of 2"),
        ("ok>=50 during partition", True, "50.00 %, 1 of 2"),
        ("ok>=34 during faults", False, "33.33 %, 1 of 3"),
        ("ok>=75 outside faults", True, "75.00 %, 3 of 4"),
        ("ok>=1 during cut-all", None, "there was no cut-all"),
        ("ok>=1 during pause", None, "there was no pause"),
        ("max<=6ms", True, "6.0 ms of 4 operations"),
        ("max<=5ms outside faults", False, "6.0 ms of 3 operations"),
        ("p50<=3ms during kill", None, "nothing was ok then"),
        ("recovery<=14ms during partition", True, "0.01 s after cut-one"),
        ("recovery<=13ms during partition", False, "0.01 s after cut-one"),
        ("recovery<=9s during kill", None, "nothing was invoked after kill-all was healed"),
        ("failover<=15ms during partition", True, "0.01 s without an answer in cut-one"),
        ("failover<=14ms during partition", False, "0.01 s without an answer in cut-one"),
        ("rate>=40", True, "40.0 a second"),
        ("rate>=50 during partition", True, "50.0 a second"),
        ("rate>=44 outside faults", False, "43.5 a second"),
    ],
)
def test_by_hand(text: str, met: bool | None, detail: str) -> None:
    (found,) = judge_requirements(HISTORY, [Requirement.read(text)], FAMILIES)
    assert found == Met(text, met, detail)


def test_nothing_answered_after_healing_misses_any_bound() -> None:
    history = History((*HISTORY.operations, operation(8, 90, 95, FAIL)), HISTORY.faults)
    required = [Requirement.read("recovery<=9999s during kill")]
    (found,) = judge_requirements(history, required, FAMILIES)
    assert found.met is False
    assert found.detail == "nothing was answered after kill-all was healed"


def test_what_is_missed_says_what_the_history_is_beside_that() -> None:
    required = judge_requirements(HISTORY, [Requirement.read("ok>=99")], FAMILIES)
    valid = Result(verdict=Verdict.VALID)
    assert missed_requirement(valid, required) == (
        "a requirement was missed (ok>=99: 57.14 %, 4 of 7); the history is linearizable"
    )
    assert missed_requirement(valid, []) == ""
