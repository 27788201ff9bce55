"""The ring under arbitrary scheduling: whatever the network, timers and crashes do, it stays safe.

Hypothesis chooses every single delivery, loss, duplicate, timer and crash, and shrinks what fails.
The invariants are checked after each step (by `RingCluster`), and every run's history is judged by
the checker: operations that were not answered are `info`, those refused definitely are `fail`.
"""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from checker.verdict import Verdict
from systems_under_test.node import Received
from systems_under_test.ring.node import Ring
from tests.systems_under_test.ring_cluster import AnyCoordinator, RingCluster, ShortJournals

pytestmark = pytest.mark.slow

DEEP = int(os.environ.get("LABRYS_DEEP", "1"))
"""Multiplies the number of runs."""

ANY = st.integers(0, 2**16)
"""Chooses one of however many there are, by the remainder."""


class RingMachine(RuleBasedStateMachine):
    system: type[Ring] = Ring
    size = 3
    spares = 0

    def __init__(self) -> None:
        super().__init__()
        self.cluster = RingCluster(self.size, self.system, spares=self.spares)
        self.written = 0

    def name(self, choice: int) -> str:
        return self.cluster.names[choice % len(self.cluster.names)]

    def live(self, choice: int) -> str | None:
        names = sorted(self.cluster.live)
        return names[choice % len(names)] if names else None

    # --- what may happen --------------------------------------------------------------------------

    # A rule that finds nothing to do returns: cheaper for Hypothesis than a precondition.

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

    @rule(choice=ANY)
    def deliver(self, choice: int) -> None:
        """Any message, so that others are overtaken."""
        if in_flight := self.cluster.in_flight:
            self.cluster.hand_over(in_flight.pop(choice % len(in_flight)))

    @rule(count=st.integers(1, 12))
    def deliver_oldest(self, count: int) -> None:
        for _ in range(min(count, len(self.cluster.in_flight))):
            self.cluster.hand_over(self.cluster.in_flight.pop(0))

    @rule(first=ANY, second=ANY)
    def deliver_between_two(self, first: int, second: int) -> None:
        """Let two nodes talk while the others hear nothing."""
        self.cluster.stabilize(self.name(first), self.name(second))

    @rule(choice=ANY)
    def duplicate(self, choice: int) -> None:
        if in_flight := self.cluster.in_flight:
            self.cluster.hand_over(in_flight[choice % len(in_flight)])

    @rule(choice=ANY)
    def lose(self, choice: int) -> None:
        if in_flight := self.cluster.in_flight:
            in_flight.pop(choice % len(in_flight))

    @rule(choice=ANY)
    def lose_all_of_a_node(self, choice: int) -> None:
        name = self.name(choice)
        self.cluster.in_flight = [
            m for m in self.cluster.in_flight if name not in (m.source, m.target)
        ]

    @rule(choice=ANY, timer=ANY)
    def fire(self, choice: int, timer: int) -> None:
        if (name := self.live(choice)) and (timers := sorted(self.cluster.timers[name])):
            self.cluster.fire(name, timers[timer % len(timers)])

    @rule(choice=ANY)
    def crash(self, choice: int) -> None:
        if name := self.live(choice):
            self.cluster.crash(name)

    @rule(choice=ANY, effects=st.integers(0, 4))
    def crash_within_a_step(self, choice: int, effects: int) -> None:
        """Perform only the first effects of a step: the rest is lost with the memory."""
        if in_flight := self.cluster.in_flight:
            message = in_flight.pop(choice % len(in_flight))
            if message.target in self.cluster.live:
                self.cluster.step(message.target, Received(message), effects)

    @rule(choice=ANY)
    def restart(self, choice: int) -> None:
        dead = [name for name in self.cluster.names if name not in self.cluster.live]
        if dead:
            self.cluster.start(dead[choice % len(dead)])

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


class AnyCoordinatorMachine(RingMachine):
    """Changes compete."""

    system = AnyCoordinator


class FiveNodesMachine(RingMachine):
    size = 5


class MembersMachine(RingMachine):
    """Nodes come and go, too, and journals are compacted all the time."""

    system = ShortJournals
    spares = 1

    @rule(choice=ANY, function=st.sampled_from(["add", "remove"]), node=ANY)
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


QUICK = settings(
    max_examples=50 * DEEP,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

TestThreeNodes = RingMachine.TestCase
TestThreeNodes.settings = QUICK
TestAnyCoordinator = AnyCoordinatorMachine.TestCase
TestAnyCoordinator.settings = QUICK
TestFiveNodes = FiveNodesMachine.TestCase
TestFiveNodes.settings = QUICK
TestMembers = MembersMachine.TestCase
TestMembers.settings = QUICK
