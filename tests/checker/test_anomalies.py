"""A violation is told by its usual name, with who did what, and with the faults around it."""

from typing import Any

import pytest

from checker.anomalies.circumstances import circumstances
from checker.anomalies.naming import name_anomaly, told
from checker.anomalies.refusals import only_error
from checker.eventual import judge_set
from checker.history import FaultSpan, History, Phase
from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.operation import Operation, Outcome

Row = tuple[Any, ...]
"""Process, function, argument, result, begin, end; an end of None was never answered, and a
seventh item is an outcome."""

CASES: dict[str, tuple[str, list[Row], str]] = {
    "an old value after a newer one was acknowledged, which others saw": (
        "cas-register",
        [(1, "write", 39, 39, 0, 1), (2, "write", 41, 41, 2, 3), (4, "read", None, 39, 4, 5),
         (5, "read", None, 41, 6, 7)],
        "Stale read: process 4 read 39 after 41 was acknowledged",
    ),
    "an old value after a newer one was read": (
        "cas-register",
        [(1, "write", 39, 39, 0, 1), (2, "write", 41, None, 2, None), (3, "read", None, 41, 3, 4),
         (4, "read", None, 39, 5, 6)],
        "Stale read: process 4 read 39 after process 3 read 41",
    ),
    "a write that nothing ever saw": (
        "cas-register",
        [(1, "write", 39, 39, 0, 1), (2, "write", 41, 41, 2, 3), (4, "read", None, 39, 4, 5),
         (5, "read", None, 39, 6, 7)],
        "Lost write: 41 was acknowledged, but process 5 read 39 afterwards, "
        "and nothing ever saw 41",
    ),
    "a write that was overwritten from the value before it": (
        "cas-register",
        [(1, "write", 39, 39, 0, 1), (2, "write", 41, 41, 2, 3), (4, "cas", [39, 50], 39, 4, 5)],
        "Lost write: 41 was acknowledged, but then process 4 replaced 39 by 50",
    ),
    "two updates of one value": (
        "cas-register",
        [(1, "write", 4, 4, 0, 1), (2, "cas", [4, 5], 4, 2, 5), (3, "cas", [4, 9], 4, 3, 4)],
        "Lost update: processes 2 and 3 both replaced 4, by 5 and by 9",
    ),
    "a value whose write was refused": (
        "cas-register",
        [(1, "write", 7, None, 0, 1, "fail"), (2, "read", None, 7, 2, 3)],
        "Dirty read: process 2 read 7, but the write of 7 by process 1 had been refused",
    ),
    "a value before its write": (
        "cas-register",
        [(2, "read", None, 7, 0, 1), (1, "write", 7, 7, 2, 3)],
        "Future read: process 2 read 7 before process 1 began to write it",
    ),
    "a value of nobody": (
        "cas-register",
        [(1, "write", 1, 1, 0, 1), (2, "read", None, 7, 2, 3)],
        "Garbage read: process 2 read 7, which nothing wrote",
    ),
    "an update that took effect twice": (
        "cas-register",
        [(1, "write", 4, 4, 0, 1), (2, "cas", [4, 5], 5, 2, 3)],
        "Duplicate: process 2 found 5 where it expected 4: its own value, so it took effect twice",
    ),
    "a value taken twice": (
        "queue",
        [(1, "enqueue", 7, None, 0, 1), (2, "dequeue", None, 7, 2, 3),
         (3, "dequeue", None, 7, 4, 5)],
        "Duplicate: processes 2 and 3 both dequeued 7, which was put in once",
    ),
    "the second value first": (
        "queue",
        [(1, "enqueue", 7, None, 0, 1), (1, "enqueue", 8, None, 2, 3),
         (2, "dequeue", None, 8, 4, 5), (3, "dequeue", None, 7, 6, 7)],
        "Out of order: process 2 dequeued 8 and left 7, which was put in first",
    ),
    "a value that is not there any more": (
        "queue",
        [(1, "enqueue", 7, None, 0, 1), (2, "dequeue", None, None, 2, 3)],
        "Lost write: 7 was acknowledged, but process 2 found the queue empty afterwards",
    ),
    "a value that nothing enqueued": (
        "queue",
        [(1, "enqueue", 7, None, 0, 1), (2, "dequeue", None, 9, 2, 3)],
        "Garbage read: process 2 dequeued 9, which nothing had put there",
    ),
    "an element that was lost": (
        "set",
        [(1, "add", 7, None, 0, 1), (2, "contains", 7, False, 2, 3)],
        "Lost write: 7 was acknowledged, but process 2 did not find 7 in the set afterwards",
    ),
    "an element that was not seen once": (
        "set",
        [(1, "add", 7, None, 0, 1), (2, "read", None, [], 2, 3), (2, "read", None, [7], 4, 5)],
        "Stale read: process 2 read [] after process 1 added 7",
    ),
    "additions in two orders": (
        "list",
        [(1, "append", 7, None, 0, 9), (2, "append", 8, None, 0, 9),
         (3, "read", None, [7, 8], 1, 8), (4, "read", None, [8, 7], 2, 7)],
        "Out of order: process 3 read [7, 8], and process 4 read [8, 7]",
    ),
    "a lock for two": (
        "mutex",
        [(1, "acquire", None, None, 0, 1), (2, "acquire", None, None, 2, 3)],
        "Double grant: process 2 acquired the lock after process 1 had acquired it "
        "and nothing had released it",
    ),
    "an id for two": (
        "unique-ids",
        [(1, "generate", None, 17, 0, 1), (2, "generate", None, 17, 2, 3)],
        "Duplicate: processes 1 and 2 both were given the id 17",
    ),
    "a term with two leaders": (
        "leader",
        [(1, "inspect", None, ["n1", 4], 0, 1), (2, "inspect", None, ["n2", 4], 2, 3)],
        'Double grant: "n1" and "n2" both led in term 4',
    ),
    "additions that were lost": (
        "counter",
        [(1, "add", 5, None, 0, 1), (2, "add", 2, None, 2, 3), (3, "read", None, 5, 4, 5)],
        "Lost update: process 3 read 5 after 7 had been acknowledged",
    ),
    "an addition that counted twice": (
        "counter",
        [(1, "add", 5, None, 0, 1), (3, "read", None, 10, 4, 5)],
        "Duplicate: process 3 read 10, but no more than 5 had been added",
    ),
    "what has no name": (
        "bank",
        [(1, "read", None, {"a": 5, "b": 5}, 0, 1), (2, "read", None, {"a": 4, "b": 6}, 2, 3)],
        'Not linearizable: process 2 read {"a": 4, "b": 6}, '
        "which fits no order of these 2 operations",
    ),
}  # fmt: skip


