"""One test a sentence of §5.3 of the Raft paper, log replication; see test_raft_paper.py."""

import pytest

from systems_under_test.node import Message, Payload
from systems_under_test.quorum import majority
from systems_under_test.raft.messages import (
    AppendAnswer,
    AppendConflict,
    AppendEntries,
    Entry,
    PreVoteAnswer,
    VoteAnswer,
)
from systems_under_test.raft.state import Role
from systems_under_test.requests import Reply
from tests.systems_under_test.raft_cluster import CLIENT, RaftCluster, disk


def test_a_command_is_appended_and_sent_to_all_in_parallel() -> None:
    """§5.3: "The leader appends the command to its log as a new entry, then issues AppendEntries
    RPCs in parallel to each of the other servers to replicate the entry."
    """
    cluster = RaftCluster()
    node = cluster.elect("n1")
    assert cluster.request("n1", "write", "a", 1) is None
    entry = node.log[2]
    assert (entry.term, entry.command.argument) == (1, 1)  # type: ignore[union-attr]
    batch = AppendEntries(1, 1, 1, (entry,), 1, 0)
    assert [m.payload for m in cluster.in_flight] == [batch, batch]
    assert cluster.in_flight[0].payload is cluster.in_flight[1].payload


@pytest.mark.parametrize("size", [2, 3, 4, 5, 7])
def test_an_entry_is_committed_and_answered_once_on_a_majority(size: int) -> None:
    """§5.3: "A log entry is committed once the leader that created the entry has replicated it on
    a majority of the servers"; then "the leader applies the entry to its state machine and returns
    the result of that execution to the client."
    """
    cluster = RaftCluster(size)
    node = cluster.elect("n1")
    cluster.request("n1", "write", "a", 1)
    for peer in cluster.names[1 : majority(size)]:
        assert (node.commit_index, node.applied, cluster.answers) == (1, 1, [])
        cluster.receive("n1", peer, AppendAnswer(1, 2, 0))
    assert (node.commit_index, node.applied) == (2, 2)
    assert cluster.answers == [(CLIENT, Reply(1, 1))]


def test_a_commit_commits_everything_before_it() -> None:
    """§5.3: "This also commits all preceding entries in the leader's log, including entries created
    by previous leaders."
    """
    cluster = RaftCluster()
    cluster.start("n1", disk(3, [1, 1, 2]))
    cluster.fire("n1", "election")
    cluster.receive("n1", "n2", PreVoteAnswer(3, True))
    cluster.receive("n1", "n2", VoteAnswer(4, True))
    node = cluster.live["n1"]
    assert (node.role, node.commit_index) == (Role.LEADER, 0)
    cluster.receive("n1", "n2", AppendAnswer(4, 4, 0))
    assert (node.commit_index, node.applied) == (4, 4)
    assert node.machine.read("k") == "2.3"


def test_followers_learn_of_commits_and_apply_in_log_order() -> None:
    """§5.3: "The leader keeps track of the highest index it knows to be committed, and it includes
    that index in future AppendEntries RPCs (including heartbeats) so that the other servers
    eventually find out. Once a follower learns that a log entry is committed, it applies the entry
    to its local state machine (in log order)."
    """
    cluster = RaftCluster()
    cluster.elect("n1")
    for value in (1, 2, 3):
        cluster.request("n1", "write", "a", value)
    cluster.stabilize()
    cluster.fire("n1", "heartbeat")
    cluster.stabilize()
    for node in cluster.live.values():
        assert (node.commit_index, node.applied, node.machine.read("a")) == (4, 4, 3)


def test_a_follower_commits_only_what_the_message_vouches_for() -> None:
    """Figure 2, AppendEntries 5: "If leaderCommit > commitIndex, set commitIndex =
    min(leaderCommit, index of last new entry)": what stands beyond may differ from the leader's.
    """
    cluster = RaftCluster()
    cluster.start("n1", disk(1, [1, 1, 1]))
    cluster.receive("n1", "n2", AppendEntries(2, 1, 1, (), 3, 0))
    assert cluster.live["n1"].commit_index == 1


def test_the_leader_retries_until_everybody_has_everything() -> None:
    """§5.3: "If followers crash or run slowly, or if network packets are lost, the leader retries
    AppendEntries RPCs indefinitely (even after it has responded to the client) until all followers
    eventually store all log entries."
    """
    cluster = RaftCluster()
    cluster.elect("n1")
    for value in range(10):
        cluster.request("n1", "write", "a", value)
        cluster.take("n1", "n3")
        cluster.stabilize()
    assert len(cluster.answers) == 10
    for _ in range(20):
        cluster.fire("n1", "heartbeat")
        cluster.take("n1", "n3")
        cluster.stabilize()
    for _ in range(2):
        cluster.fire("n1", "heartbeat")
        cluster.stabilize()
    assert cluster.log_of("n3") == cluster.log_of("n1")
    assert cluster.live["n3"].applied == 11


