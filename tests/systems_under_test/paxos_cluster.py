"""A Paxos cluster in a test's hands: nothing moves unless the test says so.

Messages wait on their links, timers wait to be fired, and disks keep what was persisted before a
crash. After every step the invariants of Paxos are checked on all live nodes, and what the step did
is written to `trace`, one line each.
"""

import json
from collections.abc import Iterable
from dataclasses import fields
from itertools import groupby
from random import Random
from typing import Any

from systems_under_test.node import (
    CancelTimer,
    Effect,
    Event,
    Message,
    Payload,
    Persist,
    Received,
    Send,
    SetTimer,
    Started,
    TimerFired,
)
from systems_under_test.paxos.invariants import Invariants
from systems_under_test.paxos.messages import (
    NO_BALLOT,
    Accepted,
    Ballot,
    Promise,
    Promised,
    Proposal,
    Value,
    Voted,
)
from systems_under_test.paxos.node import Paxos
from systems_under_test.requests import Refusal, Reply, Request

CLIENT = "client"


class PaxosCluster:
    def __init__(
        self, size: int = 3, system: type[Paxos] = Paxos, seed: int = 0, watched: bool = True
    ) -> None:
        """`watched`: whether a broken invariant ends the test."""
        self.system = system
        self.seed = seed
        self.watched = watched
        self.names = [f"n{number}" for number in range(1, size + 1)]
        self.live: dict[str, Paxos] = {}
        self.disks: dict[str, list[Payload]] = {name: [] for name in self.names}
        self.told = dict.fromkeys(self.names, NO_BALLOT)
        """The highest ballot that each node has told others to have promised."""

        self.timers: dict[str, dict[str, int]] = {name: {} for name in self.names}
        self.in_flight: list[Message] = []
        self.answers: list[tuple[str, Reply | Refusal]] = []
        self.invariants = Invariants()
        self.trace: list[str] = []
        self.starts = 0
        for name in self.names:
            self.start(name)

    # --- what a test does to it -------------------------------------------------------------------

    def start(self, name: str, disk: list[Payload] | None = None) -> Paxos:
        """Start a node on its disk, or on a disk that the test has written."""
        if disk is not None:
            self.disks[name] = list(disk)
        self.starts += 1
        random = Random(f"{self.seed}:{name}:{self.starts}")
        peers = [other for other in self.names if other != name]
        node = self.live[name] = self.system(name, peers, random)
        self.timers[name] = {}
        self.step(name, Started(tuple(self.disks[name])))
        assert not self.watched or node.promised >= self.told[name], (
            f"{name} has forgotten its promise of {self.told[name]}"
        )
        return node

    def restart(self, name: str) -> Paxos:
        node = self.start(name)
        self.trace.append(
            f"{name} restarts with promise {node.promised}, {node.chosen} chosen "
            f"and {len(node.accepted)} accepted"
        )
        return node

    def crash(self, name: str) -> None:
        """Lose all that is not on the disk; messages that were sent stay on their way."""
        del self.live[name]
        self.timers[name] = {}
        self.trace.append(f"{name} crashes")

    def step(self, name: str, event: Event, effects_performed: int | None = None) -> None:
        """Step a node; with a number, it crashes after that many effects were performed."""
        node = self.live[name]
        before = node.facts()
        effects = node.step(event, 0)
        for effect in effects[:effects_performed]:
            self.perform(name, effect)
        if effects_performed is not None:
            if not any(isinstance(effect, Persist) for effect in effects[effects_performed:]):
                # What the node knows is durable, and it may have told a client: so it must hold.
                self.check()
            self.crash(name)
        elif not isinstance(event, Started):
            self.tell_changes(name, before, node.facts())
        self.check()

    def check(self) -> None:
        if self.watched:
            self.invariants.check(self.live.values())

    def perform(self, name: str, effect: Effect) -> None:
        match effect:
            case Persist(record):
                self.disks[name].append(record)
                self.trace.append(f"{name} persists {show(record)}")
            case SetTimer(timer, after_ns):
                self.timers[name][timer] = after_ns
            case CancelTimer(timer):
                self.timers[name].pop(timer, None)
            case Send(message) if message.target in self.disks:
                self.in_flight.append(message)
                self.trace.append(f"{name} sends {message.target} {show(message.payload)}")
                if isinstance(message.payload, (Promise, Accepted)):
                    self.told[name] = max(self.told[name], message.payload.ballot)
            case Send(message):
                assert isinstance(message.payload, (Reply, Refusal))
                self.answers.append((message.target, message.payload))
                self.trace.append(f"{name} answers {message.target} {show(message.payload)}")

    def fire(self, name: str, timer: str) -> None:
        """Fire a timer that runs; an election timeout includes the silence before it."""
        if timer == "election" and "silence" in self.timers[name]:
            self.fire(name, "silence")
        assert timer in self.timers[name], f"{name} runs {sorted(self.timers[name])}, not {timer}"
        del self.timers[name][timer]
        self.step(name, TimerFired(timer))

    def deliver(self, source: str, target: str) -> int:
        """Deliver what is on its way now on that link, in order; return how much it was."""
        arriving = self.take(source, target)
        for message in arriving:
            self.hand_over(message)
        return len(arriving)

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
        request = Request(session, sequence, function, key, argument)
        self.hand_over(Message(client, name, request))
        return self.answers[-1][1] if len(self.answers) > before else None

    def forget_leader(self, *names: str) -> None:
        """Let these nodes hear no leader: followers forget it, leaders give up."""
        for name in names or self.names:
            for timer in ("silence", "quorum", "quorum"):
                if timer in self.timers[name]:
                    self.fire(name, timer)

    def elect(self, name: str, *among: str) -> Paxos:
        """Have that node win a ballot among these nodes, which forget any leader first."""
        self.forget_leader(*among)
        self.fire(name, "election")
        self.stabilize(*among)
        node = self.live[name]
        assert node.role.value == "leader", f"{name} is {node.role}"
        return node

    # --- what a test sees -------------------------------------------------------------------------

    def tell_changes(self, name: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        if before["role"] != after["role"]:
            ballot = f" in ballot {after['ballot']}" if after["role"] == "leader" else ""
            self.trace.append(f"{name} becomes {after['role']}{ballot}")
        if before["commit_index"] != after["commit_index"]:
            self.trace.append(f"{name} knows all chosen up to slot {after['commit_index']}")

    def chosen_by(self, name: str) -> list[str]:
        """What that node knows to be chosen, in order of the slots."""
        return runs_of_no_ops(self.live[name].values)

    def accepted_by(self, name: str) -> list[str]:
        accepted = self.live[name].accepted
        return [f"{slot}:{show(accepted[slot])}" for slot in sorted(accepted)]


def show(value: Any) -> str:
    """A payload in a few words."""
    match value:
        case Ballot():
            return str(value)
        case Proposal(ballot, _, command):
            return f"{ballot}/{show_value(command)}"
        case Request(session, sequence, function, key, argument):
            words = [function, key, "" if argument is None else json.dumps(argument)]
            text = " ".join(word for word in words if word)
            return text if session == 0 else f"{text} ({session}/{sequence})"
        case tuple() if value and all(isinstance(item, Proposal) for item in value):
            return "[" + ", ".join(f"{item.slot}:{show(item)}" for item in value) + "]"
        case tuple():
            return "[" + ", ".join(runs_of_no_ops(value)) + "]"
        case Payload():
            named = ((f.name, getattr(value, f.name)) for f in fields(value))  # type: ignore[arg-type]
            return type(value).__name__ + "(" + ", ".join(f"{n}={show(v)}" for n, v in named) + ")"
        case str():
            return value
        case _:
            return json.dumps(value)


def show_value(value: Value) -> str:
    return "no-op" if value is None else show(value)


def runs_of_no_ops(values: Iterable[Any]) -> list[str]:
    """The values of slots in a few words: many no-ops in a row are counted."""
    shown: list[str] = []
    for is_no_op, group in groupby(values, key=lambda value: value is None):
        run = [show_value(value) for value in group]
        shown += [f"{len(run)} no-ops"] if is_no_op and len(run) > 1 else run
    return shown


def write(value: Any, key: str = "k") -> Request:
    return Request(0, 1, "write", key, value)


def disk(promised: Ballot, *votes: tuple[Ballot, int, Any]) -> list[Payload]:
    """A disk that holds that promise and, by ballot and slot, writes of these values."""
    records: list[Payload] = [
        Voted(ballot, slot, (None if value is None else write(value),), 0)
        for ballot, slot, value in votes
    ]
    return [*records, Promised(promised)]
