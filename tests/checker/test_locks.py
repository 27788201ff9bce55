"""Who holds a lock: the client that a call names, or its process."""

from dataclasses import replace
from random import Random

import pytest

from checker.linearizability.check import check
from checker.models.catalogue import MODELS, numbered
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from tests.checker.objects import OBJECTS, draw


@pytest.mark.parametrize("name", ["owned-mutex", "reentrant-mutex", "fenced-mutex"])
def test_processes_own_locks_as_clients_do(name: str) -> None:
    random = Random(f"owners of {name}")
    valid = 0
    for _ in range(300):
        named = draw(random, OBJECTS[name])
        # One process for each client; the checker does not ask whether a process is sequential.
        # The resource of a fenced lock is shown a token and does not ask whose.
        by_process = [
            o if o.function == "use"
            else replace(o, process=ord(o.argument["client"]), argument=None)
            for o in named
        ]  # fmt: skip
        verdict = check(named, MODELS[name]()).verdict
        assert check(by_process, MODELS[name]()).verdict is verdict, named
        valid += verdict is Verdict.VALID
    assert valid > 20


def acquire(process: int, at: int, function: str = "acquire") -> Operation:
    return Operation(process, function, None, None, None, Outcome.OK, at, at + 1, at, at + 1)


def test_models_that_take_a_number() -> None:
    three = [acquire(process, 2 * process) for process in (1, 2, 3)]
    for name, verdict in {"semaphore:3": "valid", "semaphore:2": "invalid"}.items():
        make = numbered(name)
        assert make is not None
        assert check(three, make()).verdict.word == verdict
    again = [acquire(1, 2 * n) for n in (1, 2, 3)]
    for name, verdict in {"reentrant-mutex:3": "valid", "reentrant-mutex:2": "invalid"}.items():
        make = numbered(name)
        assert make is not None
        assert check(again, make()).verdict.word == verdict
    assert numbered("semaphore:0") is numbered("mutex:2") is numbered("a.b:C") is None


def test_locks_are_explained_in_the_words_of_locks() -> None:
    result = check([acquire(1, 1), acquire(2, 3, "release")], MODELS["owned-mutex"]())
    said = " ".join(result.explanation)
    assert "process 1 acquired the lock" in said
    assert "process 2 released the lock" in said
    assert "process 1 holds it, not process 2" in said
