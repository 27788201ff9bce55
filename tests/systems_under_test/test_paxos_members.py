"""How the members of Paxos change, and how its log ends.

"Paxos Made Simple" 3 (PMS), "Paxos Made Live" (PML).
"""

from systems_under_test.node import Message
from systems_under_test.paxos.membership import Membership
from systems_under_test.paxos.messages import (
    Accept,
    Learn,
    Learned,
    Prepare,
    Promise,
    SnapshotPart,
)
from systems_under_test.paxos.node import Paxos
from systems_under_test.paxos.state import Role
from systems_under_test.requests import Reply
from tests.systems_under_test.paxos_cluster import (
    CLIENT,
    PaxosCluster,
    Small,
    preparing,
    sent,
)

# --- members --------------------------------------------------------------------------------------


def test_a_change_takes_effect_a_window_later() -> None:
    """PMS 3: "the set of servers that execute instance i + α of the consensus algorithm" is
    "specified by the state after execution of the ith state machine command".
    """
    members = Membership(("n1", "n2", "n3"), window=4)
    assert members.change(5, "remove-member", "n3") == ("n1", "n2")
    assert [members.at(slot) for slot in (8, 9)] == [("n1", "n2", "n3"), ("n1", "n2")]
    assert members.change(6, "add-member", "n4") == ("n1", "n2", "n4")
    assert members.at(9) == ("n1", "n2")
    assert members.at(10) == ("n1", "n2", "n4")
    assert members.last_slot_like(1, 99) == 8
    assert members.last_slot_like(10, 99) == 99
    assert members.between(8, 9) == [("n1", "n2", "n3"), ("n1", "n2")]
    again = Membership.of_json(members.to_json(9), window=4)
    assert [again.at(slot) for slot in (9, 10)] == [("n1", "n2"), ("n1", "n2", "n4")]


def test_what_is_so_already_changes_nothing_and_the_last_member_stays() -> None:
    members = Membership(("n1", "n2"), window=4)
    assert members.change(1, "add-member", "n2") == ("n1", "n2")
    assert members.change(2, "remove-member", "n3") == ("n1", "n2")
    assert members.last_change == 1
    assert members.change(3, "remove-member", "n1") == ("n2",)
    assert members.change(4, "remove-member", "n2") == ("n2",)


def test_phase_1_is_done_with_the_new_acceptors_before_their_slots_are_proposed_in() -> None:
    """A leader has a quorum of promises from the old acceptors. In the slots of the new ones it
    waits for theirs, since another leader may have had something chosen there already.
    """
    cluster = PaxosCluster(4, Small)
    node = cluster.elect("n1", "n1", "n2", "n3")
    cluster.request("n1", "remove-member", argument="n2")
    cluster.stabilize("n1", "n2", "n3")
    assert node.members == ("n1", "n3", "n4")
    cluster.request("n1", "remove-member", argument="n3", client="d")
    cluster.stabilize("n1", "n2", "n3")
    assert node.members == ("n1", "n4")
    assert cluster.answers[-1] == ("d", Reply(1, ["n1", "n4"]))
    assert node.promises == {"n1", "n2", "n3"}
    cluster.in_flight.clear()
    cluster.request("n1", "write", "k", 1, client="e")
    cluster.request("n1", "read", "k", client="f")
    assert sent(cluster, Accept) == sent(cluster, Learned) == []
    cluster.fire("n1", "heartbeat")
    assert sent(cluster, Prepare) == [Prepare(node.ballot, node.chosen + 1)]
    cluster.stabilize("n1", "n4")
    assert cluster.answers[-2:] == [("e", Reply(1, 1)), ("f", Reply(1, 1))]


def test_a_change_is_answered_once_it_is_in_effect() -> None:
    """Whoever was told may shut the removed node down: no quorum needs it any more."""
    cluster = PaxosCluster(4, Small)
    node = cluster.elect("n1")
    cluster.request("n1", "remove-member", argument="n4")
    cluster.exchange("n1", "n2", "n3")
    assert (node.chosen, cluster.answers) == (1, [])
    cluster.stabilize()
    assert node.chosen == 4, "no-ops bring the change into effect"
    assert cluster.answers == [(CLIENT, Reply(1, ["n1", "n2", "n3"]))]


def test_who_is_no_member_learns_and_does_not_lead() -> None:
    cluster = PaxosCluster(3, Small)
    cluster.elect("n1")
    cluster.request("n1", "remove-member", argument="n3")
    cluster.stabilize()
    cluster.request("n1", "write", "k", 1)
    cluster.stabilize()
    cluster.fire("n1", "heartbeat")
    cluster.stabilize()
    assert cluster.live["n3"].machine.read("k") == 1
    cluster.fire("n3", "election")
    assert cluster.live["n3"].role is Role.FOLLOWER
    assert sent(cluster, Prepare) == []


