"""The ring's protocols, one test a sentence of their papers: ABD, CASPaxos, Dynamo.

ABD is Attiya, Bar-Noy and Dolev (1995) with many writers as in Lynch and Shvartsman (1997).
"""

from typing import Any

import pytest

from checker.verdict import Verdict
from systems_under_test.node import Message, Payload
from systems_under_test.requests import ErrorCode, OperatorRequest, Refusal, Reply, Request
from systems_under_test.ring.messages import (
    NOTHING,
    ZERO,
    Conflict,
    Copy,
    Held,
    Hinted,
    Holds,
    Prepare,
    Promised,
    Put,
    Query,
    Taken,
)
from systems_under_test.ring.node import RingQuorum
from tests.systems_under_test.ring_cluster import AnyCoordinator, RingCluster

WRITTEN = Copy((5, "n2.1"), ZERO, "w")


@pytest.fixture
def cluster() -> RingCluster:
    return RingCluster(3, AnyCoordinator)


def sent(cluster: RingCluster, kind: type[Payload]) -> list[Any]:
    return [message.payload for message in cluster.in_flight if isinstance(message.payload, kind)]


# --- ABD ------------------------------------------------------------------------------------------


def test_a_write_draws_a_tag_above_all_that_a_majority_reports(cluster: RingCluster) -> None:
    """Lynch and Shvartsman: a writer asks a majority first, and draws a tag above all it hears."""
    cluster.ask("n1", "write", "k", "new")
    query = sent(cluster, Query)[0]
    cluster.hand_over(Message("n2", "n1", Holds(query.round, WRITTEN)))
    assert sent(cluster, Put)[0].copy == Copy((6, "n1.1"), ZERO, "new")


def test_two_writers_that_see_the_same_tag_draw_different_ones(cluster: RingCluster) -> None:
    """Lynch and Shvartsman: a tag is a pair of a number and the writer's name."""
    cluster.ask("n1", "write", "k", 1)
    cluster.ask("n2", "write", "k", 2)
    cluster.stabilize()
    assert cluster.value_at("n1", "k") == cluster.value_at("n2", "k") == 2
    assert cluster.verdict() is Verdict.VALID


def test_two_writes_of_one_coordinator_draw_different_tags(cluster: RingCluster) -> None:
    cluster.ask("n1", "write", "k", 1)
    cluster.ask("n1", "write", "k", 2)
    cluster.stabilize()
    assert cluster.value_at("n3", "k") == 2


def test_a_life_never_draws_a_stamp_of_an_earlier_one(cluster: RingCluster) -> None:
    """What an earlier life put may still arrive; its tag must stand for one value."""
    cluster.ask("n1", "write", "k", 1)
    cluster.stabilize("n1", "n2")
    cluster.crash("n1")
    cluster.start("n1")
    assert cluster.live["n1"].stamps.draw(0)[1] == "n1.2"


def test_a_replica_keeps_the_copy_of_the_highest_tag(cluster: RingCluster) -> None:
    """ABD: a processor takes over a value only if its label is larger than that of its own."""
    assert cluster.receive("n1", "n2", Put(1, 1, "k", WRITTEN)) == [Taken(1)]
    older = Copy((4, "n3.1"), ZERO, "o")
    assert cluster.receive("n1", "n3", Put(1, 1, "k", older)) == [Taken(1)]
    assert cluster.value_at("n1", "k") == "w"


def test_a_copy_is_durable_before_it_is_taken(cluster: RingCluster) -> None:
    cluster.trace.clear()
    cluster.receive("n1", "n2", Put(1, 1, "k", WRITTEN))
    persisted, answered = cluster.trace
    assert persisted.startswith("n1 persists Held")
    assert "Taken" in answered
    assert cluster.disks["n1"][-1] == Held("k", WRITTEN, False)


def test_a_read_writes_back_where_a_majority_does_not_agree(cluster: RingCluster) -> None:
    """ABD: a reader sends the value to a majority before it returns it."""
    cluster.receive("n2", "n3", Put(1, 1, "k", WRITTEN))
    cluster.ask("n1", "read", "k")
    cluster.exchange("n1", "n2")
    assert {put.copy for put in sent(cluster, Put)} == {WRITTEN}
    assert cluster.answers == [("c1", Reply(1, "w"))], "n1 itself and n2 are a majority"


