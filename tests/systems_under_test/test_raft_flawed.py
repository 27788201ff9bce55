"""A demonstration a flaw: a few steps that drive it to the anomaly which its docstring names.

Each runs on the correct protocol as well, where nothing of the kind may happen.
"""

from collections.abc import Callable

import pytest

from systems_under_test.node import Message
from systems_under_test.raft import flawed
from systems_under_test.raft.messages import AppendEntries, PreVoteAnswer, TermAndVote, VoteAnswer
from systems_under_test.raft.node import Raft, RaftCompactsOften
from systems_under_test.raft.state import Role
from systems_under_test.requests import Reply
from tests.systems_under_test.raft_cluster import CLIENT, RaftCluster, disk

Demonstration = Callable[[type[Raft]], None]


def acknowledged(system: type[Raft]) -> RaftCluster:
    """A cluster of three in which n1 leads and has acknowledged a write that n2 has as well."""
    cluster = RaftCluster(3, system)
    cluster.elect("n1")
    cluster.request("n1", "write", "k", 1)
    cluster.stabilize("n1", "n2")
    assert cluster.answers == [(CLIENT, Reply(1, 1))]
    cluster.in_flight.clear()
    return cluster


def overtaken(system: type[Raft]) -> RaftCluster:
    """A cluster of three in which n1 alone holds its write, and n2 was elected by n3."""
    cluster = RaftCluster(3, system)
    cluster.elect("n1")
    cluster.request("n1", "write", "k", "lost")
    cluster.in_flight.clear()
    cluster.elect("n2", "n2", "n3")
    return cluster


def stale_reads(system: type[Raft]) -> None:
    """A deposed leader that does not know it yet reads an old value."""
    cluster = RaftCluster(3, system)
    cluster.elect("n1")
    cluster.elect("n2", "n2", "n3")
    cluster.request("n2", "write", "k", "new")
    cluster.stabilize("n2", "n3")
    assert cluster.answers[-1] == (CLIENT, Reply(1, "new"))
    answer = cluster.request("n1", "read", "k", client="reader")
    assert not isinstance(answer, Reply), f"{answer} is older than an acknowledged write"


def forgets_vote(system: type[Raft]) -> None:
    """n3 votes for n1, restarts, and is asked by n2 in the same term."""
    cluster = RaftCluster(3, system)
    for name in ("n1", "n2"):
        cluster.fire(name, "election")
        cluster.hand_over(Message("n3", name, PreVoteAnswer(0, True)))
        cluster.take(name, "n1" if name == "n2" else "n2")
    for name in ("n1", "n2"):
        cluster.deliver(name, "n3")
        if "n3" in cluster.live:
            cluster.crash("n3")
        cluster.restart("n3")
        cluster.deliver("n3", name)


def no_sync(system: type[Raft]) -> None:
    """n1 acknowledges a write that n2 has as well; then both crash, with what is not synced."""
    cluster = acknowledged(system)
    for name in ("n1", "n2"):
        cluster.crash(name)
        cluster.restart(name)
    cluster.elect("n2", "n1", "n2")


def commits_earlier_terms(system: type[Raft]) -> None:
    """Figure 8: n1 counts who holds an entry of term 2 while it leads in term 4."""
    cluster = RaftCluster(5, system)
    logs = {"n1": [1, 2], "n2": [1, 2], "n3": [1], "n4": [1], "n5": [1, 3]}
    for name, terms in logs.items():
        cluster.start(name, disk(4 if name == "n5" else 3, terms))
    cluster.fire("n1", "election")
    for answer in (PreVoteAnswer(3, True), VoteAnswer(4, True)):
        for voter in ("n2", "n3"):
            cluster.receive("n1", voter, answer)
    entry = cluster.live["n1"].log[2]
    cluster.in_flight.clear()
    cluster.hand_over(Message("n1", "n2", AppendEntries(4, 2, 2, (), 0, 0)))
    cluster.hand_over(Message("n1", "n3", AppendEntries(4, 1, 1, (entry,), 0, 0)))
    for voter in ("n2", "n3"):
        cluster.deliver(voter, "n1")
        cluster.fire(voter, "silence")
    cluster.in_flight.clear()
    cluster.crash("n1")
    cluster.fire("n5", "election")
    cluster.stabilize("n2", "n3", "n4", "n5")


def ignores_logs(system: type[Raft]) -> None:
    """n3 has missed an acknowledged write, and is elected by n2, which holds it."""
    cluster = acknowledged(system)
    cluster.crash("n1")
    for name in ("n2", "n3"):
        cluster.fire(name, "silence")
    cluster.fire("n3", "election")
    cluster.stabilize("n2", "n3")


def commits_alone(system: type[Raft]) -> None:
    """n1 answers a write that nobody else has heard of, and another leads."""
    cluster = overtaken(system)
    cluster.request("n2", "write", "k", 2)
    cluster.stabilize("n2", "n3")


def with_a_session(system: type[Raft]) -> RaftCluster:
    """n1 leads, and a client has opened a session."""
    cluster = RaftCluster(3, system)
    cluster.elect("n1")
    cluster.request("n1", "open")
    cluster.stabilize()
    return cluster


