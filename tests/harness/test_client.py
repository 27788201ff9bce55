"""A client turns refusals and silence into outcomes, and never claims more than is certain."""

import itertools
from collections.abc import Iterable
from random import Random

import pytest

from checker.operation import Outcome
from harness.client import Client
from harness.clock import SECOND_NS
from harness.cluster import NoAnswer, Unreachable
from harness.errors import HarnessError
from harness.recorder import Completion
from systems_under_test.node import NodeId
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request
from tests.harness.fakes import Answer, FakeChannel, FakeClock, Serve
from workloads.workload import Call

NODES = ("n1", "n2", "n3")
WRITE = Call("write", "x", 1)
READ = Call("read", "x", pure=True)


def opened(serve: Serve) -> Serve:
    """Answers that open sessions, and leave all else to `serve`."""

    def answer(node: NodeId, request: Request) -> Answer:
        if request.function == "open":
            return Reply(request.sequence, 7)
        return serve(node, request)

    return answer


def scripted(answers: Iterable[Answer]) -> Serve:
    """Each request gets the next of these answers; the last one goes on for ever."""
    left = iter(answers)
    last: list[Answer] = []

    def serve(node: NodeId, request: Request) -> Answer:
        answer = next(left, None)
        if answer is not None:
            last[:] = [answer]
        if isinstance(last[0], Reply):
            return Reply(request.sequence, last[0].result)
        return last[0]

    return opened(serve)


def invoke(call: Call, serve: Serve) -> tuple[Completion, FakeChannel]:
    clock = FakeClock()
    channel = FakeChannel(clock, serve)
    client = Client(NODES, channel, clock, Random(1))
    completion = clock.run(client.invoke(call, 2 * SECOND_NS))
    assert clock.now_ns() <= 2 * SECOND_NS, "the deadline was passed"
    return completion, channel


def refusal(code: ErrorCode, leader: NodeId | None = None) -> Refusal:
    return Refusal(0, code.word, leader)


def test_a_reply_is_ok_and_tells_which_node_gave_it() -> None:
    completion, channel = invoke(WRITE, scripted([Reply(0, "done")]))
    assert completion.outcome is Outcome.OK
    assert completion.result == "done"
    assert completion.node == channel.asked[-1][0]


@pytest.mark.parametrize("code", [code for code in ErrorCode if code.definite])
def test_nothing_but_definite_refusals_is_fail(code: ErrorCode) -> None:
    completion, _ = invoke(WRITE, scripted([refusal(code)]))
    assert completion.outcome is Outcome.FAIL
    assert completion.error == code.word


@pytest.mark.parametrize("code", [code for code in ErrorCode if not code.definite])
def test_one_indefinite_refusal_makes_it_info(code: ErrorCode) -> None:
    """Also when every later sending is refused definitely: the first may have had its effect."""
    completion, _ = invoke(WRITE, scripted([refusal(code), refusal(ErrorCode.NO_LEADER)]))
    assert completion.outcome is Outcome.INFO


def test_an_unknown_error_word_counts_as_indefinite() -> None:
    completion, _ = invoke(WRITE, scripted([Refusal(0, "of-a-later-version")]))
    assert completion.outcome is Outcome.INFO


def test_silence_is_info_for_a_write_and_fail_for_a_read() -> None:
    assert invoke(WRITE, scripted([NoAnswer()]))[0].outcome is Outcome.INFO
    assert invoke(READ, scripted([NoAnswer()]))[0].outcome is Outcome.FAIL


def test_what_never_left_is_fail() -> None:
    completion, channel = invoke(WRITE, scripted([Unreachable()]))
    assert completion.outcome is Outcome.FAIL
    assert {node for node, _ in channel.asked} == set(NODES), "every node was tried"


def test_a_late_answer_to_the_same_request_is_ok_again() -> None:
    """A retry keeps its session and sequence, so that the node can recognise it."""
    completion, channel = invoke(WRITE, scripted([NoAnswer(), Reply(0, 1)]))
    assert completion.outcome is Outcome.OK
    first, second = (request for _, request in channel.asked if request.function == "write")
    assert first == second
    assert first.session == 7


def test_silence_while_a_session_opens_leaves_the_call_certain() -> None:
    """A session that nobody uses has no effect on any key."""
    completion, _ = invoke(WRITE, lambda node, request: NoAnswer())
    assert completion.outcome is Outcome.FAIL


def test_a_redirect_is_followed_at_once() -> None:
    def serve(node: NodeId, request: Request) -> Answer:
        if node == "n3":
            return Reply(request.sequence, "done")
        return refusal(ErrorCode.NOT_LEADER, "n3")

    completion, channel = invoke(WRITE, opened(serve))
    assert completion.node == "n3"
    assert channel.clock.now_ns() < 10_000_000, "no pause before the leader was asked"


