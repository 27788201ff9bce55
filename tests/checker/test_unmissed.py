"""Unanswered operations that nothing misses: with them or without, the verdict is the same."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from checker.errors import ModelError
from checker.linearizability.check import check
from checker.models.asking import unmissed
from checker.models.catalogue import MODELS
from checker.models.registers import MultiRegister
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from tests.checker.objects import OBJECTS, Object, draw, linearizable, scattered
from tests.deep import DEEP


def narrow(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
    """Calls of one key of a `kv-map`, each of which may be what another one needs."""
    one, other = random.randint(1, 3), random.randint(1, 3)
    return random.choice([("read", "x"), ("write", ["x", one]), ("cas", ["x", one, other])])


def narrow_transaction(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
    """The same of one register, as transactions."""
    step = random.choice([["r", "x", None], ["w", "x", random.randint(1, 3)]])
    return "txn", [step, *random.choice([[], [["r", "y", None]], [["w", "y", 1]]])]


NARROW = {
    "multi-register": replace(OBJECTS["multi-register"], call=narrow_transaction),
    "kv-map": replace(OBJECTS["kv-map"], call=narrow),
}


@pytest.mark.parametrize("name", ["multi-register", "kv-map"])
@pytest.mark.parametrize("objects", [OBJECTS, NARROW], ids=["wide", "narrow"])
def test_what_is_not_missed_changes_no_verdict(name: str, objects: dict[str, Object]) -> None:
    random, thing, model = Random(f"unmissed {name}"), objects[name], MODELS[name]()
    seen = {True: 0, False: 0}
    for number in range(6_000 * DEEP):
        # Half of them are such that what was not answered explains much of what was.
        operations = scattered(random, thing, 6, 0.6) if number % 2 else draw(random, thing, 8)
        left_out = unmissed(model, operations)
        if left_out:
            rest = [o for place, o in enumerate(operations) if place not in left_out]
            truth = linearizable(operations, thing)
            assert linearizable(rest, thing) is truth, operations
            seen[truth] += 1
    assert min(seen.values()) > 100 * DEEP, seen


def history(name: str, unanswered: int, lie: bool) -> list[Operation]:
    """Writes of two keys together, each read at once; before all of it writes without an answer."""
    transactions = name == "multi-register"

    def write(value: int) -> tuple[str, Any]:
        if transactions:
            return "txn", [["w", "x", value], ["w", "y", -value]]
        return "write", {"x": value, "y": -value}

    calls = [(*write(1_000 + number), None, Outcome.INFO) for number in range(unanswered)]
    for value in range(1, 21):
        function, argument = write(value)
        calls.append((function, argument, argument if transactions else None, Outcome.OK))
        read = value - 1 if lie and value == 20 else value
        if transactions:
            asked = [["r", "y", None], ["r", "x", None]]
            calls.append(("txn", asked, [["r", "y", -value], ["r", "x", read]], Outcome.OK))
        else:
            calls.append(("read", None, {"x": read, "y": -value}, Outcome.OK))
    return [
        Operation(
            number, function, "k", argument, result, outcome, 2 * number,
            2 * number + 1 if outcome is Outcome.OK else None, 0, 0,
        )
        for number, (function, argument, result, outcome) in enumerate(calls)
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["multi-register", "kv-map"])
def test_fifty_unanswered_writes_that_nothing_read_do_not_keep_it_from_a_verdict(name: str) -> None:
    right = check(history(name, 50, lie=False), MODELS[name](), time_limit_s=10)
    assert right.verdict is Verdict.VALID, right.reason
    wrong = check(history(name, 50, lie=True), MODELS[name](), time_limit_s=10)
    assert wrong.verdict is Verdict.INVALID, wrong.reason


@pytest.mark.parametrize("answer", [None, [[]]])
def test_a_model_that_cannot_say_is_named(answer: Any) -> None:
    class Vague(MultiRegister):
        def unmissed(self, operations: Any) -> Any:
            return answer

    with pytest.raises(ModelError, match="multi-register fails to say which operations"):
        check(history("multi-register", 3, lie=False), Vague())
