"""What Raft has beyond §5 of the paper: clients (§8), and chapters of Ongaro's dissertation.

Pre-Vote (§9.6), Check-Quorum (§6.2), sessions (§6.3), reads by ReadIndex (§6.4).
"""

import pytest

from systems_under_test.node import Message
from systems_under_test.raft.flawed import RaftStaleReads
from systems_under_test.raft.messages import (
    AppendAnswer,
    AppendConflict,
    AppendEntries,
    Entry,
    PreVoteAnswer,
    RequestPreVote,
    RequestVote,
    VoteAnswer,
)
from systems_under_test.raft.node import Raft
from systems_under_test.raft.state import LEGAL, Role
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request
from tests.systems_under_test.raft_cluster import CLIENT, RaftCluster, disk


def refusal(error: ErrorCode, leader: str | None = None, sequence: int = 1) -> Refusal:
    return Refusal(sequence, error.word, leader)


def rounds(cluster: RaftCluster) -> list[int]:
    """The rounds that the heartbeats now on their way ask for, one for each peer asked."""
    return [
        m.payload.read_round
        for m in cluster.in_flight
        if isinstance(m.payload, AppendEntries) and not m.payload.entries
    ]


# --- Pre-Vote, §9.6 -------------------------------------------------------------------------------


def test_a_term_begins_only_once_a_majority_would_vote() -> None:
    """§9.6: "a candidate only increments its term if it first learns from a majority of the cluster
    that they would be willing to grant the candidate their votes."
    """
    cluster = RaftCluster(5)
    cluster.fire("n1", "election")
    node = cluster.live["n1"]
    for peer, granted in [("n2", True), ("n3", False), ("n4", False), ("n2", True)]:
        cluster.receive("n1", peer, PreVoteAnswer(0, granted))
        assert (node.term, node.voted_for, cluster.disks["n1"]) == (0, None, [])
    cluster.receive("n1", "n5", PreVoteAnswer(0, True))
    assert (node.term, node.voted_for) == (1, "n1")


def test_nobody_who_hears_a_leader_grants_a_pre_vote() -> None:
    """§9.6: a server grants a pre-vote only if it has "not received a heartbeat from a valid leader
    for at least a baseline election timeout." The leader itself grants none.
    """
    cluster = RaftCluster()
    cluster.elect("n1")
    ask = RequestPreVote(1, 9, 1)
    for name in ("n1", "n2"):
        assert cluster.receive(name, "n3", ask) == [PreVoteAnswer(1, False)]
    cluster.fire("n2", "silence")
    assert cluster.receive("n2", "n3", ask) == [PreVoteAnswer(1, True)]


def test_a_pre_vote_binds_nobody() -> None:
    """§9.6: a server may grant any number of pre-votes; none is a vote."""
    cluster = RaftCluster()
    for candidate in ("n2", "n3", "n2"):
        answer = cluster.receive("n1", candidate, RequestPreVote(0, 0, 0))
        assert answer == [PreVoteAnswer(0, True)]
    assert cluster.disks["n1"] == []
    assert cluster.live["n1"].role is Role.FOLLOWER


def test_a_node_with_a_later_term_and_an_old_log_does_not_stall_elections() -> None:
    """Pre-votes carry terms too: refused by a later term, a node moves on to it and asks again."""
    cluster = RaftCluster()
    cluster.start("n1", disk(3, [1, 1]))
    cluster.start("n2", disk(9, [1]))
    cluster.crash("n3")
    cluster.fire("n1", "election")
    cluster.stabilize()
    assert (cluster.live["n1"].role, cluster.live["n1"].term) == (Role.FOLLOWER, 9)
    cluster.fire("n1", "election")
    cluster.stabilize()
    assert (cluster.live["n1"].role, cluster.live["n1"].term) == (Role.LEADER, 10)


# --- Check-Quorum, §6.2 ---------------------------------------------------------------------------