def test_nodes_that_name_each_other_do_not_make_the_client_spin() -> None:
    """Two nodes, each taking the other for the leader: the third is asked as well, with pauses."""
    other = {"n1": "n2", "n2": "n1"}

    def serve(node: NodeId, request: Request) -> Answer:
        if node == "n3":
            return Reply(request.sequence, "done")
        return refusal(ErrorCode.NOT_LEADER, other[node])

    completion, channel = invoke(WRITE, opened(serve))
    assert completion.outcome is Outcome.OK
    assert len(channel.asked) < 12


def test_a_leader_outside_the_cluster_is_not_believed() -> None:
    completion, _ = invoke(WRITE, scripted([refusal(ErrorCode.NOT_LEADER, "evil")]))
    assert completion.outcome is Outcome.FAIL


def test_an_expired_session_is_replaced_for_the_next_call() -> None:
    clock = FakeClock()
    sessions = itertools.count(1)

    def serve(node: NodeId, request: Request) -> Answer:
        if request.function == "open":
            return Reply(request.sequence, next(sessions))
        if request.session == 1:
            return refusal(ErrorCode.SESSION_EXPIRED)
        return Reply(request.sequence, "done")

    client = Client(NODES, FakeChannel(clock, serve), clock, Random(1))
    first = clock.run(client.invoke(WRITE, SECOND_NS))
    second = clock.run(client.invoke(WRITE, 2 * SECOND_NS))
    assert (first.outcome, second.outcome) == (Outcome.FAIL, Outcome.OK)


def test_a_system_that_opens_no_session_is_told_so_in_a_sentence() -> None:
    with pytest.raises(HarnessError, match=r"opened no session.*answer it with a number"):
        invoke(WRITE, lambda node, request: Reply(request.sequence, "what?"))


def test_sequences_rise_from_call_to_call() -> None:
    clock = FakeClock()
    channel = FakeChannel(clock, scripted([Reply(0, 1)]))
    client = Client(NODES, channel, clock, Random(1))
    for _ in range(20):
        clock.run(client.invoke(WRITE, clock.now_ns() + SECOND_NS))
    sequences = [request.sequence for _, request in channel.asked]
    assert sequences == sorted(set(sequences))


WITHOUT_SESSIONS = [Reply(0, 0), Refusal(0, ErrorCode.BAD_REQUEST.word)]
"""How a system answers `open` that has no sessions."""


@pytest.mark.parametrize("opened", WITHOUT_SESSIONS)
@pytest.mark.parametrize("unanswered", [NoAnswer(), Refusal(0, ErrorCode.UNDECIDED.word)])
def test_without_sessions_nothing_is_sent_again_that_may_have_had_an_effect(
    opened: Answer, unanswered: Answer
) -> None:
    def serve(node: NodeId, request: Request) -> Answer:
        return opened if request.function == "open" else unanswered

    completion, channel = invoke(WRITE, serve)
    assert completion.outcome is Outcome.INFO
    assert sum(request.function == "write" for _, request in channel.asked) == 1
    assert invoke(READ, serve)[0].outcome is Outcome.FAIL


@pytest.mark.parametrize("opened", WITHOUT_SESSIONS)
def test_without_sessions_what_was_refused_definitely_is_sent_again(opened: Answer) -> None:
    refusals = iter([ErrorCode.NO_QUORUM, ErrorCode.NOT_COORDINATOR])

    def serve(node: NodeId, request: Request) -> Answer:
        if request.function == "open":
            return opened
        code = next(refusals, None)
        return Reply(request.sequence, 1) if code is None else refusal(code)

    assert invoke(WRITE, serve)[0].outcome is Outcome.OK


def test_a_client_that_stays_asks_no_other_node() -> None:
    """Neither the leader that a refusal names, nor the next node after silence."""
    for answer in (refusal(ErrorCode.NOT_LEADER, "n1"), Unreachable()):
        clock = FakeClock()
        channel = FakeChannel(clock, scripted([answer]))
        client = Client(NODES, channel, clock, Random(1))
        completion = clock.run(client.invoke(WRITE, 2 * SECOND_NS, "n3", stays=True))
        assert completion.outcome is Outcome.FAIL
        assert {node for node, _ in channel.asked} == {"n3"}
        assert len(channel.asked) > 2
        clock.run(client.invoke(WRITE, 4 * SECOND_NS))
        assert {node for node, _ in channel.asked} > {"n3"}