def test_a_majority_is_enough_and_less_is_not(cluster: RingCluster) -> None:
    """ABD: operations end as long as a majority of the processors is up."""
    cluster.crash("n3")
    assert cluster.serve("n1", "write", "k", 1) == Reply(1, 1)
    cluster.crash("n2")
    answer = cluster.serve("n1", "write", "k", 2)
    assert isinstance(answer, Refusal)
    assert answer.error == ErrorCode.NO_QUORUM.word, "only asked: nothing can have come of it"


def test_a_late_answer_of_an_earlier_round_is_not_counted(cluster: RingCluster) -> None:
    cluster.ask("n1", "write", "k", 1)
    query = sent(cluster, Query)[0]
    for _ in range(2):
        cluster.hand_over(Message("n2", "n1", Holds(query.round, NOTHING)))
    assert not cluster.answers, "the second answer belongs to no round any more"


def test_an_answer_that_comes_twice_counts_once() -> None:
    cluster = RingCluster(5, AnyCoordinator)
    key = next(
        f"k{i}" for i in range(99) if "n1" not in cluster.live["n1"].epochs.replicas_of(f"k{i}")
    )
    cluster.ask("n1", "read", key)
    query = sent(cluster, Query)[0]
    replica = cluster.live["n1"].epochs.replicas_of(key)[0]
    for _ in range(2):
        cluster.hand_over(Message(replica, "n1", Holds(query.round, NOTHING)))
    assert not cluster.answers


# --- CASPaxos -------------------------------------------------------------------------------------


def test_an_acceptor_refuses_a_ballot_below_its_promise(cluster: RingCluster) -> None:
    """CASPaxos, §2.2: an acceptor "returns a conflict if it already saw a greater ballot"."""
    assert cluster.receive("n1", "n2", Prepare(1, 1, "k", (7, "n2.1"))) == [Holds(1, NOTHING)]
    refused = [Conflict(2, (7, "n2.1"))]
    assert cluster.receive("n1", "n3", Prepare(2, 1, "k", (6, "n3.1"))) == refused
    change = Copy(ZERO, (6, "n3.1"), "c")
    assert cluster.receive("n1", "n3", Put(2, 1, "k", change)) == refused


def test_a_promise_is_durable_before_it_is_given(cluster: RingCluster) -> None:
    """CASPaxos, §2.2: it "persists the ballot number as a promise" and then confirms."""
    cluster.receive("n1", "n2", Prepare(1, 1, "k", (7, "n2.1")))
    assert cluster.disks["n1"][-1] == Promised("k", (7, "n2.1"))
    cluster.crash("n1")
    cluster.start("n1")
    assert cluster.receive("n1", "n3", Prepare(2, 1, "k", (6, "n3.1"))) == [
        Conflict(2, (7, "n2.1"))
    ]


def test_what_was_taken_promises_as_much(cluster: RingCluster) -> None:
    cluster.receive("n1", "n2", Put(1, 1, "k", Copy(ZERO, (7, "n2.1"), "c")))
    lower = Prepare(2, 1, "k", (6, "n3.1"))
    assert cluster.receive("n1", "n3", lower) == [Conflict(2, (7, "n2.1"))]


def test_a_change_applies_to_the_value_of_the_highest_ballot(cluster: RingCluster) -> None:
    """CASPaxos, §2.2: the proposer "picks the value of the tuple with the highest ballot number",
    "applies its function" and sends the new state."""
    cluster.receive("n2", "n3", Put(1, 1, "k", Copy(ZERO, (3, "n3.1"), "c")))
    cluster.crash("n3")
    assert cluster.serve("n1", "cas", "k", ["c", "d"]) == Reply(1, "c")
    assert cluster.value_at("n2", "k") == "d"


def test_of_two_changes_that_expect_the_same_value_one_is_made(cluster: RingCluster) -> None:
    for node in cluster.names:
        cluster.ask(node, "cas", "k", [None, node])
    last = cluster.serve("n1", "read", "k")
    assert isinstance(last, Reply)
    assert cluster.verdict() is Verdict.VALID


def test_changes_of_different_keys_do_not_meet(cluster: RingCluster) -> None:
    """CASPaxos, §3: a key-value store runs one instance of the protocol for each key."""
    cluster.receive("n1", "n2", Prepare(1, 1, "k", (7, "n2.1")))
    assert cluster.receive("n1", "n3", Prepare(1, 1, "l", (1, "n3.1"))) == [Holds(1, NOTHING)]


