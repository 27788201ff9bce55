"""The bookkeeping of rounds and turns, where one operation's end moves another one."""

from systems_under_test.requests import Refusal, Reply
from systems_under_test.ring.hashing import equal_members
from systems_under_test.ring.messages import Announce, Conflict, Epoch, Prepare
from tests.systems_under_test.ring_cluster import AnyCoordinator, RingCluster


def test_an_operation_that_ends_when_another_is_given_up_is_not_given_up_too() -> None:
    """Two requests for one change wait at one node; the first was outvoted, and pauses. The change
    is made elsewhere. When the time of both is up, the end of the first lets the second find that
    there is nothing left to do."""
    cluster = RingCluster(3, AnyCoordinator, spares=1)
    for name in cluster.names:
        cluster.fire(name, "beat")
    cluster.stabilize()
    first = cluster.ask("n1", "add-member", argument="n4")
    second = cluster.ask("n1", "add-member", argument="n4")
    for peer in ("n2", "n3"):
        (prepare,) = [m.payload for m in cluster.take("n1", peer) if isinstance(m.payload, Prepare)]
        cluster.receive("n1", peer, Conflict(prepare.round, (99, "n2")))
    assert any(timer.startswith("pause") for timer in cluster.timers["n1"])
    decided = Epoch(2, equal_members(["n1", "n2", "n3", "n4"]))
    cluster.receive("n1", "n2", Announce((decided,)))
    for _ in range(AnyCoordinator.GIVE_UP_TICKS):
        cluster.fire("n1", "tick")
    answers = dict(cluster.answers)
    assert isinstance(answers[first], Refusal)
    assert isinstance(answers[second], Reply)
    assert answers[second].result == ["n1", "n2", "n3", "n4"]
    assert cluster.live["n1"].rounds.operations == {}