@pytest.mark.parametrize(
    ("previous_index", "previous_term", "answer"),
    [
        (0, 0, AppendAnswer(3, 1, 7)),
        (2, 1, AppendAnswer(3, 3, 7)),
        (4, 2, AppendAnswer(3, 5, 7)),
        (5, 2, AppendConflict(3, 0, 5, 7)),
        (4, 3, AppendConflict(3, 2, 3, 7)),
        (2, 2, AppendConflict(3, 1, 1, 7)),
    ],
)
def test_the_consistency_check(previous_index: int, previous_term: int, answer: Payload) -> None:
    """§5.3: "If the follower does not find an entry in its log with the same index and term, then
    it refuses the new entries"; it "can include the term of the conflicting entry and the first
    index it stores for that term."
    """
    cluster = RaftCluster()
    cluster.start("n1", disk(3, [1, 1, 2, 2]))
    ask = AppendEntries(3, previous_index, previous_term, (Entry(3, None),), 0, 7)
    assert cluster.receive("n1", "n2", ask) == [answer]


FIGURE_7 = {
    "a": [1, 1, 1, 4, 4, 5, 5, 6, 6],
    "b": [1, 1, 1, 4],
    "c": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    "d": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
    "e": [1, 1, 1, 4, 4, 4, 4],
    "f": [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
}


@pytest.mark.parametrize("log", FIGURE_7.values(), ids=FIGURE_7)
def test_a_leader_makes_any_log_of_figure_7_equal_to_its_own(log: list[int]) -> None:
    """§5.3: "the leader handles inconsistencies by forcing the followers' logs to duplicate its
    own"; one message a conflicting term, and the journal follows.
    """
    leaders = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
    cluster = RaftCluster()
    cluster.start("n1", disk(7, leaders))
    cluster.start("n2", disk(7, log))
    cluster.start("n3", disk(7, []))
    cluster.elect("n1", "n1", "n3")
    cluster.in_flight.clear()
    for _ in range(2):
        cluster.fire("n1", "heartbeat")
    cluster.trace.clear()
    cluster.stabilize()
    assert sum("AppendConflict" in line for line in cluster.trace) <= len(set(log))
    assert cluster.terms_of("n2") == [*leaders, 8]
    assert cluster.log_of("n2") == cluster.log_of("n1")
    cluster.crash("n2")
    cluster.start("n2")
    assert cluster.log_of("n2") == cluster.log_of("n1")


def test_entries_that_came_late_cut_nothing_off() -> None:
    """Figure 2, AppendEntries 3: only "if an existing entry conflicts with a new one (same index
    but different terms)" is it deleted with those that follow.
    """
    cluster = RaftCluster()
    first, second = Entry(1, None), Entry(1, None)
    cluster.receive("n1", "n2", AppendEntries(1, 0, 0, (first, second), 0, 0))
    late = AppendEntries(1, 0, 0, (first,), 0, 0)
    assert cluster.receive("n1", "n2", late) == [AppendAnswer(1, 1, 0)]
    assert cluster.terms_of("n1") == [1, 1]


def test_next_index_begins_after_the_leaders_last_entry() -> None:
    """§5.3: "When a leader first comes to power, it initializes all nextIndex values to the index
    just after the last one in its log."
    """
    cluster = RaftCluster()
    cluster.start("n1", disk(2, [1, 2, 2]))
    cluster.fire("n1", "election")
    cluster.receive("n1", "n2", PreVoteAnswer(2, True))
    cluster.in_flight.clear()
    cluster.hand_over(Message("n2", "n1", VoteAnswer(3, True)))
    no_op = AppendEntries(3, 3, 2, (Entry(3, None),), 0, 0)
    assert [m.payload for m in cluster.in_flight] == [no_op, no_op]


def test_two_leaders_of_a_term_are_a_broken_invariant() -> None:
    """Figure 3, Election Safety: "at most one leader can be elected in a given term." """
    cluster = RaftCluster()
    cluster.elect("n1")
    with pytest.raises(AssertionError, match="n2 and we both lead in term 1"):
        cluster.receive("n1", "n2", AppendEntries(1, 0, 0, (), 0, 0))