def test_a_leader_that_hears_no_majority_steps_down() -> None:
    """§6.2: "a leader steps down if an election timeout elapses without a successful round of
    heartbeats to a majority of its cluster."
    """
    cluster = RaftCluster(5)
    node = cluster.elect("n1")
    cluster.fire("n1", "quorum")
    cluster.receive("n1", "n2", AppendAnswer(1, 1, 0))
    cluster.receive("n1", "n3", AppendConflict(1, 0, 1, 0))
    cluster.fire("n1", "quorum")
    assert node.role is Role.LEADER
    cluster.receive("n1", "n2", AppendAnswer(1, 1, 0))
    cluster.receive("n1", "n2", AppendAnswer(1, 1, 0))
    cluster.fire("n1", "quorum")
    assert (node.role, node.term, node.leader) == (Role.FOLLOWER, 1, None)
    assert cluster.request("n1", "read", "a") == refusal(ErrorCode.NO_LEADER)


def test_a_leader_of_a_past_term_is_told_so_by_a_later_one() -> None:
    """A node alone in a later term answers with it, and so comes back into the cluster."""
    cluster = RaftCluster()
    cluster.elect("n1")
    cluster.start("n3", disk(4, []))
    cluster.fire("n1", "heartbeat")
    cluster.stabilize()
    assert (cluster.live["n1"].role, cluster.live["n1"].term) == (Role.FOLLOWER, 4)


# --- clients, §8 of the paper ---------------------------------------------------------------------


def test_a_follower_refuses_at_once_and_names_the_leader() -> None:
    """§8: "that server will reject the client's request and supply information about the most
    recent leader it has heard from." The refusal is definite: the request entered no log.
    """
    cluster = RaftCluster()
    assert cluster.request("n2", "write", "a", 1) == refusal(ErrorCode.NO_LEADER)
    cluster.elect("n1")
    for function in ("read", "write", "open"):
        answer = cluster.request("n2", function, "a", sequence=4)
        assert answer == refusal(ErrorCode.NOT_LEADER, "n1", 4)
    assert ErrorCode.NOT_LEADER.definite
    assert ErrorCode.NO_LEADER.definite


def test_a_deposed_leader_answers_everybody_who_waits() -> None:
    """A write may yet be committed, so its answer is indefinite; a read's is definite."""
    cluster = RaftCluster()
    cluster.elect("n1")
    cluster.request("n1", "write", "a", 1, client="writer")
    cluster.request("n1", "read", "a", client="reader")
    cluster.request("n1", "read", "a", client="later reader")
    cluster.receive("n1", "n3", AppendEntries(2, 0, 0, (), 0, 0))
    assert cluster.answers == [
        ("writer", refusal(ErrorCode.LEADERSHIP_LOST)),
        ("reader", refusal(ErrorCode.NO_LEADER)),
        ("later reader", refusal(ErrorCode.NO_LEADER)),
    ]
    assert not ErrorCode.LEADERSHIP_LOST.definite
    assert cluster.request("n1", "read", "a") == refusal(ErrorCode.NOT_LEADER, "n3")


def test_who_was_told_that_leadership_was_lost_is_told_nothing_more() -> None:
    """The entry may be committed later, by another leader: its client is gone by then."""
    cluster = RaftCluster()
    cluster.elect("n1")
    cluster.request("n1", "write", "a", 1)
    cluster.stabilize("n1", "n2")
    cluster.request("n1", "write", "a", 2)
    cluster.deliver("n1", "n2")
    cluster.elect("n2")
    cluster.fire("n2", "heartbeat")
    cluster.stabilize()
    assert cluster.live["n1"].machine.read("a") == 2
    assert cluster.answers == [(CLIENT, Reply(1, 1)), (CLIENT, refusal(ErrorCode.LEADERSHIP_LOST))]


def test_a_leader_begins_its_term_with_a_no_op() -> None:
    """§8: "Raft handles this by having each leader commit a blank no-op entry into the log at the
    start of its term."
    """
    cluster = RaftCluster()
    for term, name in enumerate(["n1", "n2", "n1"], 1):
        node = cluster.elect(name)
        assert node.log[node.log.last_index] == Entry(term, None)
        assert node.commit_index == node.log.last_index


