"""Batches and pipelining of AppendEntries (dissertation §10.2)."""

from systems_under_test.node import Message
from systems_under_test.raft.messages import AppendAnswer, AppendEntries
from systems_under_test.raft.node import Raft
from tests.systems_under_test.raft_cluster import RaftCluster


class Bounded(Raft):
    MAX_BATCH = 3
    MAX_IN_FLIGHT = 2


def batches(cluster: RaftCluster, target: str) -> list[int]:
    """The sizes of the batches on their way to that node."""
    return [
        len(m.payload.entries)
        for m in cluster.in_flight
        if m.target == target and isinstance(m.payload, AppendEntries) and m.payload.entries
    ]


def test_batches_follow_each_other_without_waiting_and_grow_when_the_window_is_full() -> None:
    cluster = RaftCluster(system=Bounded)
    cluster.elect("n1")
    for value in range(6):
        cluster.request("n1", "write", "a", value)
    assert batches(cluster, "n2") == [1, 1]
    cluster.in_flight.clear()
    cluster.receive("n1", "n2", AppendAnswer(1, 2, 0))
    cluster.hand_over(Message("n2", "n1", AppendAnswer(1, 3, 0)))
    assert batches(cluster, "n2") == [1]
    assert cluster.live["n1"].progress["n2"].next_index == 8


def test_a_peer_that_does_not_answer_is_sent_one_batch_at_a_time() -> None:
    """Not the whole log again, and not from its beginning."""
    cluster = RaftCluster(system=Bounded)
    cluster.elect("n1")
    for value in range(20):
        cluster.request("n1", "write", "a", value)
        cluster.take("n1", "n3")
        cluster.stabilize("n1", "n2")
    for _ in range(10):
        cluster.take("n1", "n3")
        cluster.fire("n1", "heartbeat")
        assert len(batches(cluster, "n3")) <= 1
        sent = [m.payload for m in cluster.in_flight if m.target == "n3"]
        assert all(p.previous_index == 1 for p in sent if isinstance(p, AppendEntries))


def test_a_batch_of_large_values_is_no_longer_than_a_line_may_be() -> None:
    cluster = RaftCluster()
    cluster.elect("n1")
    for _ in range(20):
        cluster.request("n1", "write", "a", "x" * 1_000_000)
        cluster.take("n1", "n3")
        cluster.stabilize("n1", "n2")
    sent = cluster.live["n1"].entries_after(1, 128)
    assert 1 <= len(sent.entries) <= 2
    assert len(cluster.live["n1"].entries_after(0, 1).entries) == 1
