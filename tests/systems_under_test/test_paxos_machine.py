"""Paxos under arbitrary scheduling: whatever the network, the clocks and crashes do, it stays safe.

Hypothesis chooses every single delivery, loss, duplicate, timer and crash, and shrinks what fails.
The invariants of Paxos are checked after each step (by `PaxosCluster`). Clients' operations are
judged in a simple sense: they write distinct values, so a read tells which write it saw, and a
value may not return after a read that began later has seen a newer one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from systems_under_test.node import Received
from systems_under_test.paxos.node import Paxos
from systems_under_test.paxos.state import ELECTION, QUORUM, SILENCE, Role
from systems_under_test.quorum import majority
from systems_under_test.requests import ErrorCode, Refusal, Reply
from tests.deep import DEEP
from tests.systems_under_test.paxos_cluster import PaxosCluster

pytestmark = pytest.mark.slow

KEY = "k"
ANY = st.integers(0, 2**16)
"""Chooses one of however many there are, by the remainder."""


@dataclass(slots=True)
class Asked:
    """A write or read of one client, who waits for its answer."""

    function: str
    value: Any
    written_before: int | None
    """The value of the newest write that was acknowledged or read when this began."""


class PaxosMachine(RuleBasedStateMachine):
    system: type[Paxos] = Paxos
    size = 3

    def __init__(self) -> None:
        super().__init__()
        self.cluster = PaxosCluster(self.size, self.system)
        self.asked: dict[str, Asked] = {}
        self.answers_seen = 0
        self.answered: set[str] = set()
        self.order: dict[int, int] = {}
        """The slot of each value that a chosen command wrote."""

        self.never: set[int] = set()
        """The values of writes that were refused definitely."""

        self.newest: int | None = None
        """The value of the newest write known to have taken effect."""

        self.cluster.elect(self.cluster.names[0])  # Mistakes hide in what comes after.

    # --- what may happen --------------------------------------------------------------------------

    # A rule that finds nothing to do returns: cheaper for Hypothesis than a precondition.

    def one_of(self, names: Iterable[str], choice: int) -> str | None:
        ordered = sorted(names)
        return ordered[choice % len(ordered)] if ordered else None

    @rule(choice=ANY)
    def deliver(self, choice: int) -> None:
        """Any message, so that others are overtaken."""
        if in_flight := self.cluster.in_flight:
            self.cluster.hand_over(in_flight.pop(choice % len(in_flight)))

    @rule(count=st.integers(1, 40))
    def deliver_oldest(self, count: int) -> None:
        for _ in range(min(count, len(self.cluster.in_flight))):
            self.cluster.hand_over(self.cluster.in_flight.pop(0))

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
            if self.cluster.live[name].role is not Role.LEADER:  # A lone member leads on.
                self.cluster.fire(name, ELECTION)
            self.cluster.stabilize(*names)

    def some(self, which: int) -> list[str]:
        """A majority of the nodes, or more."""
        count = majority(self.size) + which % (self.size - majority(self.size) + 1)
        return sorted(Random(which).sample(self.cluster.names, count))

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
        name = self.cluster.names[choice % self.size]
        self.cluster.in_flight = [
            m for m in self.cluster.in_flight if name not in (m.source, m.target)
        ]

    @rule(choice=ANY, timer=ANY)
    def fire(self, choice: int, timer: int) -> None:
        if name := self.one_of(self.cluster.live, choice):
            timers = sorted(self.cluster.timers[name])
            self.cluster.fire(name, timers[timer % len(timers)])

    @rule(choice=ANY, messages=st.integers(0, 24))
    def compete(self, choice: int, messages: int) -> None:
        """Let a proposer go on undisturbed for a while."""
        name = self.one_of(self.cluster.live, choice)
        if name is None or self.cluster.live[name].role is Role.LEADER:
            return
        for other in self.cluster.live:
            if SILENCE in self.cluster.timers[other]:
                self.cluster.fire(other, SILENCE)
        self.cluster.fire(name, ELECTION)
        self.deliver_oldest(messages)

    @rule(choice=ANY)
    def crash(self, choice: int) -> None:
        if name := self.one_of(self.cluster.live, choice):
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

    @rule(choice=ANY, leader=st.booleans(), write=st.booleans())
    def ask(self, choice: int, leader: bool, write: bool) -> None:
        name = self.serving(choice, leader)
        if name is None:
            return
        self.judge()
        client = f"client-{len(self.asked) + 1}"
        function, value = ("write", len(self.asked) + 1) if write else ("read", None)
        self.asked[client] = Asked(function, value, self.newest)
        self.cluster.request(name, function, KEY, value, client=client)

    @rule(choice=ANY, which=ANY, count=st.integers(1, 6))
    def work(self, choice: int, which: int, count: int) -> None:
        """Let a leader and some others get something done."""
        for _ in range(count):
            self.ask(choice, leader=True, write=True)
        self.cluster.stabilize(*self.some(which))

    def serving(self, choice: int, leader: bool = True) -> str | None:
        """A live node, and a leader if there is one and one is wanted."""
        leaders = [name for name, node in self.cluster.live.items() if node.role is Role.LEADER]
        return self.one_of(leaders if leader and leaders else self.cluster.live, choice)

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def judge(self) -> None:
        """Every answer agrees with what is chosen, and no read goes back in time."""
        chosen = self.cluster.invariants.chosen
        for slot, (command, _) in enumerate(chosen, 1):
            if command is not None and command.function == "write":
                value = command.argument
                self.order.setdefault(value, slot)
                assert value not in self.never, f"{value} was refused for certain, and is chosen"
        while self.answers_seen < len(self.cluster.answers):
            client, answer = self.cluster.answers[self.answers_seen]
            self.answers_seen += 1
            assert client not in self.answered, f"{client} was answered twice"
            self.answered.add(client)
            self.judge_answer(self.asked[client], answer)

    def judge_answer(self, asked: Asked, answer: Reply | Refusal) -> None:
        if isinstance(answer, Refusal):
            if asked.function in ("read", "members"):
                assert ErrorCode.of(answer.error).definite, f"{answer} leaves a read open"
            elif asked.function == "write" and ErrorCode.of(answer.error).definite:
                self.never.add(asked.value)
            return
        if asked.function in ("add", "remove", "members"):
            assert answer.result == sorted(answer.result)
            return
        if asked.function == "write":
            assert answer.result == asked.value
        assert answer.result is None or answer.result in self.order, (
            f"{answer} tells of a value that is not chosen: {self.order}"
        )
        position = self.order.get(answer.result, 0)
        assert position >= self.order.get(asked.written_before, 0), (  # type: ignore[arg-type]
            f"{asked} was answered {answer.result}, older than what was known when it began"
        )
        if position > self.order.get(self.newest, 0):  # type: ignore[arg-type]
            self.newest = answer.result

    @invariant()
    def the_right_timers_run(self) -> None:
        for name, node in self.cluster.live.items():
            timers = set(self.cluster.timers[name])
            if node.role is Role.LEADER:
                assert timers == {"heartbeat", QUORUM}, f"{name} leads and runs {timers}"
            else:
                right = ELECTION if node.leader is None else SILENCE
                assert timers == {right}, f"{name}, with leader {node.leader}, runs {timers}"

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
    MAX_LEARNED = 2
    MAX_PENDING = 5
    WINDOW = 3
    SNAPSHOT_SLOTS = 6
    KEPT_SLOTS = 4


class SmallBatchesMachine(PaxosMachine):
    system = SmallBatches


class ChangingMembersMachine(SmallBatchesMachine):
    size = 4

    @rule(choice=ANY, node=ANY, function=st.sampled_from(["add", "remove", "members"]))
    def change(self, choice: int, node: int, function: str) -> None:
        if name := self.serving(choice):
            client = f"client-{len(self.asked) + 1}"
            target = None if function == "members" else self.cluster.names[node % self.size]
            self.asked[client] = Asked(function, target, None)
            self.cluster.request(name, function, argument=target, client=client)


class FiveNodesMachine(PaxosMachine):
    size = 5


QUICK = settings(
    max_examples=100 * DEEP,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

TestThreeNodes = PaxosMachine.TestCase
TestThreeNodes.settings = QUICK
TestFiveNodes = FiveNodesMachine.TestCase
TestFiveNodes.settings = QUICK
TestSmallBatches = SmallBatchesMachine.TestCase
TestSmallBatches.settings = QUICK
TestChangingMembers = ChangingMembersMachine.TestCase
TestChangingMembers.settings = QUICK
