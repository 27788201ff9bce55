"""The observer adds counters up over restarts and notices who leads."""

from harness.clock import SECOND_NS
from harness.observer import Observer
from systems_under_test.node import NodeId
from systems_under_test.requests import Status
from tests.harness.fakes import FakeCluster


class Counting(FakeCluster):
    """Node n1 sends a message at each look, and forgets its count when it is restarted."""

    def __init__(self) -> None:
        super().__init__(2)
        self.sent = 0
        self.term = 1

    async def status(self, node: NodeId) -> Status | None:
        if node != "n1":
            return None
        self.sent += 10
        return Status(node, {"role": "leader", "term": self.term}, {"messages_sent": self.sent})


def test_counters_are_added_up_over_restarts() -> None:
    cluster = Counting()
    observer = Observer(cluster, cluster.clock)
    cluster.clock.run(observer.look())
    cluster.clock.run(observer.look())
    cluster.sent = -5
    cluster.clock.run(observer.look())
    assert observer.counters() == {
        "n1": {"messages_sent": 25, "facts": {"role": "leader", "term": 1}}
    }


def test_changes_of_leader_are_noticed_once() -> None:
    cluster = Counting()
    observer = Observer(cluster, cluster.clock)
    cluster.clock.run(observer.watch(2 * SECOND_NS))
    cluster.term = 2
    cluster.clock.run(observer.watch(3 * SECOND_NS))
    assert observer.leaders == [
        {"node": "n1", "term": 1, "time_ns": 0},
        {"node": "n1", "term": 2, "time_ns": 2 * SECOND_NS},
    ]
    assert cluster.clock.now_ns() == 3 * SECOND_NS
