"""A node that crashes within a step: what was durable counts, what was lost does not.

Each step of a short run with snapshots is cut off after each of its effects. Whatever was sent by
then arrives. Neither protocol may be harmed by that, nor be accused of what it did not do.
"""

from typing import Any

import pytest

from systems_under_test.node import Message, Received
from systems_under_test.raft.node import Raft
from systems_under_test.requests import Reply
from tests.systems_under_test.held_cluster import LedCluster, asked
from tests.systems_under_test.paxos_cluster import CLIENT, PaxosCluster, Small
from tests.systems_under_test.raft_cluster import RaftCluster

STEPS = range(24)
EFFECTS = range(7)


class SmallRaft(Raft):
    COMPACT_AFTER = 5
    KEEP = 2


CLUSTERS = {
    "paxos": lambda: PaxosCluster(system=Small),
    "paxos alone": lambda: PaxosCluster(1, Small),
    "raft": lambda: RaftCluster(system=SmallRaft),
    "raft alone": lambda: RaftCluster(1, SmallRaft),
}


def work(cluster: LedCluster, cut_off_at: int, effects: int) -> bool:
    """Have n1 write, heard by n2 alone, until the step of that number is cut off, if there is one.

    A node's steps are the requests and messages that it is handed.
    """
    steps = 0
    waiting = [Message(CLIENT, "n1", asked(0, 1, "write", "k", value)) for value in range(8)]
    while waiting:
        message = waiting.pop(0)
        if message.target not in cluster.live:
            continue
        if steps == cut_off_at:
            cluster.step(message.target, Received(message), effects)
        else:
            cluster.hand_over(message)
        steps += 1
        moved = [m for m in cluster.in_flight if "n3" not in (m.source, m.target)]
        cluster.in_flight.clear()
        waiting = moved + waiting
    return steps > cut_off_at


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("system", CLUSTERS)
def test_a_node_may_crash_between_any_two_effects(system: str, effects: int) -> None:
    cut_off = 0
    for step in STEPS:
        cluster = CLUSTERS[system]()
        cluster.elect("n1")
        cut_off += work(cluster, step, effects)
        for name in cluster.names:
            if name not in cluster.live:
                cluster.start(name)
        if len(cluster.names) > 1 or cluster.live["n1"].role.value != "leader":
            cluster.elect("n1")  # A lone member leads on.
        for function, argument in (("write", "last"), ("read", None)):
            cluster.request("n1", function, "k", argument, client=function)
            cluster.stabilize()
            assert cluster.answers[-1] == (function, Reply(1, "last"))
    assert cut_off >= 8, "each write is a step at least"


def agreed(cluster: LedCluster) -> list[Any]:
    """What the invariants remember to be written, in the order of the log."""
    watcher = cluster.invariants
    if isinstance(cluster, PaxosCluster):
        commands = [choice.value for choice in watcher.chosen]
    else:
        commands = [entry.command for entry, _ in watcher.committed]
    return [command.argument for command in commands if command is not None]


@pytest.mark.parametrize("system", ["paxos", "raft"])
def test_what_rested_on_a_lost_record_was_never_agreed_on(system: str) -> None:
    """A driver syncs at its own pace, so a leader counts its own vote before it is durable."""
    cluster = CLUSTERS[system]()
    cluster.elect("n1")
    cluster.request("n1", "write", "k", "lost")
    cluster.in_flight = [m for m in cluster.in_flight if m.target == "n2"]
    cluster.exchange("n1", "n2")
    assert agreed(cluster) == ["lost"]
    cluster.disks["n1"].pop()
    cluster.in_flight.clear()
    cluster.crash("n1")
    cluster.crash("n2")
    cluster.start("n1")
    assert agreed(cluster) == []
    cluster.elect("n3", "n1", "n3")
    cluster.request("n3", "write", "k", "kept")
    cluster.stabilize("n1", "n3")
    cluster.start("n2")
    cluster.stabilize()
    assert agreed(cluster) == ["kept"]


@pytest.mark.parametrize("system", ["paxos", "raft"])
def test_what_others_know_of_stands_although_the_records_are_gone(system: str) -> None:
    """A disk that loses what others were told of is at fault: that is an accusation."""
    cluster = CLUSTERS[system]()
    cluster.elect("n1")
    for value in ("told", "next"):
        cluster.request("n1", "write", "k", value)
        cluster.stabilize()
    for name in ("n2", "n3"):
        cluster.disks[name] = cluster.disks[name][:1]
        cluster.crash(name)
        cluster.start(name)
    with pytest.raises(AssertionError, match=r"was chosen|Completeness"):
        decide_again(cluster)


def decide_again(cluster: LedCluster) -> None:
    """Have n3, with n2 alone, write something else in the first place of the log."""
    cluster.elect("n3", "n2", "n3")
    cluster.request("n3", "write", "k", "other")
    cluster.stabilize("n2", "n3")