def operation(row: Row) -> Operation:
    process, function, argument, result, begin, end, *rest = row
    outcome = Outcome(rest[0]) if rest else Outcome.OK if end is not None else Outcome.INFO
    return Operation(
        process, function, "k", argument, result, outcome, begin, end, begin * 1000,
        None if end is None else end * 1000, node="n1",
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_anomaly_is_named(case: str):
    model, rows, sentence = CASES[case]
    history = History(map(operation, rows))
    anomaly = name_anomaly(check(history, MODELS[model]()), history)
    assert anomaly is not None
    assert anomaly.sentence == sentence


def test_every_kind_but_the_last_resort_has_a_case():
    from checker.anomalies.anomaly import AnomalyKind

    said = {sentence.partition(":")[0].lower() for _, _, sentence in CASES.values()}
    assert said == {kind.value for kind in AnomalyKind}


def test_what_is_valid_has_no_anomaly():
    history = History([operation((1, "write", 1, 1, 0, 1))])
    assert told(check(history, MODELS["register"]()), history) is None


def test_what_the_last_reads_lack_is_named():
    calls = [(1, "broadcast", 7, None, 0, 1), (2, "read", None, [], 3, 4)]
    history = History(map(operation, calls), phases=(Phase("final reads", 2, 2000),))
    named = told(judge_set(history, "broadcast"), history)
    assert named is not None
    assert named["headline"] == (
        "Lost write: in the end n1 does not show 7, which was acknowledged."
    )


DETAILS = {
    "n4 cut off from all others": "while n4 was cut off from all others",
    "n1, n2 cut off from n3, n4": "while n1 and n2 were cut off from n3 and n4",
    "paused n1, n2": "while n1 and n2 were paused",
    "killed n3": "while n3 was down",
    "power lost at n3": "while n3 was without power",
    "nothing that n2 sends arrives": "while nothing that n2 sent arrived",
    "nothing that is sent to n2 arrives": "while nothing that was sent to n2 arrived",
    "n1 and n2 meet only in n3": "while n1 and n2 met only in n3",
    "each sees only its neighbours on the ring n1 n2 n3":
        "while each saw only its neighbours on the ring n1 n2 n3",
    "n1 stays mute": "while n1 stayed mute",
    "renewed n1, n2 in turn": "while the fault some-fault was in force",
    "": "while the fault some-fault was in force",
}  # fmt: skip


def span(number: int, detail: str, since: int, until: int | None) -> FaultSpan:
    ends = None if until is None else until * 1000
    return FaultSpan(number, "some-fault", detail, since, until, since * 1000, ends)


@pytest.mark.parametrize("detail", DETAILS)
def test_a_fault_is_told_as_what_it_meant(detail: str):
    read = operation((1, "read", None, 1, 4, 5))
    assert circumstances([span(1, detail, 3, None)], read, [read]) == f", {DETAILS[detail]}"


def test_faults_are_told_by_when_they_were_and_whom_they_struck():
    write, read = operation((1, "write", 1, 1, 0, 1)), operation((2, "read", None, 0, 8, 9))
    before, elsewhere, here, gone = (
        span(1, "killed n5", 2, 3), span(2, "paused n2", 7, 9), span(3, "paused n1", 6, 9),
        span(4, "killed n4", 10, 11),
    )  # fmt: skip
    both = [write, read]
    assert circumstances([], read, both) == ""
    assert circumstances([gone], read, both) == ", while no fault was in force"
    assert circumstances([before, gone], read, both) == ", after n5 had been down"
    assert circumstances([before, elsewhere, here], read, both) == (
        ", while n1 was paused, and n2 was paused"
    )
    many = [elsewhere, here, span(5, "killed n3", 5, 9)]
    assert circumstances(many, read, both) == (
        ", while n1 was paused, and n2 was paused (and 1 more fault)"
    )


def test_the_one_error_of_all_calls_is_told():
    from dataclasses import replace

    calls = [replace(operation((n, "read", None, None, n, n + 1, "fail")), error="no-leader")
             for n in range(3)]  # fmt: skip
    assert only_error(History(calls)) == "all 3 calls got the same error: no-leader"
    assert only_error(History(calls[:1])) == "the only call got the same error: no-leader"
    assert only_error(History([*calls, operation((9, "read", None, 1, 9, 10))])) == ""
    assert only_error(History([])) == ""
