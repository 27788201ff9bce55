"""A cluster in a test's hands: nothing moves unless the test says so.

Messages wait on their links, timers wait to be fired, and disks keep what was persisted before a
crash. After every step the protocol's invariants are checked on all live nodes, and what the step
did is written to `trace`, one line each.
"""

import json
from collections.abc import Callable
from dataclasses import fields
from random import Random
from typing import Any, Generic, TypeVar

from systems_under_test.node import (
    CancelTimer,
    Compact,
    Effect,
    Event,
    Message,
    Node,
    Payload,
    Persist,
    Received,
    Send,
    SetTimer,
    Started,
    TimerFired,
)
from systems_under_test.raft.membership import MEMBERSHIP
from systems_under_test.requests import OperatorRequest, Refusal, Reply, Request

CLIENT = "client"

N = TypeVar("N", bound=Node)


class HeldCluster(Generic[N]):
    """Nodes of one system. A protocol's own class adds how its payloads and changes are shown."""

    def __init__(
        self, size: int, system: type[N], seed: int = 0, spares: int = 0, watched: bool = True
    ) -> None:
        """`size` members, and spares beside them. `watched`: whether a broken invariant ends the
        test."""
        self.system = system
        self.seed = seed
        self.watched = watched
        self.names = [f"n{number}" for number in range(1, size + spares + 1)]
        self.members = self.names[:size]
        self.live: dict[str, N] = {}
        self.disks: dict[str, list[Payload]] = {name: [] for name in self.names}
        self.timers: dict[str, dict[str, int]] = {name: {} for name in self.names}
        self.clocks: dict[str, int] = dict.fromkeys(self.names, 0)
        self.in_flight: list[Message] = []
        self.answers: list[tuple[str, Reply | Refusal]] = []
        self.invariants: Any = system.invariants() if system.invariants else None
        self.trace: list[str] = []
        self.starts = 0
        for name in self.names:
            self.start(name)

    def show(self, value: Any) -> str:
        return shown(value, self.show)

    # --- what a test does to it -------------------------------------------------------------------

    def start(self, name: str, disk: list[Payload] | None = None) -> N:
        """Start a node on its disk, or on a disk that the test has written."""
        if disk is not None:
            self.disks[name] = list(disk)
        self.starts += 1
        self.live[name] = self.made(name, Random(f"{self.seed}:{name}:{self.starts}"))
        self.timers[name] = {}
        self.step(name, Started(tuple(self.disks[name])))
        return self.live[name]

    def made(self, name: str, random: Random) -> N:
        peers = [other for other in self.names if other != name]
        return self.system(name, peers, random, self.members)

    def crash(self, name: str) -> None:
        """Lose all that is not on the disk; messages that were sent stay on their way."""
        del self.live[name]
        self.timers[name] = {}
        self.trace.append(f"{name} crashes")

    def step(self, name: str, event: Event, effects_performed: int | None = None) -> None:
        """Step a node; with a number, it crashes after that many effects were performed."""
        node = self.live[name]
        before = node.facts()
        effects = node.step(event, self.clocks[name])
        for effect in effects[:effects_performed]:
            self.perform(name, effect)
        if effects_performed is not None:
            self.lose(name, effects[effects_performed:])
            self.crash(name)
        elif not isinstance(event, Started):
            self.show_changes(name, before, node.facts())
        self.check()

    def check(self) -> None:
        if self.watched and self.invariants is not None:
            self.invariants.check(self.live.values())

    def lose(self, name: str, lost: list[Effect]) -> None:
        """A node crashes before these effects of its last step, and others may have been told of
        those before.

        Where it was about to write, what is on its disk counts, so it is looked at as it would
        start again; where it was not, all that it knows counts.
        """
        if not any(isinstance(effect, Persist | Compact) for effect in lost):
            self.check()
        elif self.watched and self.invariants is not None:
            left = self.made(name, Random(0))
            left.step(Started(tuple(self.disks[name])), self.clocks[name])
            self.invariants.check(({**self.live, name: left}).values())

    def perform(self, name: str, effect: Effect) -> None:
        match effect:
            case Persist(record):
                self.disks[name].append(record)
                self.trace.append(f"{name} persists {self.show(record)}")
            case Compact(records):
                self.disks[name] = list(records)
                shown_records = ", ".join(map(self.show, records))
                self.trace.append(f"{name} compacts its journal to {shown_records}")
            case SetTimer(timer, after_ns):
                self.timers[name][timer] = after_ns
            case CancelTimer(timer):
                self.timers[name].pop(timer, None)
            case Send(message) if message.target in self.disks:
                self.in_flight.append(message)
                self.trace.append(f"{name} sends {message.target} {self.show(message.payload)}")
            case Send(message):
                assert isinstance(message.payload, (Reply, Refusal))
                self.answers.append((message.target, message.payload))
                self.trace.append(f"{name} answers {message.target} {self.show(message.payload)}")

    def fire(self, name: str, timer: str) -> None:
        """Fire a timer that runs, by its name or the first word of it."""
        running = self.timers[name]
        found = [known for known in running if known == timer or known.split(" ")[0] == timer]
        assert found, f"{name} runs {sorted(running)}, not {timer}"
        del running[found[0]]
        self.step(name, TimerFired(found[0]))

    def deliver(self, source: str, target: str) -> int:
        """Deliver what is on its way now on that link, in order; return how much it was."""
        arriving = self.take(source, target)
        for message in arriving:
            self.hand_over(message)
        return len(arriving)

    def exchange(self, name: str, *others: str) -> None:
        """Deliver what is on its way from a node to the others, and then from these to it."""
        for other in others:
            self.deliver(name, other)
        for other in others:
            self.deliver(other, name)

    def take(self, source: str, target: str) -> list[Message]:
        """Take what is on its way on that link off it: dropped, unless it is handed over."""
        taken = [m for m in self.in_flight if m.source == source and m.target == target]
        self.in_flight = [m for m in self.in_flight if m not in taken]
        return taken

    def hand_over(self, message: Message) -> None:
        """Deliver a message, which may be one that a test made up; a dead node hears nothing."""
        if message.target in self.live:
            self.step(message.target, Received(message))

    def receive(self, target: str, source: str, payload: Payload) -> list[Payload]:
        """Deliver that payload, and return what the target sent to the source, not delivered."""
        self.take(target, source)
        self.hand_over(Message(source, target, payload))
        return [message.payload for message in self.take(target, source)]

    def receive_again(
        self, target: str, source: str, payload: Payload
    ) -> tuple[list[Payload], list[Payload]]:
        """Deliver it twice, and once more across a restart; the answers before and after it.

        Nothing may be recorded more than once.
        """
        first = self.receive(target, source, payload)
        records = list(self.disks[target])
        assert self.receive(target, source, payload) == first
        self.crash(target)
        self.start(target)
        again = self.receive(target, source, payload)
        assert self.disks[target] == records
        return first, again

    def stabilize(self, *among: str) -> None:
        """Deliver everything between these nodes (all, if none is named) until nothing moves."""
        for _ in range(1_000):
            links = {(m.source, m.target): None for m in self.in_flight}
            names = among or self.names
            if not sum(self.deliver(*link) for link in links if set(link) <= set(names)):
                return
        raise AssertionError("the cluster does not come to rest")

    def request(
        self,
        name: str,
        function: str,
        key: str = "",
        argument: Any = None,
        session: int = 0,
        sequence: int = 1,
        client: str = CLIENT,
    ) -> Reply | Refusal | None:
        """Hand a request to a node, and return the answer if it comes at once."""
        before = len(self.answers)
        request = asked(session, sequence, function, key, argument)
        self.hand_over(Message(client, name, request))
        return self.answers[-1][1] if len(self.answers) > before else None

    # --- what a test sees -------------------------------------------------------------------------

    def show_changes(self, name: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Add to the trace what a step changed in a node's facts."""


class LedCluster(HeldCluster[N]):
    """A cluster of a protocol with leaders and terms or ballots."""

    def fire(self, name: str, timer: str) -> None:
        """Fire a timer that runs; an election timeout includes the silence before it."""
        if timer == "election" and "silence" in self.timers[name]:
            self.fire(name, "silence")
        super().fire(name, timer)

    def forget_leader(self, *names: str) -> None:
        """Let these nodes hear no leader: followers forget it, and a leader gives up, since it
        hears nobody from one check of the quorum to the next."""
        for name in names or self.names:
            for timer in ("silence", "quorum", "quorum"):
                if timer in self.timers[name]:
                    self.fire(name, timer)

    def elect(self, name: str, *among: str) -> N:
        """Have that node lead with these nodes, which forget any leader first."""
        self.forget_leader(*among)
        self.fire(name, "election")
        self.stabilize(*among)
        node = self.live[name]
        role = node.facts()["role"]
        assert role == "leader", f"{name} is {role}"
        return node


def asked(
    session: int, sequence: int, function: str, key: str = "", argument: Any = None
) -> Request:
    """The request: an operator's where the function is one of theirs."""
    kind = OperatorRequest if function in MEMBERSHIP else Request
    return kind(session, sequence, function, key, argument)


def shown(value: Any, show: Callable[[Any], str]) -> str:
    """A payload in a few words, with what is inside it as `show` has it."""
    match value:
        case Request(session, sequence, function, key, argument):
            words = [function, key, "" if argument is None else json.dumps(argument)]
            text = " ".join(word for word in words if word)
            return text if session == 0 else f"{text} ({session}/{sequence})"
        case tuple():
            return "[" + ", ".join(map(show, value)) + "]"
        case Payload():
            named = ((f.name, getattr(value, f.name)) for f in fields(value))  # type: ignore[arg-type]
            return type(value).__name__ + "(" + ", ".join(f"{n}={show(v)}" for n, v in named) + ")"
        case str():
            return value
        case _:
            return json.dumps(value)
