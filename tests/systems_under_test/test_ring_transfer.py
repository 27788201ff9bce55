"""How a new owner asks for its shards."""

from systems_under_test.ring.messages import Fetch, Part
from tests.systems_under_test.ring_cluster import RingCluster


def asked(cluster: RingCluster) -> list[Fetch]:
    return [m.payload for m in cluster.in_flight if isinstance(m.payload, Fetch)]


def test_late_answers_do_not_multiply_the_questions() -> None:
    """n4 joins; the answers of n1 are late for many beats, so n4 asks it again, and all come."""
    cluster = RingCluster(3, spares=1)
    for number in range(40):
        cluster.serve("n1", "write", f"k{number}", number)
    for name in cluster.names:
        cluster.fire(name, "beat")
    cluster.stabilize()
    cluster.ask("n1", "add-member", argument="n4")
    cluster.stabilize("n1", "n2", "n3")
    cluster.deliver("n1", "n4")
    cluster.take("n4", "n2")
    cluster.take("n4", "n3")
    for _ in range(12):
        cluster.fire("n4", "beat")
    questions = len([m for m in cluster.in_flight if m.target == "n1" and m.source == "n4"
                     and isinstance(m.payload, Fetch)])  # fmt: skip
    assert 2 < questions < 12
    cluster.deliver("n4", "n1")
    parts = [m for m in cluster.take("n1", "n4") if isinstance(m.payload, Part)]
    assert len(parts) == questions
    cluster.in_flight.clear()
    for part in parts:
        cluster.hand_over(part)
    assert len(asked(cluster)) <= 1
