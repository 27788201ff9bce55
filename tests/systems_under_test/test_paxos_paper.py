"""One test a sentence of "Paxos Made Simple" (PMS), where the log carries it out.

What holds for a single slot is in test_paxos_single_decree.py. Sections are PMS's.
"""

import pytest

from systems_under_test.node import Message, Payload
from systems_under_test.paxos.messages import (
    Accept,
    Accepted,
    Ballot,
    Canvass,
    Heartbeat,
    HeartbeatAnswer,
    Learn,
    Learned,
    Prepare,
    Promise,
    Promised,
    Proposal,
    Reject,
    Voted,
)
from systems_under_test.paxos.node import Paxos
from systems_under_test.paxos.state import LEGAL, Role
from systems_under_test.requests import ErrorCode, Refusal, Reply
from tests.systems_under_test.paxos_cluster import CLIENT, PaxosCluster, disk, write

B1, B2, B3 = Ballot(1, "n1"), Ballot(2, "n2"), Ballot(3, "n3")


def sent(cluster: PaxosCluster, kind: type[Payload]) -> list[tuple[str, Payload]]:
    """What of that kind is on its way, and to whom."""
    return [(m.target, m.payload) for m in cluster.in_flight if isinstance(m.payload, kind)]


def values(cluster: PaxosCluster, name: str, key: str = "k") -> object:
    return cluster.live[name].machine.read(key)


# --- acceptors, 2.2 -------------------------------------------------------------------------------


def test_a_promise_reports_what_was_accepted() -> None:
    """2.2: an acceptor responds "with a promise not to accept any more proposals numbered less than
    n and with the highest-numbered proposal (if any) that it has accepted."
    """
    cluster = PaxosCluster()
    cluster.start("n1", disk(B1, (B1, 1, "a"), (B1, 3, "c")))
    answer = cluster.receive("n1", "n2", Prepare(B2, 2))
    assert answer == [Promise(B2, 0, (Proposal(B1, 3, write("c")),))]
    assert cluster.receive("n1", "n3", Prepare(B1, 1)) == [Reject(B1, B2)]


def test_a_promise_covers_every_slot() -> None:
    """3: a leader executes phase 1 "for infinitely many instances of the consensus algorithm",
    "using the same proposal number for all instances."
    """
    cluster = PaxosCluster()
    cluster.receive("n1", "n2", Prepare(B2, 1))
    for slot in (1, 7, 1_000_000):
        assert cluster.receive("n1", "n3", Accept(B1, slot, (write(1),), 0)) == [Reject(B1, B2)]
    assert cluster.live["n1"].accepted == {}


def test_an_acceptor_accepts_unless_it_has_promised_a_higher_ballot() -> None:
    """P1a of 2.2. To accept is to promise as well: a lower ballot comes too late afterwards."""
    cluster = PaxosCluster()
    assert cluster.receive("n1", "n2", Accept(B2, 1, (write(1),), 0)) == [Accepted(B2, 1)]
    assert cluster.receive("n1", "n3", Accept(B1, 1, (write(2),), 0)) == [Reject(B1, B2)]
    assert cluster.receive("n1", "n3", Prepare(B1, 1)) == [Reject(B1, B2)]
    assert cluster.receive("n1", "n3", Accept(B3, 1, (write(3),), 0)) == [Accepted(B3, 1)]
    assert cluster.live["n1"].accepted == {1: Proposal(B3, 1, write(3))}


@pytest.mark.parametrize(
    "message", [Prepare(B2, 1), Accept(B2, 1, (write(1),), 0)], ids=["prepare", "accept"]
)
def test_requests_may_come_twice_and_across_a_restart(message: Payload) -> None:
    """2.2: messages "can be duplicated"; an answer is the same again, and nothing is recorded
    twice.
    """
    first, again = PaxosCluster().receive_again("n1", "n2", message)
    assert [type(payload) for payload in again] == [type(payload) for payload in first]


