"""One test a sentence of the Raft paper, which each docstring quotes with its section.

Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm (Extended Version)".
"""

from collections.abc import Callable

import pytest

from systems_under_test.node import Message, Payload, Persist, Received, Send
from systems_under_test.quorum import majority
from systems_under_test.raft.messages import (
    AppendAnswer,
    AppendConflict,
    Appended,
    AppendEntries,
    Entry,
    PreVoteAnswer,
    RequestPreVote,
    RequestVote,
    TermAndVote,
    VoteAnswer,
)
from systems_under_test.raft.node import Raft
from systems_under_test.raft.state import Role
from tests.systems_under_test.raft_cluster import RaftCluster, disk

NO_OP = Entry(1, None)


def follower(cluster: RaftCluster) -> None:
    cluster.receive("n1", "n2", AppendEntries(1, 0, 0, (), 0, 0))


def pre_candidate(cluster: RaftCluster) -> None:
    cluster.start("n1", disk(1, []))
    cluster.fire("n1", "election")


def candidate(cluster: RaftCluster) -> None:
    cluster.fire("n1", "election")
    cluster.receive("n1", "n2", PreVoteAnswer(0, True))


def leader(cluster: RaftCluster) -> None:
    candidate(cluster)
    cluster.receive("n1", "n2", VoteAnswer(1, True))


ROLES = [follower, pre_candidate, candidate, leader]
"""Each brings n1 into that role, in term 1."""

HIGHER_TERM = [
    AppendEntries(5, 0, 0, (), 0, 0),
    AppendAnswer(5, 0, 0),
    AppendConflict(5, 0, 1, 0),
    RequestVote(5, 0, 0),
    VoteAnswer(5, False),
    RequestPreVote(5, 0, 0),
    PreVoteAnswer(5, False),
]


# --- §5.1 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", HIGHER_TERM, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("role", ROLES)
def test_a_later_term_is_taken_over(role: Callable[[RaftCluster], None], message: Payload) -> None:
    """§5.1: "if one server's current term is smaller than the other's, then it updates its current
    term to the larger value. If a candidate or leader discovers that its term is out of date, it
    immediately reverts to follower state."
    """
    cluster = RaftCluster()
    role(cluster)
    node = cluster.live["n1"]
    assert (node.role.value, node.term) == (role.__name__.replace("_", "-"), 1)
    cluster.receive("n1", "n3", message)
    assert (node.role, node.term) == (Role.FOLLOWER, 5)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("stale", "refusal"),
    [
        (AppendEntries(2, 0, 0, (NO_OP,), 1, 9), AppendConflict(3, 0, 0, 9)),
        (RequestVote(2, 9, 2), VoteAnswer(3, False)),
        (RequestPreVote(2, 9, 2), PreVoteAnswer(3, False)),
    ],
)
def test_a_request_of_an_earlier_term_is_rejected(
    role: Callable[[RaftCluster], None], stale: Payload, refusal: Payload
) -> None:
    """§5.1: "If a server receives a request with a stale term number, it rejects the request." """
    cluster = RaftCluster()
    role(cluster)
    node = cluster.live["n1"]
    cluster.receive("n1", "n3", VoteAnswer(3, False))
    before = node.facts()
    assert cluster.receive("n1", "n3", stale) == [refusal]
    assert node.facts() == before


def test_answers_of_an_earlier_term_count_for_nothing() -> None:
    """What a follower acknowledged in an earlier term may have been cut off since."""
    cluster = RaftCluster()
    cluster.start("n1", disk(1, [1]))
    leads_in_term_2 = [PreVoteAnswer(1, True), VoteAnswer(2, True)]
    cluster.fire("n1", "election")
    for answer in leads_in_term_2:
        cluster.receive("n1", "n2", answer)
    node = cluster.live["n1"]
    assert (node.role, node.log.last_index) == (Role.LEADER, 2)
    cluster.receive("n1", "n2", AppendAnswer(1, 2, 0))
    cluster.receive("n1", "n2", AppendConflict(1, 0, 1, 0))
    assert (node.commit_index, node.progress["n2"].match_index) == (0, 0)
    assert node.progress["n2"].next_index == 3


# --- §5.2 -----------------------------------------------------------------------------------------


def test_servers_start_as_followers() -> None:
    """§5.2: "When servers start up, they begin as followers." """
    cluster = RaftCluster()
    cluster.elect("n1")
    cluster.crash("n1")
    assert cluster.start("n1").role is Role.FOLLOWER


def test_a_follower_stays_one_as_long_as_it_hears_a_leader() -> None:
    """§5.2: "A server remains in follower state as long as it receives valid RPCs from a leader or
    candidate."
    """
    cluster = RaftCluster()
    follower(cluster)
    for _ in range(10):
        cluster.timers["n1"].clear()
        follower(cluster)
        assert cluster.timers["n1"] == {"silence": Raft.ELECTION_TIMEOUT_NS}


