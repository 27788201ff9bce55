"""The nemesis as an operator: it asks until it is answered, and brings the members back."""

from random import Random
from typing import Any

import pytest

from harness.clock import SECOND_NS
from harness.cluster import Capability, NoAnswer, Unreachable
from harness.config import RunConfig
from harness.errors import UsageError
from harness.nemesis.fault import NotApplied
from harness.nemesis.membership import PATIENCE_NS, Change, MemberChange
from systems_under_test.node import NodeId
from systems_under_test.requests import Refusal, Reply, Request
from tests.harness.fakes import Answer, FakeCluster


class Members:
    """Six nodes that agree on their members at once; n2 leads, and only it serves."""

    def __init__(self, *members: NodeId) -> None:
        self.members = set(members)
        self.asked: list[Any] = []
        self.down: set[NodeId] = set()

    def serve(self, node: NodeId, request: Request) -> Answer:
        if node in self.down:
            return Unreachable(node)
        if node != "n2":
            return Refusal(request.sequence, "not-leader", "n2")
        if request.function != "members":
            self.asked.append((request.function, request.argument))
        if request.function == "add-member":
            self.members.add(request.argument)
        elif request.function == "remove-member":
            self.members.discard(request.argument)
        return Reply(request.sequence, sorted(self.members))

    def cluster(self) -> FakeCluster:
        cluster = FakeCluster(6, "n2", self.serve)
        cluster.members = cluster.nodes[:5]
        return cluster


FIRST = ("n1", "n2", "n3", "n4", "n5")


def inject(cluster: FakeCluster, change: Change) -> str:
    try:
        return cluster.clock.run(MemberChange(change).inject(cluster, Random(1)))
    except NotApplied as nothing:
        return f"not applied: {nothing}"


def test_a_spare_is_added_and_removed_again() -> None:
    system = Members(*FIRST)
    cluster = system.cluster()
    assert inject(cluster, Change.ADD) == "added n6: the members are n1, n2, n3, n4, n5, n6"
    assert inject(cluster, Change.ADD) == "not applied: nothing: every node is a member already"
    cluster.clock.run(MemberChange(Change.ADD).heal(cluster))
    assert system.asked == [("add-member", "n6"), ("remove-member", "n6")]
    assert all(channel.closed for channel in cluster.channels)


def test_a_member_or_the_leader_is_removed_and_added_again() -> None:
    system = Members(*FIRST)
    cluster = system.cluster()
    assert inject(cluster, Change.REMOVE).startswith("removed n")
    assert len(system.members) == 4
    system.members = set(FIRST)
    assert inject(cluster, Change.REMOVE_LEADER) == "removed n2: the members are n1, n3, n4, n5"
    cluster.clock.run(MemberChange(Change.REMOVE).heal(cluster))
    assert system.members == set(FIRST)


def test_every_member_is_renewed_in_turn() -> None:
    system = Members(*FIRST)
    told = inject(system.cluster(), Change.REPLACE_EACH)
    assert told.startswith("renewed n")
    renewed = [node for function, node in system.asked if function == "remove-member"]
    assert sorted(renewed) == list(FIRST)
    assert system.asked == [(f, node) for node in renewed for f in ("remove-member", "add-member")]


def test_renewing_ends_with_the_first_change_that_is_not_made() -> None:
    system = Members(*FIRST)
    serve = system.serve

    def refuse_the_third(node: NodeId, request: Request) -> Answer:
        if node == "n2" and request.function == "remove-member" and len(system.asked) == 4:
            return Refusal(request.sequence, "bad-request", reason="not now")
        return serve(node, request)

    system.serve = refuse_the_third  # type: ignore[method-assign]
    assert inject(system.cluster(), Change.REPLACE_EACH).endswith("in vain: not now")
    assert [function for function, _ in system.asked] == ["remove-member", "add-member"] * 2


def test_a_side_without_a_majority_is_asked_to_remove_the_others() -> None:
    system = Members(*FIRST)
    cluster = system.cluster()
    told = inject(cluster, Change.REMOVE_UNREACHABLE)
    (links,) = [arguments for _, what, arguments in cluster.done if what == "cut"]
    unreachable = {other for one, other in links if one == "n2"}
    assert len(unreachable) == 4, "of six nodes, four are a majority"
    assert sorted(system.asked) == [("remove-member", node) for node in sorted(unreachable)]
    assert told.count("removed n") == 4
    system.members = set(FIRST)
    cluster.clock.run(MemberChange(Change.REMOVE_UNREACHABLE).heal(cluster))
    assert cluster.done[-1][1] == "mend"
    assert MemberChange(Change.ADD).needs == {Capability.MEMBERS}
    assert MemberChange(Change.REMOVE_UNREACHABLE).needs == {Capability.MEMBERS, Capability.CUT}


def test_two_members_are_left_alone() -> None:
    cluster = Members("n1", "n2").cluster()
    assert inject(cluster, Change.REMOVE) == "not applied: nothing: only n1, n2 are left"


def test_a_cluster_that_does_not_answer_is_given_up() -> None:
    system = Members(*FIRST)
    system.down = set(FIRST) | {"n6"}
    cluster = system.cluster()
    assert (
        inject(cluster, Change.REMOVE) == "not applied: nothing: no node said who the members are"
    )
    assert PATIENCE_NS <= cluster.clock.now_ns() < PATIENCE_NS + SECOND_NS


def test_a_change_that_is_refused_is_asked_for_again_and_told() -> None:
    def serve(node: NodeId, request: Request) -> Answer:
        if request.function == "members":
            return Reply(request.sequence, list(FIRST))
        return Refusal(request.sequence, "change-under-way", reason="n5 is being added")

    told = inject(FakeCluster(6, "n2", serve), Change.ADD)
    assert told == "not applied: asked to add n6, in vain: n5 is being added"
    told = inject(FakeCluster(6, "n2", lambda node, request: NoAnswer()), Change.ADD)
    assert told == "not applied: nothing: no node said who the members are"


def test_spares_are_for_systems_whose_members_change() -> None:
    config = RunConfig(system="raft", nodes=3, spares=2, faults=("membership",))
    assert config.member_names == ("n1", "n2", "n3")
    assert config.node_names == ("n1", "n2", "n3", "n4", "n5")
    assert "--spares 2" in config.command
    for options in ({"spares": 1}, {"faults": ("membership",)}, {"faults": ("add-node",)}):
        with pytest.raises(UsageError, match="members of the system 'single' never change"):
            RunConfig(system="single", **options)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="spares cannot be 23"):
        RunConfig(system="raft", nodes=3, spares=23)