def forgets_sessions(system: type[Raft]) -> None:
    """A write is sent again after another one: the newer value must stay."""
    cluster = with_a_session(system)
    for value, sequence, session in (("old", 1, 1), ("new", 1, 0), ("old", 1, 1)):
        cluster.request("n1", "write", "k", value, session=session, sequence=sequence)
        cluster.stabilize()
    found = cluster.live["n1"].machine.read("k")
    assert found == "new", f"the write of {found!r} took effect twice"


def never_truncates(system: type[Raft]) -> None:
    """n1 holds an entry of term 1 in a place where n2 commits another one."""
    cluster = overtaken(system)
    for value in ("kept", "newer"):
        cluster.request("n2", "write", "k", value)
        cluster.stabilize("n2", "n3")
    # What n2 sent so far is lost: it sends all three entries again, in one batch.
    cluster.take("n2", "n1")
    batch = tuple(cluster.live["n2"].log[index] for index in (2, 3, 4))
    cluster.hand_over(Message("n2", "n1", AppendEntries(2, 1, 1, batch, 0, 0)))
    for _ in range(5):
        cluster.fire("n2", "heartbeat")
        cluster.exchange("n2", "n1")


def snapshots_without_sessions(system: type[Raft]) -> None:
    """n3 is restored from a snapshot, and refuses a write of a session that the others know."""
    cluster = with_a_session(system)
    for value in range(1, 40):
        cluster.request("n1", "write", "k", value, session=1, sequence=value)
        cluster.stabilize("n1", "n2")
    cluster.in_flight.clear()
    for _ in range(6):
        cluster.fire("n1", "heartbeat")
        cluster.stabilize()
    cluster.request("n1", "write", "k", "newest", session=1, sequence=99)
    cluster.stabilize()
    cluster.fire("n1", "heartbeat")
    cluster.stabilize()
    assert cluster.live["n3"].machine.read("k") == "newest"


def one_step_change(system: type[Raft]) -> None:
    """n1, with n2 alone, is asked to remove the others; the others elect one of their own."""
    cluster = RaftCluster(5, system)
    cluster.elect("n1")
    for number, node in enumerate(("n3", "n4", "n5"), 1):
        cluster.request("n1", "remove-member", argument=node, sequence=number, client="operator")
        cluster.stabilize("n1", "n2")
    cluster.request("n1", "write", "k", 1)
    cluster.stabilize("n1", "n2")
    cluster.elect("n4", "n3", "n4", "n5")
    cluster.request("n4", "write", "k", 2)
    cluster.stabilize("n3", "n4", "n5")


def no_pre_vote(system: type[Raft]) -> None:
    """n3 hears nothing and is heard: it must not depose a leader at work."""
    cluster = RaftCluster(3, system)
    leader = cluster.elect("n1")
    for _ in range(3):
        cluster.fire("n3", "election")
        cluster.take("n1", "n3")
        cluster.take("n2", "n3")
        cluster.stabilize("n1", "n2")
        cluster.deliver("n3", "n1")
        cluster.deliver("n3", "n2")
    assert leader.role is Role.LEADER, "a node that hears nothing deposed the leader"


DEMONSTRATIONS: dict[type[Raft], tuple[Demonstration, str]] = {
    flawed.RaftStaleReads: (stale_reads, "older than an acknowledged write"),
    flawed.RaftForgetsVote: (forgets_vote, "Election Safety: n1 and n2 both led in term 1"),
    flawed.RaftNoSync: (no_sync, "Election Safety: n1 and n2 both led in term 1"),
    flawed.RaftCommitsEarlierTerms: (commits_earlier_terms, "Leader Completeness"),
    flawed.RaftIgnoresLogs: (ignores_logs, "Leader Completeness"),
    flawed.RaftCommitsAlone: (commits_alone, "State Machine Safety"),
    flawed.RaftForgetsSessions: (forgets_sessions, "'old' took effect twice"),
    flawed.RaftNeverTruncates: (never_truncates, "Log Matching"),
    flawed.RaftSnapshotsWithoutSessions: (snapshots_without_sessions, "the snapshot of n"),
    flawed.RaftOneStepChange: (one_step_change, "Leader Completeness"),
    flawed.RaftNoPreVote: (no_pre_vote, "deposed the leader"),
}


@pytest.mark.parametrize("system", DEMONSTRATIONS, ids=lambda system: system.__name__)
def test_the_flaw_leads_to_its_anomaly(system: type[Raft]) -> None:
    demonstrate, anomaly = DEMONSTRATIONS[system]
    with pytest.raises(AssertionError, match=anomaly):
        demonstrate(system)


@pytest.mark.parametrize("demonstrate", [found for found, _ in DEMONSTRATIONS.values()])
@pytest.mark.parametrize("system", [Raft, RaftCompactsOften])
def test_the_same_steps_do_no_harm_to_raft(system: type[Raft], demonstrate: Demonstration) -> None:
    demonstrate(system)


def test_every_flaw_is_demonstrated_and_names_its_sentence() -> None:
    flaws = {
        value
        for value in vars(flawed).values()
        if isinstance(value, type) and issubclass(value, Raft) and "flawed" in value.__module__
    }
    assert flaws == set(DEMONSTRATIONS)
    for flaw in flaws:
        assert flaw.__doc__
        assert "Breaks" in flaw.__doc__
        assert "Anomaly:" in flaw.__doc__


def test_a_disk_that_a_test_writes_is_one_of_raft() -> None:
    assert disk(3, []) == [TermAndVote(3, None)]
