"""A ring in a test's hands: nothing moves unless the test says so.

Messages wait on their links, timers wait to be fired, and disks keep what was persisted before a
crash. After every step the invariants are checked on all live nodes, and what the step did is
written to `trace`, one line each.
"""

import json
from dataclasses import dataclass, fields
from random import Random
from typing import Any

from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
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
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request
from systems_under_test.ring.invariants import Invariants
from systems_under_test.ring.messages import Copy
from systems_under_test.ring.node import Ring


@dataclass(slots=True)
class Asked:
    """A client's request, when it was made, and what became of it."""

    client: str
    function: str
    key: str
    argument: Any
    invoked: int
    outcome: Outcome = Outcome.INFO
    result: Any = None
    completed: int | None = None

    def operation(self, process: int) -> Operation:
        done_ns = self.completed
        return Operation(
            process, self.function, self.key, self.argument, self.result, self.outcome,
            self.invoked, self.completed, self.invoked, done_ns,
        )  # fmt: skip


class RingCluster:
    def __init__(
        self,
        size: int = 3,
        system: type[Ring] = Ring,
        seed: int = 0,
        spares: int = 0,
        watched: bool = True,
    ) -> None:
        """`spares` are further nodes, which are no members at first. `watched`: whether a broken
        invariant ends the test."""
        self.system = system
        self.watched = watched
        self.seed = seed
        self.names = [f"n{number}" for number in range(1, size + spares + 1)]
        self.members = self.names[:size]
        self.live: dict[str, Ring] = {}
        self.disks: dict[str, list[Payload]] = {name: [] for name in self.names}
        self.timers: dict[str, dict[str, int]] = {name: {} for name in self.names}
        self.clocks: dict[str, int] = dict.fromkeys(self.names, 0)
        self.in_flight: list[Message] = []
        self.answers: list[tuple[str, Reply | Refusal]] = []
        self.invariants = Invariants()
        self.trace: list[str] = []
        self.asked: list[Asked] = []
        self.moment = 0
        self.starts = 0
        for name in self.names:
            self.start(name)
        self.trace.clear()

    # --- what a test does to it -------------------------------------------------------------------

    def start(self, name: str) -> Ring:
        self.starts += 1
        random = Random(f"{self.seed}:{name}:{self.starts}")
        peers = [other for other in self.names if other != name]
        self.live[name] = self.system(name, peers, random, self.members)
        self.timers[name] = {}
        self.step(name, Started(tuple(self.disks[name])))
        return self.live[name]

    def crash(self, name: str) -> None:
        """Lose all that is not on the disk; messages that were sent stay on their way."""
        del self.live[name]
        self.timers[name] = {}
        self.trace.append(f"{name} crashes")

    def step(self, name: str, event: Event, effects_performed: int | None = None) -> None:
        """Step a node; with a number, it crashes after that many effects were performed."""
        effects = self.live[name].step(event, self.clocks[name])
        for effect in effects[:effects_performed]:
            self.perform(name, effect)
        if effects_performed is not None:
            self.crash(name)
        if self.watched:
            self.invariants.check(self.live.values())

    def perform(self, name: str, effect: Effect) -> None:
        match effect:
            case Persist(record):
                self.disks[name].append(record)
                self.trace.append(f"{name} persists {show(record)}")
            case Compact(records):
                self.disks[name] = list(records)
                self.trace.append(f"{name} compacts its journal to {len(records)} records")
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
                self.note_answer(message.target, message.payload)
                self.trace.append(f"{name} answers {message.target} {show(message.payload)}")

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

    def ask(
        self, name: str, function: str, key: str = "", argument: Any = None, client: str = ""
    ) -> str:
        """Hand a request to a node for that client, or for one that never asked before."""
        client = client or f"c{len(self.asked) + 1}"
        self.moment += 1
        self.asked.append(Asked(client, function, key, argument, self.moment))
        self.hand_over(Message(client, name, Request(0, 1, function, key, argument)))
        return client

    def serve(self, name: str, function: str, key: str, argument: Any = None) -> Reply | Refusal:
        """Hand over a request, deliver everything, let time pass, and return the answer."""
        before = len(self.answers)
        self.ask(name, function, key, argument)
        for _ in range(100):
            self.stabilize()
            if len(self.answers) > before:
                return self.answers[-1][1]
            for node in self.live:
                for timer in [t for t in self.timers[node] if t.split(" ")[0] in ("pause", "tick")]:
                    if timer in self.timers[node]:
                        self.fire(node, timer)
        raise AssertionError("no answer came:\n" + "\n".join(self.trace[-60:]))

    # --- what a test sees -------------------------------------------------------------------------

    def note_answer(self, client: str, answer: Reply | Refusal) -> None:
        asked = next((one for one in reversed(self.asked) if one.client == client), None)
        if asked is None or asked.completed is not None:
            return
        self.moment += 1
        if isinstance(answer, Reply):
            asked.outcome, asked.result, asked.completed = Outcome.OK, answer.result, self.moment
        elif ErrorCode.of(answer.error).definite or asked.function == "read":
            asked.outcome, asked.completed = Outcome.FAIL, self.moment

    def history(self) -> tuple[Operation, ...]:
        """What the clients saw."""
        return tuple(
            asked.operation(process)
            for process, asked in enumerate(self.asked)
            if asked.function in ("read", "write", "cas")
            and not (asked.function == "read" and asked.outcome is Outcome.INFO)
        )

    def verdict(self) -> Verdict:
        return check(self.history(), MODELS["cas-register"]()).verdict

    def value_at(self, name: str, key: str) -> Any:
        return self.live[name].registers.copy_of(key).value


def show(value: Any) -> str:
    """A payload in a few words; numbers of rounds are cut to the part that counts."""
    match value:
        case Copy(tag, ballot, content, changes):
            text = f"{json.dumps(content)} at {stamp(tag)}"
            text += f"+{stamp(ballot)}" if ballot[0] else ""
            return text + (f" with {dict(changes)}" if changes else "")
        case (int(), str()):
            return stamp(value)
        case tuple():
            return "[" + ", ".join(map(show, value)) + "]"
        case Payload():
            words = []
            for field in fields(value):  # type: ignore[arg-type]
                inside = getattr(value, field.name)
                text = str(inside & 0xFFFF) if field.name == "round" else show(inside)
                if field.name == "digests":
                    text = f"{len(inside)} numbers"
                words.append(f"{field.name}={text}")
            return f"{type(value).__name__}({', '.join(words)})"
        case str():
            return value.replace("\0", "~")
        case _:
            return json.dumps(value)


def stamp(value: tuple[int, str]) -> str:
    return f"{value[0]}:{value[1]}" if value[1] else "0"


class AnyCoordinator(Ring):
    """Every node coordinates changes itself, so that they compete."""

    FORWARDS = False


class ShortJournals(AnyCoordinator):
    """Compacts its journal at nearly every beat."""

    COMPACT_RECORDS = 3
    COMPACT_FACTOR = 0
