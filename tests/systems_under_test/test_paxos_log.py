"""The log of Paxos: leaders, gaps, reads, clients, members and snapshots.

"Paxos Made Simple" 3 (PMS), "Paxos Made Moderately Complex" (PMMC), "Paxos Made Live" (PML).
"""

import pytest

from systems_under_test.node import Message
from systems_under_test.paxos.flawed import PaxosStaleReads
from systems_under_test.paxos.membership import Membership
from systems_under_test.paxos.messages import (
    Accept,
    Accepted,
    Ballot,
    Heartbeat,
    HeartbeatAnswer,
    Learn,
    Learned,
    Prepare,
    Promise,
    Proposal,
    SnapshotPart,
)
from systems_under_test.paxos.node import Paxos
from systems_under_test.paxos.state import Role
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request
from tests.systems_under_test.paxos_cluster import CLIENT, PaxosCluster, write

OLD = Ballot(1, "n9")


def sent(cluster: PaxosCluster, kind: type) -> list:
    return [m.payload for m in cluster.in_flight if isinstance(m.payload, kind)]


def preparing(cluster: PaxosCluster, name: str = "n1") -> Paxos:
    """A node in phase 1 of a ballot, whose requests nobody has heard yet."""
    node = cluster.live[name]
    cluster.fire(name, "election")
    for peer in cluster.names:
        cluster.deliver(name, peer)
        cluster.deliver(peer, name)
        if node.role is Role.PREPARING:
            break
    cluster.in_flight.clear()
    assert node.role is Role.PREPARING
    return node


class Small(Paxos):
    """Bounds within reach of a test."""

    WINDOW = 4
    MAX_BATCH = 2
    SNAPSHOT_SLOTS = 5
    KEPT_SLOTS = 2


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
    for function in ("read", "write", "open", "add", "members"):
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
    for function, argument in [("jump", None), ("cas", 1), ("add", "n9"), ("remove", None)]:
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


# --- members --------------------------------------------------------------------------------------


def test_a_change_takes_effect_a_window_later() -> None:
    """PMS 3: "the set of servers that execute instance i + α of the consensus algorithm" is
    "specified by the state after execution of the ith state machine command".
    """
    members = Membership(("n1", "n2", "n3"), window=4)
    assert members.change(5, "remove", "n3") == ("n1", "n2")
    assert [members.at(slot) for slot in (8, 9)] == [("n1", "n2", "n3"), ("n1", "n2")]
    assert members.change(6, "add", "n4") == ("n1", "n2", "n4")
    assert members.at(9) == ("n1", "n2")
    assert members.at(10) == ("n1", "n2", "n4")
    assert members.last_slot_like(1, 99) == 8
    assert members.last_slot_like(10, 99) == 99
    assert members.between(8, 9) == [("n1", "n2", "n3"), ("n1", "n2")]
    again = Membership.of_json(members.to_json(9), window=4)
    assert [again.at(slot) for slot in (9, 10)] == [("n1", "n2"), ("n1", "n2", "n4")]


def test_what_is_so_already_changes_nothing_and_the_last_member_stays() -> None:
    members = Membership(("n1", "n2"), window=4)
    assert members.change(1, "add", "n2") == ("n1", "n2")
    assert members.change(2, "remove", "n3") == ("n1", "n2")
    assert members.last_change == 1
    assert members.change(3, "remove", "n1") == ("n2",)
    assert members.change(4, "remove", "n2") == ("n2",)


def test_phase_1_is_done_with_the_new_acceptors_before_their_slots_are_proposed_in() -> None:
    """A leader has a quorum of promises from the old acceptors. In the slots of the new ones it
    waits for theirs, since another leader may have had something chosen there already.
    """
    cluster = PaxosCluster(4, Small)
    node = cluster.elect("n1", "n1", "n2", "n3")
    cluster.request("n1", "remove", argument="n2")
    cluster.stabilize("n1", "n2", "n3")
    assert node.members == ("n1", "n3", "n4")
    cluster.request("n1", "remove", argument="n3", client="d")
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
    cluster.request("n1", "remove", argument="n4")
    cluster.deliver("n1", "n2")
    cluster.deliver("n1", "n3")
    cluster.deliver("n2", "n1")
    cluster.deliver("n3", "n1")
    assert (node.chosen, cluster.answers) == (1, [])
    cluster.stabilize()
    assert node.chosen == 4, "no-ops bring the change into effect"
    assert cluster.answers == [(CLIENT, Reply(1, ["n1", "n2", "n3"]))]


def test_who_is_no_member_learns_and_does_not_lead() -> None:
    cluster = PaxosCluster(3, Small)
    cluster.elect("n1")
    cluster.request("n1", "remove", argument="n3")
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
    cluster.request("n1", "remove", argument="n1")
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
    """PML 5.5: a replica that lacks what is truncated elsewhere gets a snapshot of another one."""
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
    """It lacks slots that are forgotten elsewhere, and others have gone on beyond its ballot."""
    cluster = PaxosCluster(system=Small, watched=False)
    node = preparing(cluster)
    cluster.receive("n1", "n2", Promise(node.ballot, 3, ()))
    assert node.role is Role.LEADER
    part = SnapshotPart(5, 0, 1, [[1, ["n1", "n2", "n3"]]], {"opened": 0})
    cluster.hand_over(Message("n2", "n1", part))
    assert (node.role, node.chosen) == (Role.FOLLOWER, 5)


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
