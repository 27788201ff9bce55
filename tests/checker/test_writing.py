"""Histories that are written and read again mean the same; and what does not fit a model."""

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from checker.formats import read
from checker.formats.writing import write
from checker.history import FaultSpan, History, MalformedHistory, Phase
from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from tests.checker.objects import MODEL_OF, OBJECTS, draw


@pytest.mark.parametrize("name", OBJECTS)
def test_what_is_written_gets_the_same_verdict(name: str, tmp_path: Path) -> None:
    random = Random(f"writing {name}")
    model = MODEL_OF.get(name, name)
    invalid = 0
    for _ in range(150):
        keys = random.choice([[None], ["k"], [7, "k"]])
        parts = [(key, draw(random, OBJECTS[name], 5)) for key in keys]
        operations = [
            replace(o, key=key, process=2 * o.process + number)
            for number, (key, own) in enumerate(parts)
            for o in own
        ]
        # An operation that is known to have no answer has a completion as well.
        operations = [
            replace(o, completed_ns=9_000_000)
            if o.outcome is Outcome.INFO and random.random() < 0.5
            else o
            for o in operations
        ]
        history = History(sorted(operations, key=lambda o: o.invoked))
        verdict = check(history, MODELS[model]()).verdict
        invalid += verdict is Verdict.INVALID
        if verdict is Verdict.UNKNOWN:
            continue
        for ending in ("jsonl", "edn", "json", "operations.json"):
            path = tmp_path / f"written.{ending}"
            write(history, path)
            again = read(path, model=model)
            found = check(again, MODELS[model]()).verdict
            # What says nothing is left out of events, and nothing else may be left.
            assert found is verdict or not len(again), (ending, history.operations)
            if ending == "jsonl":
                assert list(map(plain, again.operations)) == list(map(plain, history.operations))
    assert invalid > 10


def plain(operation: Operation) -> Operation:
    """Without positions, times and processes, which change where they tie or are not known."""
    return replace(operation, process=0, invoked=0, completed=0, invoked_ns=0, completed_ns=0)


def test_everything_that_a_file_of_labrys_holds(tmp_path: Path) -> None:
    history = History(
        [
            Operation(1, "write", ["k"], {"a": "é"}, None, Outcome.OK, 3, 4, 30, 40, "n1", None, 7),
            Operation(2, "cas", "k", [1, 2], None, Outcome.INFO, 5, None, 50, 90, None, "timeout"),
        ],
        faults=(FaultSpan(1, "cut", "n1", 6, 7, 60, 70, True, ("n1",), "none passed", 4),),
        phases=(Phase("calls", 2, 20),),
    )
    write(history, tmp_path / "whole.jsonl")
    assert History.read(tmp_path / "whole.jsonl") == history


def test_a_path_may_be_a_string(tmp_path: Path) -> None:
    name = str(tmp_path / "history.jsonl")
    write(History([Operation(1, "write", "k", 2, None, Outcome.OK, 0, 1, 0, 0)]), name)
    assert len(read(name)) == len(History.read(name)) == 1


def test_only_known_endings_are_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.jsonl, \.edn, "):
        write(History(), tmp_path / "history.txt")


@pytest.mark.parametrize(
    ("model", "function", "argument", "result", "reason"),
    [
        ("queue", "write", 1, None, "'write' is no operation of the model queue, which knows enq"),
        ("cas-register", "cas", 1, None, "the argument of a cas must be a pair"),
        ("counter", "add", "x", None, "the argument of 'add' must be an integer, not 'x'"),
        ("counter", "read", None, "x", "the result of 'read' must be an integer or null"),
        ("list", "read", None, 5, "the result of 'read' must be a list or null, not 5"),
        ("set", "contains", 1, "yes", "the result of 'contains' must be true or false"),
        ("multi-register", "txn", [["r", "x"]], None, "the argument of 'txn' must be a list of"),
    ],
)
def test_what_does_not_fit_a_model_is_no_verdict(
    model: str, function: str, argument: Any, result: Any, reason: str
) -> None:
    done = Operation(1, function, "k", argument, result, Outcome.OK, 1, 2, 1, 2)
    with pytest.raises(MalformedHistory) as refused:
        check([done], MODELS[model]())
    assert reason in str(refused.value)


def test_a_compare_and_set_that_crashed_before_it_observed_anything(tmp_path: Path) -> None:
    history = History(
        [
            Operation(1, "write", None, 1, None, Outcome.OK, 1, 2, 1, 2),
            Operation(2, "cas-mismatch", None, 1, None, Outcome.INFO, 3, None, 3, None),
            Operation(3, "read", None, None, 1, Outcome.OK, 4, 5, 4, 5),
        ]
    )
    for ending in ("edn", "json"):
        write(history, tmp_path / f"written.{ending}")
        again = read(tmp_path / f"written.{ending}", model="etcd")
        assert [o.function for o in again.operations] == ["write", "read"]
        assert check(again, MODELS["etcd"]()).verdict is Verdict.VALID