@pytest.mark.parametrize(
    "message", [Prepare(B2, 1), Accept(B2, 1, (write(1),), 0)], ids=["prepare", "accept"]
)
def test_an_acceptor_records_its_response_before_it_sends_it(message: Payload) -> None:
    """2.5: "An acceptor records its intended response in stable storage before actually sending the
    response."
    """
    cluster = PaxosCluster()
    cluster.trace.clear()
    cluster.receive("n1", "n2", message)
    told = [line.split()[1] for line in cluster.trace]
    assert told.index("persists") < told.index("sends")


def test_stable_storage_preserves_what_the_acceptor_must_remember() -> None:
    """2.5: "Stable storage, preserved during failures, is used to maintain the information that the
    acceptor must remember."
    """
    cluster = PaxosCluster()
    cluster.receive("n1", "n2", Accept(B2, 1, (write(1), None), 0))
    cluster.receive("n1", "n3", Prepare(B3, 1))
    cluster.crash("n1")
    node = cluster.restart("n1")
    assert node.promised == B3
    assert node.accepted == {1: Proposal(B2, 1, write(1)), 2: Proposal(B2, 2, None)}


# --- proposers, 2.2 and 2.5 -----------------------------------------------------------------------


def test_ballots_are_unique_and_grow() -> None:
    """2.5: "Different proposers choose their numbers from disjoint sets of numbers, so two
    different proposers never issue a proposal with the same number. Each proposer remembers (in
    stable storage) the highest-numbered proposal it has tried to issue, and begins phase 1 with a
    higher proposal number than any it has already used."
    """
    cluster = PaxosCluster()
    used = []
    for name in ("n1", "n2", "n1", "n3"):
        used.append(cluster.elect(name).ballot)
        assert Promised(used[-1]) in cluster.disks[name]
        cluster.crash(name)
        cluster.restart(name)
    assert used == sorted(set(used))
    assert [ballot.node for ballot in used] == ["n1", "n2", "n1", "n3"]


def test_the_own_promise_is_recorded_before_anybody_hears_of_the_ballot() -> None:
    """2.5, as above: else a restarted proposer could use a ballot again for something else."""
    cluster = PaxosCluster()
    cluster.fire("n1", "election")
    cluster.trace.clear()
    cluster.exchange("n1", "n2")
    mine = [line.split("(")[0] for line in cluster.trace if line.startswith("n1 ")]
    assert mine[:2] == ["n1 persists Promised", "n1 sends n2 Prepare"]


def test_a_proposer_waits_for_a_majority_of_promises() -> None:
    """2.2: it proposes once it "receives the requested responses from a majority of acceptors"."""
    cluster = PaxosCluster(5)
    cluster.fire("n1", "election")
    cluster.stabilize("n1", "n2", "n3", "n4", "n5")
    leader = cluster.live["n1"]
    assert leader.role is Role.LEADER
    cluster.forget_leader()
    cluster.crash("n4")
    cluster.crash("n5")
    cluster.fire("n2", "election")
    cluster.stabilize("n2", "n3")
    assert cluster.live["n2"].role is Role.CANVASSING, "two of five"
    cluster.stabilize("n1", "n2")
    assert cluster.live["n2"].role is Role.PREPARING, "the canvass has its quorum, phase 1 has not"
    cluster.stabilize("n2", "n3")
    assert cluster.live["n2"].role is Role.LEADER


def test_promises_of_another_ballot_count_for_nothing() -> None:
    cluster = PaxosCluster()
    node = cluster.live["n1"]
    cluster.fire("n1", "election")
    cluster.exchange("n1", "n2")
    assert node.role is Role.PREPARING
    for ballot in (Ballot(9, "n1"), Ballot(1, "n2"), Ballot(0, "")):
        cluster.receive("n1", "n2", Promise(ballot, 0, ()))
        assert node.role is Role.PREPARING
    cluster.receive("n1", "n2", Promise(node.ballot, 0, ()))
    assert node.role is Role.LEADER


