"""The log of Paxos: leaders, gaps, reads and clients.

"Paxos Made Simple" 3 (PMS), "Paxos Made Moderately Complex" (PMMC), "Paxos Made Live" (PML).
"""

import pytest

from systems_under_test.node import Message
from systems_under_test.paxos.flawed import PaxosStaleReads
from systems_under_test.paxos.messages import (
    Accept,
    Accepted,
    Ballot,
    Heartbeat,
    HeartbeatAnswer,
    Learned,
    Promise,
    Proposal,
)
from systems_under_test.paxos.node import Paxos
from systems_under_test.paxos.state import Role
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request
from tests.systems_under_test.paxos_cluster import (
    CLIENT,
    PaxosCluster,
    Small,
    preparing,
    sent,
    write,
)

OLD = Ballot(1, "n9")


# --- phases 1 and 2 -------------------------------------------------------------------------------


def test_a_new_leader_completes_what_it_finds_and_fills_the_gaps() -> None:
    """PMS 3: it executes phase 2 "for instances 135 and 140", whose values phase 1 determined, and
    then proposes, "as commands 136 and 137, a special no-op command that leaves the state
    unchanged".
    """
    cluster = PaxosCluster(watched=False)
    node = preparing(cluster)
    found = (Proposal(OLD, 2, write("b")), Proposal(OLD, 5, write("e")))
    cluster.receive("n1", "n2", Promise(node.ballot, 0, found))
    ask = sent(cluster, Accept)[0]
    assert ask == Accept(node.ballot, 1, (None, write("b"), None, None, write("e")), 0)


def test_of_several_reports_for_a_slot_the_highest_ballot_counts() -> None:
    """P2c of PMS 2.2, across the promises of a quorum."""
    cluster = PaxosCluster(5, watched=False)
    node = preparing(cluster)
    for peer, ballot, value in [("n2", Ballot(3, "n2"), "new"), ("n3", Ballot(2, "n3"), "old")]:
        cluster.receive("n1", peer, Promise(node.ballot, 0, (Proposal(ballot, 1, write(value)),)))
    assert sent(cluster, Accept)[0].values == (write("new"),)


def test_nothing_is_proposed_where_everything_is_chosen() -> None:
    """An acceptor that says that slots are chosen reports no votes in them: it may have forgotten
    these. The leader learns what is there, proposes after it, and serves nobody before.
    """
    cluster = PaxosCluster(watched=False)
    node = preparing(cluster)
    cluster.receive("n1", "n2", Promise(node.ballot, 2, (Proposal(OLD, 3, write("c")),)))
    assert sent(cluster, Accept)[0] == Accept(node.ballot, 3, (write("c"),), 0)
    cluster.receive("n1", "n2", Accepted(node.ballot, 3))
    assert cluster.request("n1", "read", "k") is None
    assert (node.chosen, sent(cluster, Heartbeat)[-1].read_round) == (0, 0)
    cluster.receive("n1", "n2", Learned(1, (write("a"), write("b"))))
    assert node.chosen == 3
    cluster.receive("n1", "n2", HeartbeatAnswer(node.ballot, 1))
    assert cluster.answers == [(CLIENT, Reply(1, "c"))]


def test_a_leader_counts_votes_itself_in_the_slots_in_which_it_proposes() -> None:
    """What another leader got chosen there may equal a client's command and not be its."""
    cluster = PaxosCluster()
    node = cluster.elect("n1")
    cluster.request("n1", "write", "k", 1)
    cluster.watched = False
    cluster.receive("n1", "n2", Learned(1, (write(1),)))
    assert (node.chosen, cluster.answers) == (0, [])


def test_a_leader_gives_up_where_others_have_gone_on() -> None:
    """A promise that comes late tells of slots that are chosen, in which we never proposed."""
    cluster = PaxosCluster()
    node = cluster.elect("n1")
    cluster.receive("n1", "n3", Promise(node.ballot, 1, ()))
    assert node.role is Role.FOLLOWER


def test_commands_take_phase_2_alone_and_are_pipelined_in_batches() -> None:
    """PMS 3: "The leader can propose command 142 before it learns that its proposed command 141 has
    been chosen." What comes while enough is on its way forms larger batches.
    """
    cluster = PaxosCluster(watched=False)
    node = cluster.elect("n1")
    for number in range(10):
        cluster.request("n1", "write", f"k{number}", number, client=f"c{number}")
    asked = [m.payload for m in cluster.in_flight if m.target == "n2"]
    assert [len(ask.values) for ask in asked] == [1] * node.MAX_IN_FLIGHT
    assert [ask.first_slot for ask in asked] == [1, 2, 3, 4]
    cluster.in_flight.clear()
    cluster.receive("n1", "n2", Accepted(node.ballot, 1))
    assert [len(ask.values) for ask in sent(cluster, Accept)] == [6], "to n3"
    assert cluster.answers == [("c0", Reply(1, 0))]


def test_the_own_acceptor_works_while_the_others_do() -> None:
    """Its record stands behind the requests to the others; its vote counts once it is recorded."""
    cluster = PaxosCluster()
    cluster.elect("n1")
    cluster.trace.clear()
    cluster.request("n1", "write", "k", 1)
    assert [line.split("(")[0] for line in cluster.trace] == [
        "n1 sends n2 Accept",
        "n1 sends n3 Accept",
        "n1 persists Voted",
    ]