def test_a_leader_sends_heartbeats() -> None:
    """§5.2: "Leaders send periodic heartbeats (AppendEntries RPCs that carry no log entries) to all
    followers in order to maintain their authority."
    """
    cluster = RaftCluster(5)
    cluster.elect("n1")
    for _ in range(3):
        cluster.fire("n1", "heartbeat")
        assert "heartbeat" in cluster.timers["n1"]
        assert [m.target for m in cluster.in_flight] == ["n2", "n3", "n4", "n5"]
        assert all(m.payload.entries == () for m in cluster.in_flight)  # type: ignore[attr-defined]
        cluster.in_flight.clear()


def test_a_candidate_votes_for_itself_in_a_new_term_and_asks_the_others() -> None:
    """§5.2: "To begin an election, a follower increments its current term and transitions to
    candidate state. It then votes for itself and issues RequestVote RPCs in parallel to each of the
    other servers."
    """
    cluster = RaftCluster()
    cluster.start("n1", disk(4, [1, 3]))
    cluster.fire("n1", "election")
    cluster.in_flight.clear()
    cluster.hand_over(Message("n2", "n1", PreVoteAnswer(4, True)))
    node = cluster.live["n1"]
    assert (node.role, node.term, node.voted_for) == (Role.CANDIDATE, 5, "n1")
    asked = [Message("n1", peer, RequestVote(5, 2, 3)) for peer in ("n2", "n3")]
    assert cluster.in_flight == asked


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7])
def test_a_candidate_wins_with_a_majority_of_the_full_cluster(size: int) -> None:
    """§5.2: "A candidate wins an election if it receives votes from a majority of the servers in
    the full cluster for the same term."
    """
    cluster = RaftCluster(size)
    cluster.fire("n1", "election")
    for voter in cluster.names[1 : majority(size)]:
        cluster.receive("n1", voter, PreVoteAnswer(0, True))
    node = cluster.live["n1"]
    for voter in cluster.names[1 : majority(size)]:
        assert node.role is Role.CANDIDATE
        cluster.receive("n1", voter, VoteAnswer(1, True))
    assert node.role is Role.LEADER


def test_a_vote_counts_once_and_only_in_its_term() -> None:
    """§5.2: votes count "for the same term", and each server has one."""
    cluster = RaftCluster(5)
    cluster.fire("n1", "election")
    for voter in ("n2", "n2", "n2"):
        cluster.receive("n1", voter, PreVoteAnswer(0, True))
    node = cluster.live["n1"]
    assert node.facts()["role"] == "pre-candidate"
    cluster.receive("n1", "n3", PreVoteAnswer(0, True))
    for _ in range(3):
        cluster.receive("n1", "n2", VoteAnswer(1, True))
        cluster.receive("n1", "n3", VoteAnswer(0, True))
        cluster.receive("n1", "n4", VoteAnswer(1, False))
    assert node.role is Role.CANDIDATE


@pytest.mark.parametrize("restarts", [False, True])
def test_a_server_votes_for_one_candidate_a_term(restarts: bool) -> None:
    """§5.2: "Each server will vote for at most one candidate in a given term, on a
    first-come-first-served basis." Figure 2: the vote is on stable storage.
    """
    cluster = RaftCluster()
    assert cluster.receive("n1", "n2", RequestVote(1, 0, 0)) == [VoteAnswer(1, True)]
    if restarts:
        cluster.crash("n1")
        cluster.start("n1")
    assert cluster.receive("n1", "n3", RequestVote(1, 9, 0)) == [VoteAnswer(1, False)]
    assert cluster.receive("n1", "n2", RequestVote(1, 0, 0)) == [VoteAnswer(1, True)]
    assert cluster.receive("n1", "n3", RequestVote(2, 0, 0)) == [VoteAnswer(2, True)]


@pytest.mark.parametrize("role", [pre_candidate, candidate])
@pytest.mark.parametrize("term", [1, 2])
def test_a_candidate_recognizes_a_leader_of_its_term_or_a_later_one(
    role: Callable[[RaftCluster], None], term: int
) -> None:
    """§5.2: "If the leader's term (included in its RPC) is at least as large as the candidate's
    current term, then the candidate recognizes the leader as legitimate and returns to follower
    state."
    """
    cluster = RaftCluster()
    role(cluster)
    cluster.receive("n1", "n3", AppendEntries(term, 0, 0, (), 0, 0))
    node = cluster.live["n1"]
    assert (node.role, node.term, node.leader) == (Role.FOLLOWER, term, "n3")


def test_a_split_vote_ends_with_another_election() -> None:
    """§5.2: "When this happens, each candidate will time out and start a new election by
    incrementing its term and initiating another round of RequestVote RPCs."
    """
    cluster = RaftCluster()
    candidate(cluster)
    cluster.receive("n1", "n2", VoteAnswer(1, False))
    cluster.receive("n1", "n3", VoteAnswer(1, False))
    cluster.fire("n1", "election")
    cluster.receive("n1", "n2", PreVoteAnswer(1, True))
    node = cluster.live["n1"]
    assert (node.role, node.term) == (Role.CANDIDATE, 2)


