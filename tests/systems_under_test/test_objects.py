"""What each function does to the value of its key, and that a refusal is remembered."""

from typing import Any

import pytest

from systems_under_test.kv import KeyValueMachine, objection
from systems_under_test.node import Json
from systems_under_test.objects import FUNCTIONS, UNCHANGED, Declined, perform
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request


@pytest.mark.parametrize(
    ("function", "argument", "found", "value", "result"),
    [
        ("append", 2, [1], [1, 2], None),
        ("append", 1, None, [1], None),
        ("append", 1, "what else was there", [1], None),
        ("add", 2, [1], [1, 2], None),
        ("add", 1, [1], UNCHANGED, None),
        ("add", 1, [True], [True, 1], None),
        ("remove", 1, [1, 2], [2], None),
        ("remove", 3, [1], UNCHANGED, None),
        ("contains", 1, [1], UNCHANGED, True),
        ("contains", 1, None, UNCHANGED, False),
        ("inc", 3, 4, 7, 7),
        ("inc", None, None, 1, 1),
        ("enqueue", 2, [1], [1, 2], None),
        ("dequeue", None, [1, 2], [2], 1),
        ("dequeue", None, [], UNCHANGED, None),
        ("generate", None, 4, 5, 5),
        ("txn", [["r", "u", None]], None, UNCHANGED, [["r", "u", None]]),
        ("txn", [["w", "u", 1], ["r", "u", None]], {"v": 2}, {"v": 2, "u": 1},
         [["w", "u", 1], ["r", "u", 1]]),
    ],
)  # fmt: skip
def test_a_function_changes_the_value_and_answers(
    function: str, argument: Json, found: Json, value: Any, result: Json
) -> None:
    assert perform(function, argument, found) == (value, result)


def test_a_lock_is_held_by_as_many_as_it_has_permits_for() -> None:
    two = {"permits": 2}
    lock, first = perform("acquire", {**two, "client": "a"}, None)
    lock, second = perform("acquire", {**two, "client": "b"}, lock)
    assert first["fence"] < second["fence"]
    with pytest.raises(Declined):
        perform("acquire", {**two, "client": "c"}, lock)
    with pytest.raises(Declined, match="c does not hold it"):
        perform("release", {"client": "c"}, lock)
    lock, _ = perform("release", {"client": "a"}, lock)
    _, third = perform("acquire", {**two, "client": "c"}, lock)
    assert third["fence"] > second["fence"]


def test_a_bank_moves_money_and_overdraws_nothing() -> None:
    moved, _ = perform("transfer", {"from": "a", "to": "b", "amount": 10}, None)
    assert (moved["a"], moved["b"], sum(moved.values())) == (0, 20, 50)
    with pytest.raises(Declined, match="a has no 1"):
        perform("transfer", {"from": "a", "to": "b", "amount": 1}, moved)


def test_what_was_found_is_left_as_it_is() -> None:
    found = [1, 2]
    for function, argument in [("append", 3), ("remove", 1), ("dequeue", None), ("add", 9)]:
        perform(function, argument, found)
    assert found == [1, 2]


def test_a_request_that_was_declined_is_declined_again() -> None:
    """Sent again, it must not take effect after its client was told that it had none."""
    machine = KeyValueMachine()
    session = machine.apply(Request(0, 1, "open")).result  # type: ignore[union-attr]
    machine.apply(Request(0, 2, "acquire", "k"))
    declined = machine.apply(Request(session, 2, "acquire", "k"))
    assert isinstance(declined, Refusal)
    assert ErrorCode.of(declined.error) is ErrorCode.REFUSED
    assert ErrorCode.REFUSED.definite
    machine.apply(Request(0, 3, "release", "k"))
    restored = KeyValueMachine.restored(machine.snapshot())
    assert restored.apply(Request(session, 2, "acquire", "k")) == declined
    assert isinstance(restored.apply(Request(session, 3, "acquire", "k")), Reply)


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        ("read", 1), ("cas", 1), ("dequeue", 1), ("generate", 1), ("inc", "x"), ("inc", True),
        ("acquire", 1), ("acquire", {"permits": 0}), ("release", {"client": 1}), ("transfer", None),
        ("transfer", {"from": "a", "to": "z", "amount": 1}), ("txn", 1), ("txn", [["x", "u", 1]]),
        ("transfer", {"from": "a", "to": ["b"], "amount": 1}), ("open", 1), ("jump", None),
    ],
)  # fmt: skip
def test_what_no_store_could_carry_out_is_refused_at_once(function: str, argument: Json) -> None:
    assert objection(Request(0, 1, function, "k", argument), FUNCTIONS)
