"""One test a sentence of §6 of the Raft paper and of chapters 3 and 4 of the dissertation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from systems_under_test.raft.members import Members
from systems_under_test.raft.messages import AppendAnswer, RequestPreVote, RequestVote, TimeoutNow
from systems_under_test.raft.node import Raft
from systems_under_test.raft.state import Role
from systems_under_test.requests import ErrorCode, Refusal, Reply
from tests.systems_under_test.raft_cluster import RaftCluster

NAMES = ["n1", "n2", "n3", "n4", "n5", "n6"]


def members_of(cluster: RaftCluster, name: str) -> Members:
    return cluster.live[name].members


def ask(cluster: RaftCluster, function: str, node: str, at: str = "n1") -> Reply | Refusal:
    """Ask, let everything happen, and return the answer."""
    before = len(cluster.answers)
    cluster.request(at, function, argument=node, client="operator")
    cluster.stabilize()
    assert len(cluster.answers) == before + 1, "one request, one answer"
    return cluster.answers[-1][1]


# --- joint consensus ------------------------------------------------------------------------------


@given(st.sets(st.sampled_from(NAMES), min_size=1), st.sets(st.sampled_from(NAMES), min_size=1),
       st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))  # fmt: skip
def test_agreement_takes_separate_majorities_of_old_and_new(
    old: set[str], new: set[str], one: set[str], other: set[str]
) -> None:
    """§6: "Agreement (for elections and entry commitment) requires separate majorities from both
    the old and new configurations." So two quorums meet, if one of them is joint.
    """
    joint = Members(tuple(sorted(old)), tuple(sorted(new)))
    assert joint.is_quorum(one) == (
        Members(tuple(sorted(old))).is_quorum(one) and Members(tuple(sorted(new))).is_quorum(one)
    )
    for single in (old, new):
        if joint.is_quorum(one) and Members(tuple(sorted(single))).is_quorum(other):
            assert one & other
    held = dict.fromkeys(one, 1)
    assert joint.agreed(held) == joint.is_quorum(one)


def test_a_member_is_added_in_two_steps_and_then_votes() -> None:
    """§6: "the cluster first switches to a transitional configuration we call joint consensus; once
    the joint consensus has been committed, the system then transitions to the new configuration."
    """
    cluster = RaftCluster(3, spares=1)
    cluster.elect("n1")
    assert ask(cluster, "add-member", "n4") == Reply(1, ["n1", "n2", "n3", "n4"])
    log = cluster.live["n1"].log
    old, new = ("n1", "n2", "n3"), ("n1", "n2", "n3", "n4")
    assert [log[index].command for index in (2, 3)] == [Members(old, new), Members(new)]
    cluster.fire("n1", "heartbeat")
    cluster.stabilize()
    assert {members_of(cluster, name) for name in cluster.names} == {Members(new)}
    assert cluster.elect("n4").role is Role.LEADER


def test_members_are_used_as_soon_as_they_stand_in_the_log() -> None:
    """§6: "a server always uses the latest configuration in its log, regardless of whether the
    entry is committed".
    """
    cluster = RaftCluster(3, spares=2)
    leader = cluster.elect("n1")
    cluster.request("n1", "remove-member", argument="n3")
    assert leader.commit_index == 1
    assert members_of(cluster, "n1") == Members(("n1", "n2", "n3"), ("n1", "n2"))
    cluster.deliver("n1", "n2")
    assert members_of(cluster, "n2").joint
    assert not members_of(cluster, "n3").joint


def test_the_joint_entry_needs_both_majorities() -> None:
    cluster = RaftCluster(3, spares=2)
    leader = cluster.elect("n1")
    leader.asked = None
    joint = Members(("n1", "n2", "n3"), ("n1", "n4", "n5"))
    leader._effects = []
    leader.append_to_own_log(joint)
    for name, committed in (("n2", 1), ("n3", 1), ("n4", 3)):
        # All old members are not enough; with n4 there is a majority of the new ones, and the
        # entry with the new members alone follows at once, for which n1 and n4 do.
        leader._effects = []
        leader.on_append_answer(name, AppendAnswer(1, 2, 0))
        leader.on_append_answer(name, AppendAnswer(1, leader.log.last_index, 0))
        assert leader.commit_index == committed, name
    assert leader.members == Members(("n1", "n4", "n5"))


def test_entries_that_are_cut_off_take_their_members_with_them() -> None:
    """§6, of a change that a crashed leader told too few: the next leader does not know of it."""
    cluster = RaftCluster(3, spares=1)
    cluster.elect("n1")
    cluster.request("n1", "remove-member", argument="n3")
    cluster.in_flight.clear()
    cluster.elect("n2", "n2", "n3")
    assert members_of(cluster, "n1").joint
    cluster.fire("n2", "heartbeat")
    cluster.stabilize()
    assert cluster.answers[-1][1] == Refusal(1, "leadership-lost")
    assert {members_of(cluster, name) for name in NAMES[:3]} == {Members(("n1", "n2", "n3"))}


def test_a_new_leader_finishes_what_stands_in_its_log() -> None:
    """§6: "it is now safe for the leader to create a log entry describing C-new": any leader."""
    cluster = RaftCluster(3)
    cluster.elect("n1")
    cluster.request("n1", "remove-member", argument="n3")
    cluster.deliver("n1", "n2")
    cluster.in_flight.clear()
    cluster.crash("n1")
    cluster.restart("n1")
    cluster.elect("n2")
    cluster.fire("n2", "heartbeat")
    cluster.stabilize()
    assert members_of(cluster, "n2") == members_of(cluster, "n1") == Members(("n1", "n2"))


def test_members_survive_a_restart() -> None:
    cluster = RaftCluster(3, spares=1)
    cluster.elect("n1")
    ask(cluster, "add-member", "n4")
    before = cluster.live["n1"].changes
    cluster.crash("n1")
    assert cluster.restart("n1").changes == before


# --- the three issues of §6 -----------------------------------------------------------------------


def test_a_new_server_catches_up_before_it_votes() -> None:
    """§6: "Raft introduces an additional phase before the configuration change, in which the new
    servers join the cluster as non-voting members (the leader replicates log entries to them, but
    they are not considered for majorities)."
    """
    cluster = RaftCluster(3, spares=1)
    leader = cluster.elect("n1")
    for value in range(leader.MAX_BATCH + 20):
        cluster.request("n1", "write", "k", value)
    cluster.stabilize()
    cluster.request("n1", "add-member", argument="n4")
    rounds = 0
    while cluster.live["n4"].log.last_index < 20:
        assert members_of(cluster, "n1") == Members(("n1", "n2", "n3"))
        cluster.exchange("n1", "n4")
        rounds += 1
        assert rounds < 20
    cluster.stabilize()
    assert members_of(cluster, "n1") == Members(("n1", "n2", "n3", "n4"))


def test_a_new_server_that_does_not_catch_up_is_given_up() -> None:
    """Dissertation §4.2.1: "if the new server is unavailable or so slow that it will never catch
    up", the leader aborts the change: definitely, since nothing stands in the log.
    """
    cluster = RaftCluster(3, spares=1)
    leader = cluster.elect("n1")
    for value in range(leader.MAX_BATCH + 20):
        cluster.request("n1", "write", "k", value)
    cluster.stabilize()
    cluster.crash("n4")
    cluster.request("n1", "add-member", argument="n4", client="operator")
    for _ in range(leader.PATIENCE + 2):
        cluster.fire("n1", "heartbeat")
        cluster.stabilize("n1", "n2", "n3")
    client, answer = cluster.answers[-1]
    assert (client, answer.error) == ("operator", "overloaded")  # type: ignore[union-attr]
    assert "n4 does not catch up" in answer.reason  # type: ignore[union-attr]
    assert "n4" not in leader.progress
    assert ErrorCode.OVERLOADED.definite


def test_a_leader_that_is_removed_leads_without_counting_itself_and_steps_down() -> None:
    """§6: "the leader steps down (returns to follower state) once it has committed the C-new log
    entry. This means that there will be a period of time [...] when the leader is managing a
    cluster that does not include itself; it replicates log entries but does not count itself in
    majorities."
    """
    cluster = RaftCluster(3)
    leader = cluster.elect("n1")
    cluster.request("n1", "remove-member", argument="n1", client="operator")
    for name in ("n2", "n3"):
        assert members_of(cluster, "n1").joint, "n1 and n2 are no majority of n2 and n3"
        cluster.deliver("n1", name)
        cluster.deliver(name, "n1")
    assert members_of(cluster, "n1") == Members(("n2", "n3")), "the joint entry is committed"
    cluster.exchange("n1", "n2")
    assert leader.commit_index == 2, "n1 and n2 hold the other one: a majority with n1 only"
    cluster.stabilize()
    assert cluster.answers == [("operator", Reply(1, ["n2", "n3"]))]
    assert leader.role is Role.FOLLOWER
    assert [cluster.live[name].role for name in ("n2", "n3")].count(Role.LEADER) == 1, "at once"


def test_a_removed_server_does_not_stand_for_election() -> None:
    """§6: "removed servers [...] can disrupt the cluster", so one that knows leaves it alone."""
    cluster = RaftCluster(3)
    cluster.elect("n1")
    ask(cluster, "remove-member", "n3")
    node = cluster.live["n3"]
    assert node.members == Members(("n1", "n2"))
    for _ in range(3):
        cluster.fire("n3", "election")
        assert cluster.take("n3", "n1") == []
    assert node.role is Role.FOLLOWER


def test_one_that_does_not_know_that_it_was_removed_deposes_nobody() -> None:
    """§6: "if a server receives a RequestVote RPC within the minimum election timeout of hearing
    from a current leader, it does not update its term or grant its vote": Pre-Vote does it here.
    """
    cluster = RaftCluster(3)
    leader = cluster.elect("n1")
    cluster.request("n1", "remove-member", argument="n3")
    cluster.stabilize("n1", "n2")
    assert members_of(cluster, "n1") == Members(("n1", "n2"))
    cluster.take("n1", "n3")
    for _ in range(3):
        cluster.fire("n3", "election")
        cluster.stabilize()
    assert (leader.role, leader.term) == (Role.LEADER, 1)


def test_one_that_is_removed_still_stands_until_that_is_committed() -> None:
    """Dissertation §4.2.2: "a server that is not part of its own latest configuration should still
    start new elections, as it might still be needed until the C-new entry is committed".
    """
    cluster = RaftCluster(2)
    cluster.elect("n1")
    cluster.request("n1", "remove-member", argument="n1")
    cluster.exchange("n1", "n2")
    assert members_of(cluster, "n1") == Members(("n2",))
    cluster.in_flight.clear()
    cluster.crash("n1")
    # n2 is missing the last entry, so n1 refuses its vote, which the joint members still ask for.
    cluster.restart("n1")
    cluster.fire("n2", "election")
    cluster.stabilize()
    assert cluster.live["n2"].role is not Role.LEADER
    cluster.fire("n1", "election")
    cluster.stabilize()
    for _ in range(2):
        for name in ("n1", "n2"):
            if "heartbeat" in cluster.timers[name]:
                cluster.fire(name, "heartbeat")
                cluster.stabilize()
    assert cluster.live["n2"].role is Role.LEADER
    assert members_of(cluster, "n2") == Members(("n2",))


def test_servers_vote_for_whoever_asks() -> None:
    """Dissertation §4.1: "servers process incoming RPC requests without consulting their current
    configurations": a spare grants votes, and takes entries of a leader that it does not know.
    """
    cluster = RaftCluster(3, spares=1)
    granted = cluster.receive("n4", "n3", RequestVote(1, 0, 0))
    assert granted[0].granted  # type: ignore[attr-defined]
    assert cluster.receive("n4", "n2", RequestPreVote(1, 5, 1))[0].granted  # type: ignore[attr-defined]


def test_a_spare_never_stands() -> None:
    cluster = RaftCluster(3, spares=1)
    cluster.fire("n4", "election")
    assert cluster.in_flight == []


# --- the requests ---------------------------------------------------------------------------------


def test_one_change_at_a_time() -> None:
    cluster = RaftCluster(5, spares=1)
    cluster.elect("n1")
    cluster.request("n1", "remove-member", argument="n3", client="operator")
    for function, node in (
        ("remove-member", "n4"),
        ("add-member", "n6"),
        ("add-member", "n3"),
        ("transfer-leadership", "n2"),
    ):
        answer = cluster.request("n1", function, argument=node)
        assert isinstance(answer, Refusal)
        assert answer.error == "change-under-way"
        assert "remove-member n3 is under way" in answer.reason
    cluster.stabilize()
    assert ask(cluster, "remove-member", "n4") == Reply(1, ["n1", "n2", "n5"])


@pytest.mark.parametrize(
    ("function", "node", "reason"),
    [
        ("add-member", "n9", "'n9' is no node of this cluster"),
        ("remove-member", None, "None is no node of this cluster"),
        ("remove-member", "n1", "n1 is the last member"),
        ("transfer-leadership", "n2", "n2 is not a member, so it cannot lead"),
    ],
)
def test_what_makes_no_sense_is_refused(function: str, node: str | None, reason: str) -> None:
    cluster = RaftCluster(1, spares=1)
    cluster.elect("n1")
    answer = cluster.request("n1", function, argument=node)
    assert isinstance(answer, Refusal)
    assert (answer.error, answer.reason.startswith(reason)) == ("bad-request", True)


def test_what_is_so_already_is_answered_by_who_still_leads() -> None:
    cluster = RaftCluster(3)
    cluster.elect("n1")
    assert cluster.request("n1", "add-member", argument="n2") is None, (
        "it must ask whether it leads"
    )
    cluster.stabilize()
    assert cluster.answers[-1][1] == Reply(1, ["n1", "n2", "n3"])
    assert ask(cluster, "members", None) == Reply(1, ["n1", "n2", "n3"])  # type: ignore[arg-type]
    answer = cluster.request("n2", "add-member", argument="n3")
    assert answer == Refusal(1, "not-leader", "n1")


def test_members_that_are_not_committed_are_not_told() -> None:
    cluster = RaftCluster(3)
    cluster.elect("n1")
    cluster.request("n1", "remove-member", argument="n3", client="operator")
    cluster.exchange("n1", "n2")
    assert members_of(cluster, "n1") == Members(("n1", "n2"))
    cluster.request("n1", "members", client="reader")
    for message in cluster.take("n1", "n2"):
        if not getattr(message.payload, "entries", ()):
            cluster.hand_over(message)
    cluster.deliver("n2", "n1")
    assert ("reader", Reply(1, ["n1", "n2", "n3"])) in cluster.answers


# --- leadership transfer (dissertation §3.10) -----------------------------------------------------


def test_the_leadership_is_handed_over_without_waiting_for_a_timeout() -> None:
    """§3.10: "the prior leader sends a TimeoutNow request to the target server. This request has
    the same effect as the target server's election timer firing".
    """
    cluster = RaftCluster(3)
    cluster.elect("n1")
    assert cluster.request("n1", "transfer-leadership", argument="n3") == Reply(1, "n3")
    cluster.stabilize()
    assert (cluster.live["n3"].role, cluster.live["n3"].term) == (Role.LEADER, 2)
    assert cluster.live["n1"].leader == "n3"


def test_the_target_is_brought_up_to_date_first_and_writes_are_refused_meanwhile() -> None:
    """§3.10: "The prior leader stops accepting new client requests. [It] fully updates the target
    server's log to match its own".
    """
    cluster = RaftCluster(3)
    cluster.elect("n1")
    cluster.request("n1", "write", "k", 1)
    cluster.request("n1", "transfer-leadership", argument="n3")
    assert all(not isinstance(m.payload, TimeoutNow) for m in cluster.in_flight)
    refusal = cluster.request("n1", "write", "k", 2)
    assert refusal == Refusal(1, "overloaded", reason="n3 is about to lead")
    cluster.stabilize()
    assert cluster.live["n3"].role is Role.LEADER


def test_a_transfer_that_does_not_succeed_is_given_up_after_an_election_timeout() -> None:
    """§3.10: "If leadership transfer does not complete after about an election timeout, the prior
    leader aborts the transfer and resumes accepting client requests."
    """
    cluster = RaftCluster(3)
    leader = cluster.elect("n1")
    cluster.request("n1", "transfer-leadership", argument="n3")
    cluster.take("n1", "n3")
    cluster.fire("n1", "heartbeat")
    cluster.stabilize("n1", "n2")
    cluster.fire("n1", "quorum")
    assert (leader.role, leader.heir) == (Role.LEADER, None)
    cluster.request("n1", "write", "k", 2)
    cluster.stabilize()
    assert cluster.answers[-1][1] == Reply(1, 2)


def test_the_word_of_an_earlier_leader_counts_for_nothing() -> None:
    cluster = RaftCluster(3)
    cluster.elect("n1")
    assert cluster.receive("n3", "n1", TimeoutNow(0)) == []
    assert (cluster.live["n3"].role, cluster.live["n3"].term) == (Role.FOLLOWER, 1)


def test_every_system_of_raft_says_that_its_members_change() -> None:
    assert Raft.changes_members