def test_requests_that_make_no_sense_never_reach_the_log() -> None:
    cluster = RaftCluster()
    node = cluster.elect("n1")
    for function, argument in [("delete", None), ("cas", 1), ("read", 1)]:
        answer = cluster.request("n1", function, "a", argument)
        assert isinstance(answer, Refusal)
        assert answer.error == ErrorCode.BAD_REQUEST.word
    assert node.log.last_index == 1


def test_a_leader_takes_a_bounded_number_of_requests() -> None:
    """Those beyond the bound are refused definitely; answers make room again."""

    class Small(Raft):
        MAX_PENDING = 3

    cluster = RaftCluster(system=Small)
    cluster.elect("n1")
    for value in (1, 2):
        assert cluster.request("n1", "write", "a", value) is None
    assert cluster.request("n1", "read", "a") is None
    for function in ("write", "read"):
        answer = cluster.request("n1", function, "a")
        assert isinstance(answer, Refusal)
        assert answer.error == ErrorCode.OVERLOADED.word
    cluster.stabilize()
    assert cluster.request("n1", "write", "a", 3) is None


def test_a_retried_request_takes_effect_once() -> None:
    """§8: "If it receives a command whose serial number has already been executed, it responds
    immediately without re-executing the request." Here the retry goes to the next leader.
    """
    cluster = RaftCluster()
    cluster.elect("n1")
    cluster.request("n1", "open")
    cluster.stabilize()
    cluster.request("n1", "cas", "a", [None, 1], session=1, sequence=1)
    cluster.stabilize()
    cluster.elect("n2")
    cluster.request("n2", "cas", "a", [None, 1], session=1, sequence=1)
    cluster.request("n2", "cas", "a", [None, 1], session=0, sequence=7)
    cluster.stabilize()
    results = [answer.result for _, answer in cluster.answers if isinstance(answer, Reply)]
    assert results == [1, None, None, 1]


# --- reads, §6.4 ----------------------------------------------------------------------------------


def test_a_read_is_answered_after_a_round_of_heartbeats_and_leaves_no_entry() -> None:
    """§6.4: the leader "issues a new round of heartbeats and waits for their acknowledgments from a
    majority of the cluster", and needs no log entry.
    """
    cluster = RaftCluster(5)
    node = cluster.elect("n1")
    assert cluster.request("n1", "read", "a") is None
    assert rounds(cluster) == [1, 1, 1, 1]
    cluster.receive("n1", "n2", AppendAnswer(1, 1, 0))
    cluster.receive("n1", "n3", AppendAnswer(1, 1, 0))
    cluster.receive("n1", "n2", AppendAnswer(1, 1, 1))
    assert cluster.answers == []
    cluster.receive("n1", "n4", AppendConflict(1, 0, 1, 1))
    assert cluster.answers == [(CLIENT, Reply(1, None))]
    assert node.log.last_index == 1


def test_reads_that_arrive_during_a_round_share_the_next_one() -> None:
    """§6.4: "the leader can amortize this cost" over all reads that it has accumulated."""
    cluster = RaftCluster()
    cluster.elect("n1")
    for number in range(5):
        cluster.request("n1", "read", "a", client=f"c{number}")
    assert rounds(cluster) == [1, 1]
    cluster.in_flight.clear()
    cluster.hand_over(Message("n2", "n1", AppendAnswer(1, 1, 1)))
    assert [client for client, _ in cluster.answers] == ["c0"]
    assert rounds(cluster) == [2, 2]
    cluster.receive("n1", "n3", AppendAnswer(1, 1, 1))
    assert len(cluster.answers) == 1
    cluster.receive("n1", "n3", AppendAnswer(1, 1, 2))
    assert [client for client, _ in cluster.answers] == ["c0", "c1", "c2", "c3", "c4"]


