"""The key-value machine: its functions, its sessions, and that it is deterministic."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from systems_under_test.kv import MAX_DEPTH, KeyValueMachine, objection
from systems_under_test.objects import equal
from systems_under_test.quorum import majority
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request

SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, "", "1"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=5,
)


def ask(machine: KeyValueMachine, function: str, key: str = "", argument: Any = None) -> Any:
    answer = machine.apply(Request(0, 1, function, key, argument))
    assert isinstance(answer, Reply), answer
    return answer.result


def error(answer: Reply | Refusal) -> ErrorCode:
    assert isinstance(answer, Refusal), answer
    return ErrorCode.of(answer.error)


def test_a_missing_key_reads_null_and_a_write_is_answered_with_its_value() -> None:
    machine = KeyValueMachine()
    assert ask(machine, "read", "a") is None
    assert ask(machine, "write", "a", {"b": [1]}) == {"b": [1]}
    assert ask(machine, "read", "a") == {"b": [1]}
    assert machine.read("a") == {"b": [1]}
    assert ask(machine, "read", "b") is None


def test_cas_answers_with_the_value_found_and_takes_effect_where_that_was_expected() -> None:
    machine = KeyValueMachine()
    assert ask(machine, "cas", "a", [None, 1]) is None
    assert ask(machine, "cas", "a", [2, 3]) == 1
    assert ask(machine, "read", "a") == 1
    assert ask(machine, "cas", "a", [1, 3]) == 1
    assert ask(machine, "read", "a") == 3


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, True),
        (1, 1.0),
        (0, False),
        (1.0, True),
        ("1", 1),
        (None, 0),
        ([1], [True]),
        ({"a": 1}, {"a": 1.0}),
        ({"a": None}, {}),
        ([], {}),
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
    ],
)
def test_json_values_that_python_or_a_hurried_reader_would_mix_up_differ(
    left: Any, right: Any
) -> None:
    assert not equal(left, right)
    machine = KeyValueMachine()
    ask(machine, "write", "a", left)
    ask(machine, "cas", "a", [right, "new"])
    assert equal(ask(machine, "read", "a"), left)


@given(VALUES, VALUES)
def test_values_are_equal_exactly_if_their_canonical_json_is(left: Any, right: Any) -> None:
    same_text = json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)
    assert equal(left, right) == same_text


@pytest.mark.parametrize(
    "request_",
    [
        Request(0, 1, "delete", "a"),
        Request(0, 1, "read", "a", 1),
        Request(0, 1, "open", "", 1),
        Request(0, 1, "cas", "a", None),
        Request(0, 1, "cas", "a", [1]),
        Request(0, 1, "cas", "a", [1, 2, 3]),
        Request(0, 1, "cas", "a", {"0": 1, "1": 2}),
        Request(-1, 1, "write", "a", 1),
        Request(1, 0, "write", "a", 1),
    ],
    ids=str,
)
def test_requests_that_make_no_sense_are_refused_and_change_nothing(request_: Request) -> None:
    machine = KeyValueMachine()
    ask(machine, "open")
    before = machine.snapshot()
    answer = machine.apply(request_)
    assert error(answer) is ErrorCode.BAD_REQUEST
    assert objection(request_)
    assert machine.snapshot() == before


def test_nesting_is_bounded_so_that_every_stored_value_can_be_written_again() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH):
        value = [value]
    assert not objection(Request(0, 1, "write", "a", value))
    assert objection(Request(0, 1, "write", "a", {"deeper": value}))
    for _ in range(100_000):
        value = [value]
    assert objection(Request(0, 1, "write", "a", value))


# --- sessions -------------------------------------------------------------------------------------


def test_a_retried_request_takes_effect_once_and_gets_its_first_answer() -> None:
    machine = KeyValueMachine()
    session = ask(machine, "open")
    cas = Request(session, 1, "cas", "a", [None, 1])
    assert machine.apply(cas) == Reply(1, None)
    ask(machine, "write", "a", 2)
    assert machine.apply(cas) == Reply(1, None)
    assert ask(machine, "read", "a") == 2


def test_a_retry_after_the_key_was_cleared_would_have_succeeded_again() -> None:
    """Without the session the second sending would find what it expects."""
    machine = KeyValueMachine()
    session = ask(machine, "open")
    write = Request(session, 1, "write", "a", 1)
    machine.apply(write)
    ask(machine, "write", "a", None)
    machine.apply(write)
    assert ask(machine, "read", "a") is None


def test_a_request_from_before_the_last_one_is_stale() -> None:
    machine = KeyValueMachine()
    session = ask(machine, "open")
    machine.apply(Request(session, 2, "write", "a", 2))
    stale = machine.apply(Request(session, 1, "write", "a", 1))
    assert error(stale) is ErrorCode.BAD_REQUEST
    assert ask(machine, "read", "a") == 2
    assert machine.apply(Request(session, 2, "write", "a", 2)) == Reply(2, 2)


def test_session_zero_takes_effect_each_time() -> None:
    machine = KeyValueMachine()
    assert ask(machine, "cas", "a", [None, 1]) is None
    assert ask(machine, "cas", "a", [None, 1]) == 1


def test_sessions_have_different_numbers_and_do_not_know_each_other() -> None:
    machine = KeyValueMachine()
    first, second = ask(machine, "open"), ask(machine, "open")
    assert 0 < first < second
    machine.apply(Request(first, 1, "write", "a", 1))
    assert machine.apply(Request(second, 1, "write", "a", 2)) == Reply(1, 2)


def test_an_unknown_session_is_refused_and_nothing_is_applied() -> None:
    machine = KeyValueMachine()
    assert error(machine.apply(Request(1, 1, "write", "a", 1))) is ErrorCode.SESSION_EXPIRED
    assert ask(machine, "read", "a") is None


def test_beyond_the_bound_the_session_longest_unused_expires() -> None:
    machine = KeyValueMachine(max_sessions=2)
    first, second = ask(machine, "open"), ask(machine, "open")
    machine.apply(Request(first, 1, "write", "a", 1))
    third = ask(machine, "open")
    expired = machine.apply(Request(second, 1, "write", "a", 2))
    assert error(expired) is ErrorCode.SESSION_EXPIRED
    assert isinstance(machine.apply(Request(first, 1, "write", "a", 1)), Reply)
    assert isinstance(machine.apply(Request(third, 1, "write", "a", 3)), Reply)


def test_a_retry_counts_as_use_of_the_session() -> None:
    machine = KeyValueMachine(max_sessions=2)
    first, second = ask(machine, "open"), ask(machine, "open")
    write = Request(first, 1, "write", "a", 1)
    machine.apply(write)
    machine.apply(Request(second, 1, "write", "a", 2))
    machine.apply(write)
    ask(machine, "open")
    assert isinstance(machine.apply(write), Reply)


REQUESTS = st.builds(
    Request,
    st.integers(0, 3),
    st.integers(1, 3),
    st.sampled_from(["read", "write", "cas", "open"]),
    st.sampled_from("ab"),
    st.none() | st.integers(0, 2) | st.lists(st.integers(0, 2), min_size=2, max_size=2),
)


@given(st.lists(REQUESTS, max_size=30), st.integers(0, 30))
def test_replicas_agree_and_a_restored_one_goes_on_as_the_original(
    requests: list[Request], cut: int
) -> None:
    machine, twin = KeyValueMachine(2), KeyValueMachine(2)
    for request in requests[:cut]:
        assert machine.apply(request) == twin.apply(request)
    state = json.loads(json.dumps(machine.snapshot()))
    restored = KeyValueMachine.restored(state, 2)
    for request in requests[cut:]:
        assert machine.apply(request) == twin.apply(request) == restored.apply(request)
    assert machine.snapshot() == twin.snapshot() == restored.snapshot()


@pytest.mark.parametrize("count", range(1, 10))
def test_two_majorities_meet_and_less_than_a_majority_may_not(count: int) -> None:
    assert 2 * majority(count) > count
    assert 2 * (majority(count) - 1) <= count