def test_a_proposer_that_was_refused_gives_up() -> None:
    """2.2: "It is probably a good idea to abandon a proposal if some proposer has begun trying to
    issue a higher-numbered one"; an acceptor that ignores a request "should probably inform the
    proposer". The next ballot is above the one that it was told of.
    """
    cluster = PaxosCluster()
    node = cluster.elect("n1")
    cluster.request("n1", "write", "k", 1)
    cluster.receive("n1", "n2", Reject(node.ballot, Ballot(7, "n3")))
    assert (node.role, node.leader) == (Role.FOLLOWER, None)
    assert cluster.answers == [(CLIENT, Refusal(1, ErrorCode.LEADERSHIP_LOST.word))]
    assert cluster.elect("n1").ballot == Ballot(8, "n1")


def test_an_old_refusal_stops_nobody() -> None:
    cluster = PaxosCluster()
    cluster.elect("n1")
    node = cluster.elect("n1")
    cluster.receive("n1", "n2", Reject(B1, Ballot(9, "n3")))
    assert node.role is Role.LEADER


# --- learners, 2.3 --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [3, 4, 5])
def test_a_value_is_chosen_once_a_majority_has_accepted_it(size: int) -> None:
    """2.3: "To learn that a value has been chosen, a learner must find out that a proposal has been
    accepted by a majority of acceptors." Votes that come twice count once.
    """
    cluster = PaxosCluster(size)
    cluster.elect("n1")
    cluster.request("n1", "write", "k", 1)
    needed = size // 2  # And the leader's own.
    for count, peer in enumerate(cluster.names[1:], 1):
        assert bool(cluster.answers) == (count > needed)
        cluster.deliver("n1", peer)
        for message in cluster.take(peer, "n1"):
            cluster.hand_over(message)
            cluster.hand_over(message)
    assert cluster.answers == [(CLIENT, Reply(1, 1))]


def test_the_distinguished_learner_informs_the_others() -> None:
    """2.3: acceptors "respond with their acceptances to a distinguished learner, which in turn
    informs the other learners when a value has been chosen."
    """
    cluster = PaxosCluster()
    cluster.elect("n1")
    cluster.request("n1", "write", "k", 1)
    cluster.stabilize()
    assert [values(cluster, name) for name in cluster.names] == [1, None, None]
    cluster.fire("n1", "heartbeat")
    cluster.stabilize()
    assert [values(cluster, name) for name in cluster.names] == [1, 1, 1]


def test_a_learner_does_not_take_an_older_vote_for_what_was_chosen() -> None:
    """Told that a slot is chosen, a learner that accepted something there in an earlier ballot does
    not know what: it has to ask (2.3: "it can have a proposer issue a proposal", or ask a learner).
    """
    cluster = PaxosCluster()
    cluster.start("n1", disk(B1, (B1, 1, "lost")))
    leader = cluster.elect("n2", "n2", "n3")
    cluster.request("n2", "write", "k", "kept")
    cluster.stabilize("n2", "n3")
    cluster.take("n2", "n1")
    cluster.hand_over(Message("n2", "n1", Heartbeat(leader.ballot, 1, 0)))
    assert values(cluster, "n1") is None
    ((_, ask),) = sent(cluster, Learn)
    assert ask == Learn(1)
    for _ in range(5):  # Whom it asks is left to chance, and not everybody knows.
        cluster.fire("n2", "heartbeat")
        cluster.stabilize()
    assert values(cluster, "n1") == "kept"


def test_what_is_learned_is_applied_in_the_order_of_the_slots() -> None:
    """3: "the servers all execute the same sequence of state machine commands"; a command waits for
    those before it.
    """
    cluster = PaxosCluster(watched=False)
    cluster.receive("n1", "n2", Learned(2, (write(2),)))
    assert cluster.live["n1"].chosen == 0
    cluster.receive("n1", "n2", Learned(1, (write(1), write(2))))
    cluster.receive("n1", "n2", Learned(1, (write(1),)))
    assert cluster.chosen_by("n1") == ["write k 1", "write k 2"]
    assert values(cluster, "n1") == 2


