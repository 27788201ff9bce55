"""Paxos under arbitrary scheduling: whatever the network, the clocks and crashes do, it is safe."""

from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from systems_under_test.led import ELECTION
from systems_under_test.paxos.node import Paxos
from systems_under_test.paxos.state import Role
from systems_under_test.quorum import majority
from systems_under_test.requests import ErrorCode, Refusal, Reply
from tests.systems_under_test.held_machine import ANY, cases_of
from tests.systems_under_test.led_machine import Asked, LedMachine
from tests.systems_under_test.paxos_cluster import PaxosCluster

pytestmark = pytest.mark.slow


class PaxosMachine(LedMachine):
    system = Paxos
    cluster: PaxosCluster

    def new_cluster(self) -> PaxosCluster:
        cluster = PaxosCluster(self.size, self.system)
        cluster.elect(cluster.names[0])  # Mistakes hide in what comes after.
        return cluster

    def agreed(self) -> Iterable[tuple[int, Any]]:
        for slot, choice in enumerate(self.cluster.invariants.chosen, 1):
            command = choice.value
            if command is not None and command.function == "write":
                yield slot, command.argument

    def some(self, which: int) -> list[str]:
        """A majority of the nodes, or more."""
        count = majority(self.size) + which % (self.size - majority(self.size) + 1)
        return sorted(Random(which).sample(self.cluster.names, count))

    @rule(which=ANY)
    def talk(self, which: int) -> None:
        """Let some nodes talk until they have nothing more to say, while others hear nothing."""
        self.cluster.stabilize(*self.some(which))

    @rule(choice=ANY, which=ANY)
    def lead(self, choice: int, which: int) -> None:
        """Let a node seek to lead with some others, as random steps seldom do."""
        names = [name for name in self.some(which) if name in self.cluster.live]
        if name := self.one_of(names, choice):
            self.cluster.forget_leader(*names)
            if not self.leads(name):  # A lone member leads on.
                self.cluster.fire(name, ELECTION)
            self.cluster.stabilize(*names)

    @rule(choice=ANY, which=ANY, count=st.integers(1, 6))
    def work(self, choice: int, which: int, count: int) -> None:
        """Let a leader and some others get something done."""
        for _ in range(count):
            self.ask(choice, leader=True, write=True)
        self.cluster.stabilize(*self.some(which))

    def judge_answer(self, asked: Asked, answer: Reply | Refusal) -> None:
        if asked.function not in ("add-member", "remove-member", "members"):
            super().judge_answer(asked, answer)
        elif isinstance(answer, Reply):
            assert answer.result == sorted(answer.result)
        elif asked.function == "members":
            assert ErrorCode.of(answer.error).definite, f"{answer} leaves a read open"

    @invariant()
    def a_proposer_keeps_to_its_own_ballot(self) -> None:
        """Its own acceptor is the first to promise, and the proposer ends with that promise."""
        for name, node in self.cluster.live.items():
            if node.role in (Role.PREPARING, Role.LEADER):
                assert node.ballot == node.promised, f"{name} proposes in {node.ballot}"
                assert node.ballot.node == name

    @invariant()
    def a_leader_keeps_to_its_bounds(self) -> None:
        for node in self.cluster.live.values():
            if node.role is Role.LEADER:
                assert len(node.batches) <= node.MAX_IN_FLIGHT
                furthest = max(node.last_known_slot, node.chosen_elsewhere)
                assert node.chosen < node.next_slot <= furthest + 1
            else:
                assert not node.batches
                assert not node.pending
                assert not node.queue


class SmallBatches(Paxos):
    """Bounds so low that short runs reach them."""

    MAX_BATCH = 2
    MAX_IN_FLIGHT = 2
    MAX_PENDING = 5
    MAX_LEARNED = 2
    WINDOW = 3
    SNAPSHOT_SLOTS = 6
    KEPT_SLOTS = 4


class ChangingMembersMachine(PaxosMachine):
    system = SmallBatches
    size = 4

    @rule(
        choice=ANY, node=ANY, function=st.sampled_from(["add-member", "remove-member", "members"])
    )
    def change(self, choice: int, node: int, function: str) -> None:
        if name := self.serving(choice):
            client = f"client-{len(self.asked) + 1}"
            target = None if function == "members" else self.name(node)
            self.asked[client] = Asked(function, target, None)
            self.cluster.request(name, function, argument=target, client=client)


TestThreeNodes = cases_of(PaxosMachine, 100, 60)
TestFiveNodes = cases_of(PaxosMachine, 100, 60, size=5)
TestSmallBatches = cases_of(PaxosMachine, 100, 60, system=SmallBatches)
TestChangingMembers = cases_of(ChangingMembersMachine, 100, 60)
