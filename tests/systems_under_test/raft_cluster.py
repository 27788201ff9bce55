"""A Raft cluster in a test's hands: nothing moves unless the test says so.

Messages wait on their links, timers wait to be fired, and disks keep what was persisted before a
crash. After every step the invariants of Raft are checked on all live nodes, and what the step did
is written to `trace`, one line each.
"""

import json
from dataclasses import fields
from random import Random
from typing import Any

from systems_under_test.node import (
    CancelTimer,
    Compact,
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
from systems_under_test.raft.invariants import Invariants
from systems_under_test.raft.messages import Appended, Entry, TermAndVote
from systems_under_test.raft.node import Raft
from systems_under_test.requests import Refusal, Reply, Request

CLIENT = "client"


class RaftCluster:
    def __init__(
        self, size: int = 3, system: type[Raft] = Raft, seed: int = 0, spares: int = 0
    ) -> None:
        """`size` members, and spares beside them."""
        self.system = system
        self.members = [f"n{number}" for number in range(1, size + 1)]
        self.seed = seed
        self.names = [f"n{number}" for number in range(1, size + spares + 1)]
        self.live: dict[str, Raft] = {}
        self.disks: dict[str, list[Payload]] = {name: [] for name in self.names}
        self.timers: dict[str, dict[str, int]] = {name: {} for name in self.names}
        self.in_flight: list[Message] = []
        self.answers: list[tuple[str, Reply | Refusal]] = []
        self.invariants = Invariants()
        self.trace: list[str] = []
        self.starts = 0
        for name in self.names:
            self.start(name)

    # --- what a test does to it -------------------------------------------------------------------

    def start(self, name: str, disk: list[Payload] | None = None) -> Raft:
        """Start a node on its disk, or on a disk that the test has written."""
        if disk is not None:
            self.disks[name] = list(disk)
        self.starts += 1
        random = Random(f"{self.seed}:{name}:{self.starts}")
        others = [other for other in self.names if other != name]
        self.live[name] = self.system(name, others, random, self.members)
        self.timers[name] = {}
        self.step(name, Started(tuple(self.disks[name])))
        return self.live[name]

    def restart(self, name: str) -> Raft:
        node = self.start(name)
        self.trace.append(f"{name} restarts in term {node.term} with {node.log.last_index} entries")
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
            if not any(
                isinstance(effect, Persist | Compact) for effect in effects[effects_performed:]
            ):
                # What the node knows is durable, and it may have told a client: so it must hold.
                self.invariants.check(self.live.values())
            self.crash(name)
        elif not isinstance(event, Started):
            self.tell_changes(name, before, node.facts())
        self.invariants.check(self.live.values())

    def compact(self, name: str) -> None:
        """Have a node take a snapshot now, as it does when its log has grown."""
        node = self.live[name]
        node._effects = []
        node.take_snapshot()
        for effect in node._effects:
            self.perform(name, effect)
        self.invariants.check(self.live.values())

    def perform(self, name: str, effect: Effect) -> None:
        match effect:
            case Persist(record):
                self.disks[name].append(record)
                self.trace.append(f"{name} persists {show(record)}")
            case Compact(records):
                self.disks[name] = list(records)
                self.trace.append(f"{name} compacts to {show(records)}")
            case SetTimer(timer, after_ns):
                self.timers[name][timer] = after_ns
            case CancelTimer(timer):
                self.timers[name].pop(timer, None)
            case Send(message) if message.target in self.disks:
                self.in_flight.append(message)
                self.trace.append(f"{name} sends {message.target} {show(message.payload)}")
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

    def elect(self, name: str, *among: str) -> Raft:
        """Have that node win an election among these nodes, which forget any leader first.

        A leader that hears nobody from one check of the quorum to the next steps down.
        """
        for voter in among or self.names:
            for timer in ("silence", "quorum", "quorum"):
                if timer in self.timers[voter]:
                    self.fire(voter, timer)
        self.fire(name, "election")
        self.stabilize(*among)
        node = self.live[name]
        assert node.role.value == "leader", f"{name} is a {node.role}"
        return node

    # --- what a test sees -------------------------------------------------------------------------

    def tell_changes(self, name: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        if (before["role"], before["term"]) != (after["role"], after["term"]):
            self.trace.append(f"{name} becomes {after['role']} in term {after['term']}")
        if before["commit_index"] != after["commit_index"]:
            self.trace.append(f"{name} commits up to {after['commit_index']}")

    def log_of(self, name: str) -> list[str]:
        log = self.live[name].log
        return [show(log[index]) for index in range(log.first_index, log.last_index + 1)]

    def terms_of(self, name: str) -> list[int]:
        log = self.live[name].log
        return [log.term_at(index) for index in range(log.first_index, log.last_index + 1)]


def show(value: Any) -> str:
    """A payload in a few words."""
    match value:
        case Entry(term, None):
            return f"{term}:no-op"
        case Entry(term, command):
            return f"{term}:{show(command)}"
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


def disk(term: int, entry_terms: list[int], voted_for: str | None = None) -> list[Payload]:
    """A disk of a node in that term whose log holds a write in each of these terms."""
    entries = tuple(
        Entry(entry_term, Request(0, 1, "write", "k", f"{entry_term}.{index}"))
        for index, entry_term in enumerate(entry_terms, 1)
    )
    records: list[Payload] = [TermAndVote(term, voted_for)]
    return [*records, Appended(1, entries)] if entries else records