# --- progress, 2.4 --------------------------------------------------------------------------------


def test_proposers_wait_longer_after_each_failure() -> None:
    """2.4: two proposers could "each keep issuing a sequence of proposals with increasing numbers,
    none of which are ever chosen"; the election of one "must use either randomness or real time".
    """
    widest = []
    for attempts in range(6):
        drawn = []
        for seed in range(200):
            node = PaxosCluster(seed=seed).live["n1"]
            node.attempts = attempts
            drawn.append(node.random_part_ns())
        assert len(set(drawn)) > 190
        widest.append(max(drawn) / Paxos.ELECTION_TIMEOUT_NS)
    assert [round(most) for most in widest] == [1, 2, 3, 4, 5, 5]


def test_a_node_proposes_only_where_a_quorum_hears_no_leader() -> None:
    """2.4: the distinguished proposer, "if [it] can communicate successfully with a majority of
    acceptors", succeeds, unless others interfere; so they do not, as long as they hear it.
    """
    cluster = PaxosCluster()
    cluster.elect("n1")
    cluster.fire("n3", "election")
    cluster.stabilize()
    assert cluster.live["n1"].role is Role.LEADER
    assert cluster.live["n3"].role is Role.CANVASSING
    assert cluster.live["n3"].promised == B1
    cluster.fire("n1", "heartbeat")
    cluster.stabilize()
    assert (cluster.live["n3"].role, cluster.live["n3"].leader) == (Role.FOLLOWER, "n1")


def test_a_canvass_binds_nobody() -> None:
    cluster = PaxosCluster()
    for peer in ("n2", "n3"):
        (answer,) = cluster.receive("n1", peer, Canvass(Ballot(1, peer)))
        assert answer.granted  # type: ignore[attr-defined]
    assert cluster.disks["n1"] == []


def test_a_leader_that_hears_no_quorum_gives_up() -> None:
    cluster = PaxosCluster(5)
    node = cluster.elect("n1")
    cluster.fire("n1", "quorum")
    for peer in ("n2", "n3"):
        cluster.receive("n1", peer, HeartbeatAnswer(node.ballot, 0))
    cluster.fire("n1", "quorum")
    assert node.role is Role.LEADER
    cluster.receive("n1", "n2", HeartbeatAnswer(node.ballot, 0))
    cluster.fire("n1", "quorum")
    assert node.role is Role.FOLLOWER
    assert cluster.request("n1", "read", "k") == Refusal(1, ErrorCode.NO_LEADER.word)


# --- the roles ------------------------------------------------------------------------------------


def test_changes_of_role_that_the_protocol_does_not_have_are_broken_invariants() -> None:
    node = PaxosCluster().live["n1"]
    for before in Role:
        for after in set(Role) - LEGAL[before]:
            node.role = before
            with pytest.raises(AssertionError, match=f"a {before} cannot become a {after}"):
                node.become(after)


def test_a_journal_of_something_else_is_refused() -> None:
    with pytest.raises(AssertionError, match="no record of Paxos"):
        PaxosCluster().start("n1", [Accepted(B1, 1)])


def test_only_peers_are_heard_as_peers() -> None:
    cluster = PaxosCluster()
    cluster.trace.clear()
    for source in ("stranger", "n1"):
        cluster.hand_over(Message(source, "n1", Prepare(B3, 1)))
    assert cluster.trace == []


def test_facts() -> None:
    cluster = PaxosCluster()
    cluster.elect("n2")
    cluster.request("n2", "write", "k", 1)
    cluster.stabilize()
    assert cluster.live["n2"].facts() == {
        "role": "leader",
        "term": 1,
        "ballot": "1.n2",
        "leader": "n2",
        "commit_index": 1,
        "applied": 1,
        "members": ["n1", "n2", "n3"],
        "votes": 1,
        "snapshot": 0,
    }
    assert isinstance(cluster.disks["n1"][-1], Voted)
