"""Arbitrary scheduling of a protocol with leaders and a log; its clients' answers are judged.

Clients' operations are judged in a simple sense: they write distinct values, so a read says which
write it saw, and a value may not return after a read that began later has seen a newer one.
"""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from systems_under_test.led import ELECTION, QUORUM, SILENCE
from systems_under_test.requests import ErrorCode, Refusal, Reply
from tests.systems_under_test.held_cluster import LedCluster
from tests.systems_under_test.held_machine import ANY, HeldMachine

KEY = "k"
OPERATOR = "operator"


@dataclass(slots=True)
class Asked:
    """A write or read of one client, who waits for its answer."""

    function: str
    value: Any
    written_before: int | None
    """The value of the newest write that was acknowledged or read when this began."""


class LedMachine(HeldMachine):
    cluster: LedCluster[Any]

    def __init__(self) -> None:
        super().__init__()
        self.cluster = self.new_cluster()
        self.asked: dict[str, Asked] = {}
        self.answers_seen = 0
        self.answered: set[str] = set()
        self.order: dict[int, int] = {}
        """The position in the log of each value that an agreed entry wrote."""

        self.never: set[int] = set()
        """The values of writes that were refused definitely."""

        self.newest: int | None = None
        """The value of the newest write known to have taken effect."""

    @abstractmethod
    def new_cluster(self) -> LedCluster[Any]:
        """The cluster that a run begins with."""

    @abstractmethod
    def agreed(self) -> Iterable[tuple[int, int]]:
        """The positions in the log that are agreed on, with the value that was written there."""

    def judge_operator(self, answer: Reply | Refusal) -> None:
        """Look at what an operator was answered who asked about the members."""

    # --- what may happen --------------------------------------------------------------------------

    def leads(self, name: str) -> bool:
        return bool(self.cluster.live[name].role.value == "leader")

    def serving(self, choice: int, leader: bool = True) -> str | None:
        """A live node, and a leader if there is one and one is wanted."""
        leaders = [name for name in self.cluster.live if self.leads(name)]
        return self.one_of(leaders if leader and leaders else self.cluster.live, choice)

    @rule(choice=ANY, messages=st.integers(0, 24))
    def compete(self, choice: int, messages: int) -> None:
        """Let an election run undisturbed for a while, as random steps seldom do."""
        name = self.live(choice)
        if name is None or self.leads(name):
            return
        for other in self.cluster.live:
            if SILENCE in self.cluster.timers[other]:
                self.cluster.fire(other, SILENCE)
        self.cluster.fire(name, ELECTION)
        self.deliver_oldest(messages)

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

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def judge(self) -> None:
        """Every answer agrees with the log, and no read goes back in time."""
        for position, value in self.agreed():
            self.order.setdefault(value, position)
            assert value not in self.never, f"{value} was refused for certain, and is in the log"
        while self.answers_seen < len(self.cluster.answers):
            client, answer = self.cluster.answers[self.answers_seen]
            self.answers_seen += 1
            if client == OPERATOR:
                self.judge_operator(answer)
                continue
            assert client not in self.answered, f"{client} was answered twice"
            self.answered.add(client)
            self.judge_answer(self.asked[client], answer)

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
            f"{answer} names a value that is not agreed on: {self.order}"
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
            if self.leads(name):
                assert timers == {"heartbeat", QUORUM}, f"{name} leads and runs {timers}"
            else:
                right = ELECTION if node.leader is None else SILENCE
                assert timers == {right}, f"{name}, with leader {node.leader}, runs {timers}"
