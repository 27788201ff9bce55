"""The ring under arbitrary scheduling: whatever the network, timers and crashes do, it stays safe.

Every run's history is judged by the checker: operations that were not answered are `info`, those
refused definitely are `fail`.
"""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from checker.verdict import Verdict
from systems_under_test.ring.node import Ring
from tests.systems_under_test.held_machine import ANY, HeldMachine, cases_of
from tests.systems_under_test.ring_cluster import AnyCoordinator, RingCluster, ShortJournals

pytestmark = pytest.mark.slow


class RingMachine(HeldMachine):
    system = Ring
    cluster: RingCluster

    def __init__(self) -> None:
        super().__init__()
        self.cluster = RingCluster(self.size, self.system, spares=self.spares)
        self.written = 0

    @rule(choice=ANY)
    def read(self, choice: int) -> None:
        if name := self.live(choice):
            self.cluster.ask(name, "read", "k")

    @rule(choice=ANY)
    def write(self, choice: int) -> None:
        if name := self.live(choice):
            self.written += 1
            self.cluster.ask(name, "write", "k", self.written)

    @rule(choice=ANY, expected=ANY)
    def cas(self, choice: int, expected: int) -> None:
        """Expect one of the newest values, so that some succeed."""
        if name := self.live(choice):
            found = max(0, self.written - expected % 3) or None
            self.written += 1
            self.cluster.ask(name, "cas", "k", [found, self.written])

    # --- what must hold ---------------------------------------------------------------------------

    def teardown(self) -> None:
        """In the end all is healed, every node is read from, and the history is judged."""
        for name in self.cluster.names:
            if name not in self.cluster.live:
                self.cluster.start(name)
        for _ in range(6):  # All hear of each other, and get what they own.
            for name in self.cluster.names:
                self.cluster.fire(name, "beat")
            self.cluster.stabilize()
        for name in self.cluster.names:
            self.cluster.serve(name, "read", "k")
        assert self.cluster.verdict() is Verdict.VALID, self.cluster.history()


class MembersMachine(RingMachine):
    """Nodes come and go, too, and journals are compacted all the time."""

    system = ShortJournals
    spares = 1

    @rule(choice=ANY, function=st.sampled_from(["add-member", "remove-member"]), node=ANY)
    def change_members(self, choice: int, function: str, node: int) -> None:
        if name := self.live(choice):
            self.cluster.ask(name, function, "", self.name(node))

    @rule(first=ANY, second=ANY)
    def tell_all_who_is_up(self, first: int, second: int) -> None:
        """So that a change of members may begin: all nodes beat, and all but two hear it."""
        for name in sorted(self.cluster.live):
            self.cluster.fire(name, "beat")
        self.cluster.take(self.name(first), self.name(second))
        self.cluster.stabilize()


TestThreeNodes = cases_of(RingMachine, 50, 50)
TestAnyCoordinator = cases_of(RingMachine, 50, 50, system=AnyCoordinator)
TestFiveNodes = cases_of(RingMachine, 50, 50, size=5)
TestChangingMembers = cases_of(MembersMachine, 50, 50)