def test_a_write_is_refused_by_no_promise(cluster: RingCluster) -> None:
    """Gryff: a write is ordered after the changes under way, and never waits for one."""
    cluster.receive("n1", "n2", Prepare(1, 1, "k", (7, "n2.1")))
    assert cluster.receive("n1", "n3", Put(2, 1, "k", WRITTEN)) == [Taken(2)]


def test_a_change_of_an_overtaken_value_is_taken_and_not_kept(cluster: RingCluster) -> None:
    cluster.receive("n1", "n3", Put(1, 1, "k", WRITTEN))
    change = Copy((4, "n3.1"), (9, "n2.1"), "c")
    assert cluster.receive("n1", "n2", Put(2, 1, "k", change)) == [Taken(2)]
    assert cluster.value_at("n1", "k") == "w"


def test_a_change_whose_traces_a_write_has_erased_is_undecided(cluster: RingCluster) -> None:
    """It was taken by n1 alone, and outvoted; then a write erased what n1 held."""
    cluster.ask("n1", "cas", "k", [None, "c"], client="changer")
    cluster.exchange("n1", "n2")
    for other in ("n2", "n3"):
        cluster.receive(other, "n1", Prepare(1, 1, "k", (7, "n3.9")))
        cluster.receive(other, "n3", Put(1, 1, "k", WRITTEN))
    cluster.stabilize()
    cluster.fire("n1", "pause")
    cluster.stabilize()
    assert cluster.answers[-1] == ("changer", Refusal(1, ErrorCode.UNDECIDED.word))


# --- Dynamo ---------------------------------------------------------------------------------------


def test_a_hint_does_not_count_as_an_answer(cluster: RingCluster) -> None:
    """Dynamo, §4.6, but with strict quorums: a hint is kept beside the quorum, not instead."""
    cluster.crash("n3")
    cluster.serve("n1", "write", "k", 1)
    for _ in range(3):
        cluster.fire("n1", "tick")
    assert [r.node for r in cluster.disks["n1"] if isinstance(r, Hinted)] == ["n3"]
    cluster.crash("n2")
    assert isinstance(cluster.serve("n1", "write", "k", 2), Refusal)


def test_the_last_write_wins_by_the_coordinators_clock() -> None:
    """Dynamo, §6: "timestamp based reconciliation", "last write wins"."""
    cluster = RingCluster(3, RingQuorum)
    cluster.clocks.update(n1=20, n2=10)
    cluster.serve("n1", "write", "k", "later by the clock")
    cluster.serve("n2", "write", "k", "written later")
    assert cluster.serve("n3", "read", "k") == Reply(1, "later by the clock")


def test_consistency_is_chosen_by_the_request(cluster: RingCluster) -> None:
    """Dynamo, §4.5: R and W are the client's to choose; here a request may name its level."""
    cluster.crash("n2")
    cluster.crash("n3")
    assert cluster.serve("n1", "write@one", "k", 1) == Reply(1, 1)
    assert cluster.serve("n1", "read@one", "k") == Reply(1, 1)
    assert isinstance(cluster.serve("n1", "read@quorum", "k"), Refusal)


@pytest.mark.parametrize(
    "request_",
    [
        Request(0, 1, "read@all", "k"),
        Request(0, 1, "frobnicate", "k"),
        Request(0, 1, "write", "\0epoch 2", 1),
        Request(0, 1, "add-member", "", "n2"),
        OperatorRequest(0, 1, "read", "", "n2"),
        OperatorRequest(0, 1, "add-member", "", "n9"),
        OperatorRequest(0, 1, "add-member", "", {"node": "n1"}),
        OperatorRequest(0, 1, "add-member", "", ["n1", -1]),
    ],
)
def test_bad_requests_are_refused_with_a_reason(cluster: RingCluster, request_: Request) -> None:
    cluster.hand_over(Message("client", "n1", request_))
    answer = cluster.answers[-1][1]
    assert isinstance(answer, Refusal)
    assert answer.error == ErrorCode.BAD_REQUEST.word
    assert answer.reason


def test_there_are_no_sessions(cluster: RingCluster) -> None:
    cluster.ask("n1", "open")
    assert cluster.answers[-1][1] == Reply(1, 0)
