"""The unreplicated store: it keeps what it acknowledged, and takes a retried request once."""

from random import Random
from typing import Any

from systems_under_test.node import Effect, Message, Payload, Persist, Received, Send, Started
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request
from systems_under_test.single import Single


def started(name: str = "n1", stored: tuple[Payload, ...] = ()) -> Single:
    node = Single(name, [other for other in ("n1", "n2") if other != name], Random(0))
    assert node.step(Started(stored), 0) == []
    return node


def ask(node: Single, *request: Any) -> list[Effect]:
    return node.step(Received(Message("client", node.node_id, Request(*request))), 0)


def answer(effects: list[Effect]) -> Payload:
    last = effects[-1]
    assert isinstance(last, Send)
    return last.message.payload


def test_a_write_is_durable_before_it_is_acknowledged() -> None:
    record, reply = ask(started(), 0, 7, "write", "a", 1)
    assert record == Persist(Request(0, 7, "write", "a", 1))
    assert reply == Send(Message("n1", "client", Reply(7, 1)))


def test_reads_and_refused_requests_leave_no_record() -> None:
    node = started()
    assert len(ask(node, 0, 1, "read", "a")) == 1
    assert len(ask(node, 0, 1, "cas", "a", 5)) == 1


def test_a_restarted_node_knows_all_that_it_acknowledged_even_sessions() -> None:
    node = started()
    requests = [(0, 1, "open"), (1, 1, "write", "a", 1), (0, 1, "write", "a", 2)]
    effects = [effect for request in requests for effect in ask(node, *request)]
    again = started(stored=tuple(e.record for e in effects if isinstance(e, Persist)))
    assert answer(ask(again, 0, 1, "read", "a")) == Reply(1, 2)
    assert answer(ask(again, 1, 1, "write", "a", 1)) == Reply(1, 1)
    assert answer(ask(again, 0, 1, "read", "a")) == Reply(1, 2)


def test_other_nodes_send_clients_to_the_first() -> None:
    refusal = answer(ask(started("n2"), 0, 3, "read", "a"))
    assert refusal == Refusal(3, ErrorCode.NOT_LEADER.word, "n1")
    assert started("n2").facts()["role"] == "follower"
    assert started("n1").facts()["role"] == "leader"