def test_slots_chosen_out_of_order_wait_for_those_before_them() -> None:
    """PMS 3: "They can't execute commands 138-140, because commands 136 and 137 have not yet been
    chosen."
    """
    cluster = PaxosCluster()
    node = cluster.elect("n1")
    for number in (1, 2):
        cluster.request("n1", "write", "k", number, client=f"c{number}")
    cluster.deliver("n1", "n2")
    cluster.take("n2", "n1")
    cluster.receive("n1", "n2", Accepted(node.ballot, 2))
    assert (node.chosen, cluster.answers) == (0, [])
    cluster.receive("n1", "n2", Accepted(node.ballot, 1))
    assert cluster.answers == [("c1", Reply(1, 1)), ("c2", Reply(1, 2))]


def test_what_was_lost_is_sent_again() -> None:
    cluster = PaxosCluster()
    node = cluster.elect("n1")
    cluster.request("n1", "write", "k", 1)
    cluster.in_flight.clear()
    cluster.fire("n1", "heartbeat")
    assert sent(cluster, Accept) == [], "it may still be on its way"
    cluster.fire("n1", "heartbeat")
    assert sent(cluster, Accept) == [Accept(node.ballot, 1, (write(1),), 0)] * 2
    cluster.stabilize()
    assert cluster.answers == [(CLIENT, Reply(1, 1))]


def test_proposals_run_ahead_no_further_than_the_window() -> None:
    """PMMC 2.1 has a replica wait where its WINDOW is full: the acceptors of later slots are not
    known yet.
    """
    cluster = PaxosCluster(system=Small)
    node = cluster.elect("n1")
    for number in range(12):
        cluster.request("n1", "write", "k", number, client=f"c{number}")
    assert node.next_slot == 5
    assert len(node.queue) == 8
    cluster.stabilize()
    assert node.chosen == 12


# --- clients and reads ----------------------------------------------------------------------------


def test_who_does_not_lead_refuses_at_once_and_names_the_leader() -> None:
    cluster = PaxosCluster()
    assert cluster.request("n2", "write", "k", 1) == Refusal(1, ErrorCode.NO_LEADER.word)
    cluster.elect("n1")
    for function in ("read", "write", "open", "add-member", "members"):
        answer = cluster.request("n2", function, "k", sequence=4)
        assert answer == Refusal(4, ErrorCode.NOT_LEADER.word, "n1")
    assert ErrorCode.NOT_LEADER.definite


def test_a_leader_that_gives_up_answers_everybody_who_waits() -> None:
    """What was proposed may be chosen all the same. What was not, and reads, certainly were not."""
    cluster = PaxosCluster(system=Small)
    cluster.elect("n1")
    for number in range(4):
        cluster.request("n1", "write", "k", number, client=f"proposed-{number}")
    cluster.request("n1", "write", "k", 9, client="queued")
    cluster.request("n1", "read", "k", client="reader")
    cluster.forget_leader("n1")
    told = {client: answer.error for client, answer in cluster.answers}  # type: ignore[union-attr]
    lost, none = ErrorCode.LEADERSHIP_LOST.word, ErrorCode.NO_LEADER.word
    assert told == {f"proposed-{n}": lost for n in range(4)} | {"queued": none, "reader": none}


def test_requests_that_make_no_sense_never_reach_the_log() -> None:
    cluster = PaxosCluster()
    cluster.elect("n1")
    for function, argument in [
        ("jump", None),
        ("cas", 1),
        ("add-member", "n9"),
        ("remove-member", None),
    ]:
        answer = cluster.request("n1", function, "k", argument)
        assert isinstance(answer, Refusal)
        assert answer.error == ErrorCode.BAD_REQUEST.word
    assert cluster.live["n1"].next_slot == 1


def test_a_leader_takes_a_bounded_number_of_requests() -> None:
    class Few(Paxos):
        MAX_PENDING = 3

    cluster = PaxosCluster(system=Few)
    cluster.elect("n1")
    for client in ("a", "b", "c"):
        assert cluster.request("n1", "write", "k", 1, client=client) is None
    answer = cluster.request("n1", "read", "k")
    assert isinstance(answer, Refusal)
    assert answer.error == ErrorCode.OVERLOADED.word


def test_a_read_is_answered_after_a_round_that_began_after_it_arrived() -> None:
    """A round that is under way serves nobody who came later."""
    cluster = PaxosCluster()
    node = cluster.elect("n1")
    cluster.request("n1", "read", "k", client="first")
    cluster.request("n1", "read", "k", client="second")
    assert {beat.read_round for beat in sent(cluster, Heartbeat)} == {1}
    cluster.receive("n1", "n2", HeartbeatAnswer(node.ballot, 0))
    assert cluster.answers == []
    cluster.receive("n1", "n2", HeartbeatAnswer(node.ballot, 1))
    assert [client for client, _ in cluster.answers] == ["first"]
    cluster.stabilize()
    assert [client for client, _ in cluster.answers] == ["first", "second"]
    assert node.next_slot == 1, "reads take no slot"


def test_a_lone_node_reads_and_writes_at_once() -> None:
    cluster = PaxosCluster(1)
    cluster.fire("n1", "election")
    assert cluster.request("n1", "write", "k", 1) == Reply(1, 1)
    assert cluster.request("n1", "read", "k") == Reply(1, 1)


def test_the_flawed_leader_never_gives_up() -> None:
    cluster = PaxosCluster(system=PaxosStaleReads)
    node = cluster.elect("n1")
    for _ in range(3):
        cluster.fire("n1", "quorum")
    assert node.role is Role.LEADER


@pytest.mark.parametrize("function", ["write", "read"])
def test_sessions_make_a_retry_harmless(function: str) -> None:
    cluster = PaxosCluster()
    cluster.elect("n1")
    cluster.request("n1", "open")
    cluster.stabilize()
    asked = Request(1, 2, function, "k", 1 if function == "write" else None)
    for _ in range(2):
        cluster.hand_over(Message(CLIENT, "n1", asked))
        cluster.stabilize()
    assert cluster.answers[-1] == cluster.answers[-2]
