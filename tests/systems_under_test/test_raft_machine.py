"""Raft under arbitrary scheduling: whatever network, clocks and crashes do, it stays safe."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from systems_under_test.raft.members import Members
from systems_under_test.raft.membership import MEMBERSHIP
from systems_under_test.raft.node import Raft
from systems_under_test.raft.state import Role
from systems_under_test.requests import Refusal, Reply, Request
from tests.systems_under_test.held_machine import ANY, cases_of
from tests.systems_under_test.led_machine import OPERATOR, LedMachine
from tests.systems_under_test.raft_cluster import RaftCluster

pytestmark = pytest.mark.slow


class RaftMachine(LedMachine):
    system = Raft
    cluster: RaftCluster

    def new_cluster(self) -> RaftCluster:
        return RaftCluster(self.size, self.system, spares=self.spares)

    def agreed(self) -> Iterable[tuple[int, Any]]:
        for index, (entry, _) in enumerate(self.cluster.invariants.committed, 1):
            if isinstance(entry.command, Request):
                yield index, entry.command.argument

    @rule(
        choice=ANY,
        node=ANY,
        function=st.sampled_from(MEMBERSHIP),
    )
    def operate(self, choice: int, node: int, function: str) -> None:
        """Ask for a change of the members, of any node."""
        if name := self.live(choice):
            argument = None if function == "members" else self.name(node)
            self.cluster.request(name, function, argument=argument, client=OPERATOR)

    @rule(choice=ANY)
    def compact(self, choice: int) -> None:
        """Any node may take a snapshot at any time."""
        if name := self.live(choice):
            node = self.cluster.live[name]
            if node.applied > node.log.base_index:
                self.cluster.compact(name)

    def judge_operator(self, answer: Reply | Refusal) -> None:
        """Members that a node answers with are committed."""
        if isinstance(answer, Reply) and isinstance(answer.result, list):
            agreed = [self.cluster.members] + [
                list(entry.command.current)
                for entry, _ in self.cluster.invariants.committed
                if isinstance(entry.command, Members) and not entry.command.joint
            ]
            assert answer.result in agreed, f"{answer} is not among {agreed}"

    @invariant()
    def a_leader_does_not_outrun_its_log(self) -> None:
        for node in self.cluster.live.values():
            if node.role is Role.LEADER:
                for peer, progress in node.progress.items():
                    assert progress.match_index < progress.next_index <= node.log.last_index + 1
                    assert len(progress.in_flight) <= node.MAX_IN_FLIGHT, f"too much to {peer}"


class SmallBatches(Raft):
    """Bounds so low that short runs reach them."""

    MAX_BATCH = 2
    MAX_IN_FLIGHT = 2
    MAX_PENDING = 5


class Compacting(SmallBatches):
    """Snapshots of a few entries, in parts of one key."""

    COMPACT_AFTER = 4
    KEEP = 2
    PART_SIZE = 1


TestThreeNodes = cases_of(RaftMachine, 100, 60)
TestFiveNodes = cases_of(RaftMachine, 100, 60, size=5)
TestSmallBatches = cases_of(RaftMachine, 100, 60, system=SmallBatches)
TestCompacting = cases_of(RaftMachine, 100, 60, system=Compacting)
TestChangingMembers = cases_of(RaftMachine, 100, 60, system=Compacting, size=2, spares=3)