def test_a_lost_round_is_asked_again_with_the_next_heartbeat() -> None:
    cluster = RaftCluster()
    cluster.elect("n1")
    cluster.request("n1", "read", "a")
    cluster.in_flight.clear()
    cluster.fire("n1", "heartbeat")
    cluster.stabilize()
    assert cluster.answers == [(CLIENT, Reply(1, None))]


def test_a_read_waits_until_an_entry_of_the_term_is_committed() -> None:
    """§6.4: "If the leader has not yet marked an entry from its current term committed, it waits
    until it has done so."
    """
    cluster = RaftCluster()
    cluster.start("n1", disk(1, [1]))
    cluster.fire("n1", "election")
    cluster.receive("n1", "n2", PreVoteAnswer(1, True))
    cluster.receive("n1", "n2", VoteAnswer(2, True))
    cluster.request("n1", "read", "k")
    assert rounds(cluster) == []
    cluster.hand_over(Message("n2", "n1", AppendAnswer(2, 2, 0)))
    assert rounds(cluster) == [1, 1]
    assert cluster.answers == []
    cluster.receive("n1", "n2", AppendAnswer(2, 2, 1))
    assert cluster.answers == [(CLIENT, Reply(1, "1.1"))]


def test_a_single_node_reads_and_writes_at_once() -> None:
    cluster = RaftCluster(1)
    cluster.elect("n1")
    assert cluster.request("n1", "write", "a", 1) == Reply(1, 1)
    assert cluster.request("n1", "read", "a") == Reply(1, 1)


def test_the_flawed_leader_reads_old_values_and_never_steps_down() -> None:
    """What RaftStaleReads must get wrong, on a schedule that Raft survives."""
    cluster = RaftCluster(system=RaftStaleReads)
    node = cluster.elect("n1")
    cluster.crash("n2")
    cluster.crash("n3")
    for _ in range(3):
        cluster.fire("n1", "quorum")
    assert node.role is Role.LEADER
    assert cluster.request("n1", "read", "a") == Reply(1, None)


# --- the edges ------------------------------------------------------------------------------------


def test_only_peers_are_heard_as_peers() -> None:
    """A client's connection may carry any payload; nobody votes for a client."""
    cluster = RaftCluster()
    node = cluster.elect("n1")
    before = node.facts()
    for payload in (RequestVote(9, 9, 9), AppendEntries(9, 0, 0, (), 0, 0), Reply(1)):
        cluster.hand_over(Message(CLIENT, "n1", payload))
    cluster.hand_over(Message("n2", "n1", Reply(1)))
    assert node.facts() == before
    assert cluster.in_flight == []


def test_changes_of_role_that_the_protocol_does_not_have_are_broken_invariants() -> None:
    cluster = RaftCluster()
    node = cluster.elect("n1")
    assert set(LEGAL) == set(Role)
    with pytest.raises(AssertionError, match="a leader cannot become a candidate"):
        node.become(Role.CANDIDATE)


def test_a_committed_entry_is_never_cut_off() -> None:
    """An AppendEntries that would do so comes of a broken protocol, and stops the node."""
    cluster = RaftCluster()
    cluster.elect("n1")
    cluster.stabilize()
    cluster.fire("n1", "heartbeat")
    cluster.stabilize()
    with pytest.raises(AssertionError, match="entry 1 conflicts"):
        cluster.receive("n2", "n3", AppendEntries(2, 0, 0, (Entry(2, None),), 0, 0))


def test_a_journal_of_something_else_is_refused() -> None:
    with pytest.raises(AssertionError, match="no record of Raft"):
        RaftCluster().start("n1", [Request(0, 1, "read", "a")])


def test_facts() -> None:
    cluster = RaftCluster()
    assert cluster.elect("n1").facts() == {
        "role": "leader",
        "term": 1,
        "leader": "n1",
        "commit_index": 1,
        "last_index": 1,
        "applied": 1,
        "voted_for": "n1",
        "first_index": 1,
        "members": ["n1", "n2", "n3"],
    }
