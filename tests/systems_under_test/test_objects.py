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


def test_a_lease_lasts_until_a_request_says_that_it_is_later() -> None:
    def at(now: int, client: str) -> dict[str, Json]:
        return {"client": client, "now": now, "lease": 5}

    lock, first = perform("acquire", at(1, "a"), None)
    lock, _ = perform("renew", at(4, "a"), lock)
    for function, asked in [
        ("acquire", at(8, "b")),
        ("renew", at(9, "a")),
        ("release", at(9, "a")),
    ]:
        with pytest.raises(Declined):
            perform(function, asked, lock)
    lock, second = perform("acquire", at(9, "b"), lock)
    assert second["fence"] > first["fence"]
    with pytest.raises(Declined, match="it is held"):
        perform("acquire", at(2, "c"), lock)  # A clock that is behind sets no time back.


def test_a_resource_refuses_an_older_token_than_the_last_one_used() -> None:
    lock, _ = perform("use", {"fence": 2, "value": "x"}, None)
    with pytest.raises(Declined, match="the later token 2 has been used"):
        perform("use", {"fence": 1, "value": "y"}, lock)
    assert perform("use", {"fence": 2, "value": "z"}, lock)[0]["value"] == "z"
    assert perform("acquire", None, lock)[0]["used"] == 2


def test_an_election_has_one_leader_a_term() -> None:
    led, won = perform("campaign", {"client": "a"}, None)
    assert won == ["a", 1]
    assert perform("campaign", {"client": "b"}, led) == (UNCHANGED, ["a", 1])
    with pytest.raises(Declined, match="b does not lead"):
        perform("resign", {"client": "b"}, led)
    vacant, _ = perform("resign", {"client": "a"}, led)
    assert perform("observe", None, vacant) == (UNCHANGED, [None, 1])
    assert perform("campaign", {"client": "b"}, vacant)[1] == ["b", 2]


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
        ("acquire", {"lease": 1}), ("acquire", {"now": "x"}), ("renew", {"client": "a", "now": 1}),
        ("use", {"fence": 0, "value": 1}), ("use", {"fence": 1}), ("campaign", None),
        ("resign", {"client": 1}), ("observe", 1),
    ],
)  # fmt: skip
def test_what_no_store_could_carry_out_is_refused_at_once(function: str, argument: Json) -> None:
    assert objection(Request(0, 1, function, "k", argument), FUNCTIONS)