def test_election_timeouts_are_drawn_from_a_fixed_interval() -> None:
    """§5.2: "election timeouts are chosen randomly from a fixed interval", each time again."""
    cluster = RaftCluster(5)
    drawn = []
    for name in cluster.names * 20:
        drawn.append(cluster.timers[name]["election"])
        cluster.fire(name, "election")
    least = Raft.ELECTION_TIMEOUT_NS
    assert all(least <= timeout <= 2 * least for timeout in drawn)
    assert len(set(drawn)) == len(drawn)
    assert min(drawn) < 1.1 * least
    assert max(drawn) > 1.9 * least


def test_a_vote_resets_the_election_timeout_and_a_refusal_does_not() -> None:
    """Figure 2, Followers: "If election timeout elapses without receiving AppendEntries RPC from
    current leader or granting vote to candidate: convert to candidate."
    """
    cluster = RaftCluster()
    cluster.start("n1", disk(1, [1]))
    before = dict(cluster.timers["n1"])
    cluster.receive("n1", "n2", RequestVote(2, 0, 0))
    assert cluster.timers["n1"] == before
    cluster.receive("n1", "n2", RequestVote(3, 1, 1))
    assert set(cluster.timers["n1"]) == {"election"}
    assert cluster.timers["n1"] != before


# --- §5.4 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "last_term", "last_index", "up_to_date"),
    [
        ([], 0, 0, True),
        ([1], 1, 1, True),
        ([1], 1, 2, True),
        ([1, 1], 1, 1, False),
        ([1, 1], 2, 1, True),
        ([2], 1, 9, False),
        ([1], 0, 0, False),
    ],
)
def test_a_voter_denies_its_vote_to_a_log_that_lacks_something(
    own: list[int], last_term: int, last_index: int, up_to_date: bool
) -> None:
    """§5.4.1: "the voter denies its vote if its own log is more up-to-date than that of the
    candidate"; a later last term, then a longer log, is more up-to-date. So with pre-votes.
    """
    cluster = RaftCluster()
    cluster.start("n1", disk(3, own))
    pre_vote = RequestPreVote(3, last_index, last_term)
    assert cluster.receive("n1", "n2", pre_vote) == [PreVoteAnswer(3, up_to_date)]
    vote = RequestVote(4, last_index, last_term)
    assert cluster.receive("n1", "n2", vote) == [VoteAnswer(4, up_to_date)]


def test_entries_of_earlier_terms_are_not_committed_by_counting() -> None:
    """§5.4.2: "Raft never commits log entries from previous terms by counting replicas. Only log
    entries from the leader's current term are committed by counting replicas."
    """
    cluster = RaftCluster()
    cluster.start("n1", disk(2, [1, 2]))
    cluster.fire("n1", "election")
    cluster.receive("n1", "n2", PreVoteAnswer(2, True))
    cluster.receive("n1", "n2", VoteAnswer(3, True))
    node = cluster.live["n1"]
    for peer in ("n2", "n3"):
        cluster.receive("n1", peer, AppendAnswer(3, 2, 0))
    assert node.commit_index == 0
    cluster.receive("n1", "n2", AppendAnswer(3, 3, 0))
    assert node.commit_index == 3


# --- §5.5, §5.6, Figure 2 -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        AppendEntries(1, 0, 0, (NO_OP, NO_OP), 1, 3),
        AppendEntries(1, 5, 1, (NO_OP,), 1, 3),
        RequestVote(1, 0, 0),
        RequestPreVote(0, 0, 0),
    ],
)
def test_requests_are_idempotent_even_across_a_restart(message: Payload) -> None:
    """§5.5: "if a server crashes after completing an RPC but before responding, then it will
    receive the same RPC again after it restarts. Raft RPCs are idempotent, so this causes no harm."
    """
    first, again = RaftCluster().receive_again("n1", "n2", message)
    assert again == first


@pytest.mark.parametrize(
    "message", [AppendEntries(1, 0, 0, (NO_OP,), 0, 0), RequestVote(1, 0, 0), RequestVote(1, 0, 1)]
)
def test_state_is_stable_before_any_answer(message: Payload) -> None:
    """Figure 2: persistent state is "updated on stable storage before responding to RPCs"."""
    cluster = RaftCluster()
    node = cluster.live["n1"]
    effects = node.step(Received(Message("n2", "n1", message)), 0)
    kinds = [type(effect) for effect in effects if isinstance(effect, (Persist, Send))]
    assert kinds.count(Send) == 1
    assert kinds[-1] is Send
    assert Persist in kinds


def test_a_leader_makes_its_own_entry_durable_before_it_counts_it() -> None:
    """Dissertation §10.2.1: the leader may count itself only once the entry is on its disk."""
    cluster = RaftCluster()
    cluster.elect("n1")
    cluster.trace.clear()
    cluster.request("n1", "write", "a", 1)
    assert "n1 persists Appended" in cluster.trace[0]
    records = cluster.disks["n1"]
    assert [type(record) for record in records] == [TermAndVote, Appended, Appended]


def test_timing_leaves_room_for_lost_heartbeats() -> None:
    """§5.6: "broadcastTime << electionTimeout": several heartbeats fit into the least timeout."""
    assert 4 * Raft.HEARTBEAT_NS <= Raft.ELECTION_TIMEOUT_NS