def test_a_leader_that_was_removed_makes_way() -> None:
    cluster = PaxosCluster(3, Small)
    node = cluster.elect("n1")
    cluster.request("n1", "remove-member", argument="n1")
    cluster.stabilize()
    assert cluster.answers == [(CLIENT, Reply(1, ["n2", "n3"]))]
    cluster.fire("n1", "quorum")
    assert node.role is Role.FOLLOWER
    assert cluster.elect("n2", "n2", "n3").members == ("n2", "n3")


def test_a_spare_waits_to_be_added() -> None:
    cluster = PaxosCluster(3, Small)
    members = ("n1", "n2")
    for name in cluster.names:
        peers = [other for other in cluster.names if other != name]
        node = Paxos(name, peers, cluster.live[name].random, members)
        assert node.members == members
        assert node.is_member == (name != "n3")


# --- snapshots ------------------------------------------------------------------------------------


def grown(cluster: PaxosCluster, *among: str, count: int = 7) -> Small:
    node = cluster.elect("n1", *among)
    cluster.request("n1", "open")
    for number in range(1, count):
        cluster.request("n1", "write", f"k{number}", number, session=1, sequence=number + 1)
        cluster.stabilize(*among)
    return node  # type: ignore[return-value]


def test_a_journal_ends_with_a_snapshot_and_begins_with_it() -> None:
    """PML 5.5: a snapshot takes the place of the log before it. The state survives, with sessions
    and later votes.
    """
    cluster = PaxosCluster(system=Small)
    node = grown(cluster)
    parts = [record for record in cluster.disks["n1"] if isinstance(record, SnapshotPart)]
    assert cluster.disks["n1"][: len(parts)] == parts
    assert (parts[0].chosen, node.forgotten) == (5, 3)
    state, promised = node.machine.snapshot(), node.promised
    cluster.request("n1", "write", "k", "voted for")
    cluster.crash("n1")
    again = cluster.restart("n1")
    assert (again.promised, again.chosen) == (promised, 7)
    assert again.machine.snapshot() == state
    assert list(again.accepted) == [8]


def test_a_learner_that_lacks_forgotten_slots_is_sent_the_snapshot() -> None:
    """PML 5.5: a replica without what is truncated elsewhere gets a snapshot of another one."""
    cluster = PaxosCluster(system=Small)
    node = grown(cluster, "n1", "n2")
    cluster.in_flight.clear()
    cluster.fire("n1", "heartbeat")
    cluster.stabilize()
    late = cluster.live["n3"]
    assert late.chosen == node.chosen == 7
    assert late.machine.snapshot() == node.machine.snapshot()
    cluster.elect("n3")
    cluster.request("n3", "write", "k6", 6, session=1, sequence=7, client="again")
    cluster.stabilize()
    assert cluster.answers[-1] == ("again", Reply(7, 6))


def test_snapshots_are_equal_on_all_nodes() -> None:
    """So a learner may fetch their parts from different nodes."""
    cluster = PaxosCluster(system=Small)
    grown(cluster, count=12)
    cluster.fire("n1", "heartbeat")
    cluster.stabilize()
    one, two, three = (cluster.live[name].snapshot for name in cluster.names)
    assert one == two == three
    assert one[0].chosen == 10


def test_parts_count_in_order_and_of_one_snapshot() -> None:
    cluster = PaxosCluster(system=Small, watched=False)
    node = cluster.live["n1"]
    everybody = [[1, ["n1", "n2", "n3"]]]

    def part(chosen: int, number: int) -> SnapshotPart:
        state = [{"opened": 3}, {"values": {"k": chosen}}][number]
        return SnapshotPart(chosen, number, 2, everybody, state)

    assert cluster.receive("n1", "n2", part(5, 1)) == [], "the beginning is missing"
    assert cluster.receive("n1", "n2", part(5, 0)) == [Learn(1, 5, 1)]
    assert cluster.receive("n1", "n2", part(5, 0)) == []
    assert cluster.receive("n1", "n2", part(10, 1)) == []
    assert cluster.receive("n1", "n3", part(10, 0)) == [Learn(1, 10, 1)], "a newer one"
    assert cluster.receive("n1", "n2", part(5, 1)) == []
    assert cluster.receive("n1", "n2", part(10, 1)) == [Learn(11)]
    assert (node.chosen, node.machine.read("k")) == (10, 10)


def test_a_leader_that_needs_a_later_snapshot_makes_way() -> None:
    """It needs slots that are forgotten elsewhere, and others have gone on beyond its ballot."""
    cluster = PaxosCluster(system=Small, watched=False)
    node = preparing(cluster)
    cluster.receive("n1", "n2", Promise(node.ballot, 3, ()))
    assert node.role is Role.LEADER
    part = SnapshotPart(5, 0, 1, [[1, ["n1", "n2", "n3"]]], {"opened": 0})
    cluster.hand_over(Message("n2", "n1", part))
    assert (node.role, node.chosen) == (Role.FOLLOWER, 5)
