"""Raft under arbitrary scheduling: whatever the network, the clocks and crashes do, it stays safe.

Hypothesis chooses every single delivery, loss, duplicate, timer and crash, and shrinks what fails.
The invariants of Raft are checked after each step (by `RaftCluster`). Clients' operations are
judged in a simple sense: they write distinct values, so a read tells which write it saw, and a
value may not return after a read that began later has seen a newer one.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from systems_under_test.node import Received
from systems_under_test.raft.members import Members
from systems_under_test.raft.node import Raft
from systems_under_test.raft.state import ELECTION, QUORUM, SILENCE, Role
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request
from tests.systems_under_test.raft_cluster import RaftCluster

pytestmark = pytest.mark.slow

KEY = "k"
DEEP = int(os.environ.get("LABRYS_DEEP", "1"))
"""Multiplies the number of runs."""

ANY = st.integers(0, 2**16)
"""Chooses one of however many there are, by the remainder."""


@dataclass(slots=True)
class Asked:
    """A write or read of one client, who waits for its answer."""

    function: str
    value: Any
    written_before: int | None
    """The value of the newest write that was acknowledged or read when this began."""


class RaftMachine(RuleBasedStateMachine):
    system: type[Raft] = Raft
    size = 3
    spares = 0

    def __init__(self) -> None:
        super().__init__()
        self.cluster = RaftCluster(self.size, self.system, spares=self.spares)
        self.asked: dict[str, Asked] = {}
        self.answers_seen = 0
        self.answered: set[str] = set()
        self.order: dict[int, int] = {}
        """The position in the log of each value that a committed entry wrote."""

        self.never: set[int] = set()
        """The values of writes that were refused definitely."""

        self.newest: int | None = None
        """The value of the newest write known to have taken effect."""

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

    @rule(first=ANY, second=ANY)
    def deliver_between_two(self, first: int, second: int) -> None:
        """Let two nodes talk while the others hear nothing."""
        names = self.cluster.names
        self.cluster.stabilize(names[first % len(names)], names[second % len(names)])

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
        name = self.cluster.names[choice % len(self.cluster.names)]
        self.cluster.in_flight = [
            m for m in self.cluster.in_flight if name not in (m.source, m.target)
        ]

    @rule(choice=ANY, timer=ANY)
    def fire(self, choice: int, timer: int) -> None:
        if name := self.one_of(self.cluster.live, choice):
            timers = sorted(self.cluster.timers[name])
            self.cluster.fire(name, timers[timer % len(timers)])

    @rule(choice=ANY, messages=st.integers(0, 12))
    def elect(self, choice: int, messages: int) -> None:
        """Let an election run undisturbed for a while, as random steps seldom do."""
        name = self.one_of(self.cluster.live, choice)
        if name is None or self.cluster.live[name].role is Role.LEADER:
            return
        for voter in self.cluster.live:
            if SILENCE in self.cluster.timers[voter]:
                self.cluster.fire(voter, SILENCE)
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
        leaders = [name for name, node in self.cluster.live.items() if node.role is Role.LEADER]
        name = self.one_of(leaders if leader and leaders else self.cluster.live, choice)
        if name is None:
            return
        self.judge()
        client = f"client-{len(self.asked) + 1}"
        function, value = ("write", len(self.asked) + 1) if write else ("read", None)
        self.asked[client] = Asked(function, value, self.newest)
        self.cluster.request(name, function, KEY, value, client=client)

    @rule(choice=ANY, node=ANY, function=st.sampled_from(["add", "remove", "transfer", "members"]))
    def operate(self, choice: int, node: int, function: str) -> None:
        """Ask for a change of the members, of anybody."""
        if name := self.one_of(self.cluster.live, choice):
            names = self.cluster.names
            argument = None if function == "members" else names[node % len(names)]
            self.cluster.request(name, function, argument=argument, client="operator")

    @rule(choice=ANY)
    def compact(self, choice: int) -> None:
        """Any node may take a snapshot at any time."""
        if name := self.one_of(self.cluster.live, choice):
            node = self.cluster.live[name]
            if node.applied > node.log.base_index:
                self.cluster.compact(name)

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def judge(self) -> None:
        """Every answer agrees with the committed log, and no read goes back in time."""
        for index, (entry, _) in enumerate(self.cluster.invariants.committed, 1):
            if isinstance(entry.command, Request):
                value = entry.command.argument
                self.order.setdefault(value, index)
                assert value not in self.never, f"{value} was refused for certain, and is committed"
        while self.answers_seen < len(self.cluster.answers):
            client, answer = self.cluster.answers[self.answers_seen]
            self.answers_seen += 1
            if client == "operator":
                self.judge_operator(answer)
                continue
            assert client not in self.answered, f"{client} was answered twice"
            self.answered.add(client)
            self.judge_answer(self.asked[client], answer)

    def judge_operator(self, answer: Reply | Refusal) -> None:
        """Whoever is told the members is told nothing that is not committed."""
        if isinstance(answer, Reply) and isinstance(answer.result, list):
            agreed = [self.cluster.members] + [
                list(entry.command.current)
                for entry, _ in self.cluster.invariants.committed
                if isinstance(entry.command, Members) and not entry.command.joint
            ]
            assert answer.result in agreed, f"{answer} is not among {agreed}"

    def judge_answer(self, asked: Asked, answer: Reply | Refusal) -> None:
        if isinstance(answer, Refusal):
            if asked.function == "read":
                assert ErrorCode.of(answer.error).definite, f"{answer} leaves a read open"
            elif ErrorCode.of(answer.error).definite:
                self.never.add(asked.value)
            return
        if asked.function == "write":
            assert answer.result == asked.value
        assert answer.result is None or answer.result in self.order, (
            f"{answer} tells of a value that is not committed: {self.order}"
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


class SmallBatchesMachine(RaftMachine):
    system = SmallBatches


class FiveNodesMachine(RaftMachine):
    size = 5


class Compacting(SmallBatches):
    """Snapshots of a few entries, in parts of one key."""

    COMPACT_AFTER = 4
    KEEP = 2
    PART_SIZE = 1


class CompactingMachine(RaftMachine):
    system = Compacting


class ChangingMachine(RaftMachine):
    """Two members and three spares: any of them may become members."""

    system = Compacting
    size = 2
    spares = 3


QUICK = settings(
    max_examples=100 * DEEP,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

TestThreeNodes = RaftMachine.TestCase
TestThreeNodes.settings = QUICK
TestFiveNodes = FiveNodesMachine.TestCase
TestFiveNodes.settings = QUICK
TestCompacting = CompactingMachine.TestCase
TestCompacting.settings = QUICK
TestChanging = ChangingMachine.TestCase
TestChanging.settings = QUICK
TestSmallBatches = SmallBatchesMachine.TestCase
TestSmallBatches.settings = QUICK
