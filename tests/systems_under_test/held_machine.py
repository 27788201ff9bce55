"""Arbitrary scheduling: what may happen to a cluster in a test's hands, as rules for Hypothesis.

Hypothesis chooses every single delivery, loss, duplicate, timer and crash, and shrinks what fails.
The protocol's invariants are checked after each step (by `HeldCluster`). A protocol's own machine
adds what clients ask, and what must hold of their answers.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from systems_under_test.node import Node, Received
from tests.deep import DEEP
from tests.systems_under_test.held_cluster import HeldCluster

ANY = st.integers(0, 2**16)
"""Chooses one of however many there are, by the remainder."""


class HeldMachine(RuleBasedStateMachine):
    """A rule that finds nothing to do returns: cheaper for Hypothesis than a precondition."""

    system: ClassVar[type[Node]]
    size = 3
    spares = 0
    cluster: HeldCluster[Any]

    def one_of(self, names: Iterable[str], choice: int) -> str | None:
        ordered = sorted(names)
        return ordered[choice % len(ordered)] if ordered else None

    def live(self, choice: int) -> str | None:
        return self.one_of(self.cluster.live, choice)

    def name(self, choice: int) -> str:
        return self.cluster.names[choice % len(self.cluster.names)]

    @rule(choice=ANY)
    def deliver(self, choice: int) -> None:
        """Any message, so that others are overtaken."""
        if in_flight := self.cluster.in_flight:
            self.cluster.hand_over(in_flight.pop(choice % len(in_flight)))

    @rule(count=st.integers(1, 40))
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
        if name := self.one_of(set(self.cluster.names) - set(self.cluster.live), choice):
            self.cluster.start(name)


def cases_of(
    machine: type[HeldMachine], examples: int, steps: int, **parts: Any
) -> type[RuleBasedStateMachine.TestCase]:
    """The machine as a test: that many runs of that many steps, and more where that is asked for
    (`tests/deep.py`). `parts` stand in the place of its `system`, `size` or `spares`.
    """
    name = " ".join([machine.__name__, *(f"{part}={what}" for part, what in parts.items())])
    case = type(machine)(name, (machine,), {"__module__": machine.__module__, **parts}).TestCase
    case.settings = settings(
        max_examples=examples * DEEP,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    return case
