"""A tape of what nodes and clients tell each other, and of what becomes of it.

The parts of a taped cluster are those of any other, with a tape beside them: they draw the same
dice and take the same steps. What is taped is shown in a run's Lamport diagram
(harness/simulation/messages.py).
"""

from collections import deque
from dataclasses import dataclass
from typing import Any

from harness.cluster import OPERATOR, WARM_UP
from harness.simulation.clock import VirtualClock
from harness.simulation.network import DirectedLink
from harness.simulation.node import SimulatedNode
from systems_under_test.node import Event, Message, NodeId, Received

MESSAGES_MAX = 20_000
"""The tape is a loop: it holds this many messages, the latest ones."""

TEXT_MAX = 160
_ROLE = ("role", "term", "ballot")
"""Facts whose changes are marked."""


@dataclass(slots=True)
class Taped:
    """One message. `arrived_ns` is None for one that never arrived; `lost` says why, or is "".

    It `matters` where it changed what its receiver tells of itself, was persisted, or came from a
    client or went to one; a heartbeat mostly does not.
    """

    message: Message
    source: str
    target: str
    sent_ns: int
    arrived_ns: int | None = None
    lost: str = ""
    matters: bool = False

    def to_json(self) -> dict[str, Any]:
        text = repr(self.message.payload)
        return {
            "source": self.source,
            "target": self.target,
            "sent_ns": self.sent_ns,
            "arrived_ns": self.arrived_ns,
            "lost": self.lost,
            "matters": self.matters,
            "kind": type(self.message.payload).__name__,
            "text": text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…",
        }


class Tape:
    """The last messages of a run, and the changes of its nodes."""

    def __init__(self, *, stops_at_finding: bool = False) -> None:
        """The tape of one run; perhaps it ends the run at the first finding."""
        self.stops_at_finding = stops_at_finding
        self.messages: deque[Taped] = deque(maxlen=MESSAGES_MAX)
        self.marks: deque[dict[str, Any]] = deque(maxlen=MESSAGES_MAX)
        self.clock = VirtualClock()
        """The clock of the cluster, which sets it."""

        self.answers = 0
        self._under_way: list[Taped] = []

    def sent(self, message: Message, *, lost: str = "", copies: int = 1) -> None:
        """A node sends a message to another one."""
        for _ in range(copies):
            taped = self._note(message, message.source, message.target)
            taped.lost = lost
            if not lost:
                self._under_way.append(taped)

    def arrived(self, message: Message, *, lost: str = "") -> None:
        """A message comes to the end of its way."""
        place = next(n for n, taped in enumerate(self._under_way) if taped.message is message)
        taped = self._under_way.pop(place)
        taped.arrived_ns = self.clock.moment_ns
        taped.lost = lost

    def find(self, message: Message) -> Taped:
        """What was noted of that very message last."""
        for taped in reversed(self.messages):
            if taped.message is message:
                return taped
        return Taped(message, message.source, message.target, self.clock.moment_ns)

    def asked(self, message: Message, process: int, takes_ns: int) -> None:
        """A client's request arrives."""
        taped = self._note(message, _caller(process), message.target)
        taped.sent_ns -= takes_ns
        taped.arrived_ns = self.clock.moment_ns
        taped.matters = True

    def answered(self, message: Message, process: int, takes_ns: int) -> None:
        """A node answers a client."""
        taped = self._note(message, message.source, _caller(process))
        taped.arrived_ns = taped.sent_ns + takes_ns
        taped.matters = True
        self.answers += 1

    def mark(self, node: NodeId, text: str) -> None:
        """Something changed in a node."""
        self.marks.append({"node": node, "time_ns": self.clock.moment_ns, "text": text})

    def _note(self, message: Message, source: str, target: str) -> Taped:
        taped = Taped(message, source, target, self.clock.moment_ns)
        self.messages.append(taped)
        return taped


def _caller(process: int) -> str:
    return {WARM_UP: "warm-up", OPERATOR: "operator"}.get(process, f"process {process}")


class TapedLink(DirectedLink):
    """A link beside which a tape runs."""

    __slots__ = ("tape",)

    def __init__(self, tape: Tape, *parts: Any) -> None:
        super().__init__(*parts)
        self.tape = tape

    def send(self, message: Message) -> None:
        before = len(self._clock.queue)
        super().send(message)
        copies = len(self._clock.queue) - before
        if copies:
            self.tape.sent(message, copies=copies)
        else:
            self.tape.sent(message, lost="cut" if self.cut else "lost")

    def _arrive(self, message: Message) -> None:
        self.tape.arrived(message, lost="cut" if self.cut else "")
        super()._arrive(message)


class TapedNode(SimulatedNode):
    """A node beside which a tape runs."""

    def __init__(self, tape: Tape, *parts: Any) -> None:
        super().__init__(*parts)
        self.tape = tape

    def step(self, event: Event) -> None:
        if self.node is None and type(event) is Received:
            self.tape.find(event.message).lost = "nobody there"
        if self.node is None or self.paused:
            super().step(event)
            return
        before, done = self.facts(), (self.tape.answers, self.outbox.waiting)
        super().step(event)
        after = self.facts()
        role = [str(after[name]) for name in _ROLE if name in after]
        if role != [str(before[name]) for name in _ROLE if name in before]:
            self.tape.mark(self.name, " ".join(role))
        if type(event) is Received:
            now_done = (self.tape.answers, self.outbox.waiting)
            self.tape.find(event.message).matters |= after != before or now_done != done
        if self.failed and self.tape.stops_at_finding:
            self.tape.clock.stop()

    def start(self) -> None:
        before = self.node
        super().start()
        if self.node is not before:
            self.tape.mark(self.name, "up")

    def kill(self, _: None = None) -> None:
        if self.node is not None:
            self.tape.mark(self.name, "down")
        super().kill()

    def pause(self) -> None:
        if self.node is not None and not self.paused:
            self.tape.mark(self.name, "paused")
        super().pause()

    def resume(self) -> None:
        if self.paused:
            self.tape.mark(self.name, "up")
        super().resume()
