"""A network between programs that hands on every message itself, as long after as was drawn.

What nodes send each other may be late, overtaken, doubled, lost, or stopped by a link that is cut.
Clients and services are reached at once and always: to delay clients would hide violations.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from harness.clock import SECOND_NS, Clock
from harness.cluster import Link
from harness.conditions import Conditions
from harness.environments.message_log import MessageLog

_NONE = Conditions()
UNDER_WAY_BYTES = 64 << 20
"""Messages that are under way at a time; what comes on top is lost."""


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to messages between nodes: how long they take on average, exponentially
    distributed, in nanoseconds, and how many of 100 are lost, and doubled."""

    latency_ns: int = 0
    loss: float = 0.0
    duplicates: float = 0.0


@dataclass(frozen=True, slots=True)
class Letter:
    """A message on its way: the line that a node wrote, and what was read of it."""

    source: str
    target: str
    line: bytes
    body: dict[str, Any]
    sent_ns: int

    @property
    def kind(self) -> str:
        return str(self.body.get("type", "message"))[:40]


class Switchboard:
    """The links between nodes, each with dice of its own."""

    def __init__(
        self,
        weather: Weather,
        seed: int,
        clock: Clock,
        log: MessageLog,
        deliver: Callable[[Letter], str],
    ) -> None:
        """`deliver` hands a message to its target, and says why it could not, or ""."""
        self.weather = weather
        self.cut: set[Link] = set()
        self.conditions: dict[Link, Conditions] = {}
        self.sent = self.lost = self.doubled = self.stopped = self.met = 0
        self._seed = seed
        self._clock = clock
        self._log = log
        self._deliver = deliver
        self._dice: dict[Link, Random] = {}
        self._began_s: float | None = None
        self._busy_ns: dict[Link, int] = {}
        self._bytes = 0

    def send(self, letter: Letter) -> None:
        """A node sends a message to another one."""
        self.sent += 1
        link = (letter.source, letter.target)
        dice = self._dice.get(link)
        if dice is None:
            dice = self._dice[link] = Random(f"{self._seed}:link:{link[0]}:{link[1]}")
        under = self.conditions.get(link, _NONE)
        self.met += under is not _NONE
        # All are drawn for each message, so that no option shifts what the others draw.
        loss, double, delay = dice.random(), dice.random(), dice.expovariate(1.0)
        jitter = dice.uniform(-1.0, 1.0)
        if link in self.cut:
            self._lose(letter, "cut")
        elif loss < max(self.weather.loss / 100, under.loss) and link[0] != link[1]:
            self._lose(letter, "lost")
        elif self._bytes > UNDER_WAY_BYTES:
            self._lose(letter, "too many messages are under way")
        else:
            after_ns = int(self.weather.latency_ns * delay + under.jitter_ns * jitter)
            self._start(letter, self._due_ns(letter, link, under, after_ns + under.delay_ns))
            if double < max(self.weather.duplicates / 100, under.duplication):
                self.doubled += 1
                later_ns = int(self.weather.latency_ns * dice.expovariate(1.0))
                self._start(letter, letter.sent_ns + max(0, after_ns) + later_ns)

    def _due_ns(self, letter: Letter, link: Link, under: Conditions, after_ns: int) -> int:
        """When a message arrives: under conditions the link's order may hold, and its width."""
        due_ns = letter.sent_ns + max(0, after_ns)
        if under is _NONE and self.weather.latency_ns:
            return due_ns
        if under.rate or not under.reorders:
            due_ns = max(due_ns, self._busy_ns.get(link, 0) + 1)
        if under.rate:
            due_ns += len(letter.line) * SECOND_NS // under.rate
        self._busy_ns[link] = due_ns
        return due_ns

    def calm(self) -> None:
        """Lose and double nothing any more."""
        self.weather = Weather(self.weather.latency_ns)

    def _start(self, letter: Letter, due_ns: int) -> None:
        self._bytes += len(letter.line)
        loop = asyncio.get_running_loop()
        if self._began_s is None:  # When the clock stood at 0, in the loop's time.
            self._began_s = loop.time() - self._clock.now_ns() / SECOND_NS
        loop.call_at(self._began_s + due_ns / SECOND_NS, self._arrive, letter)

    def _arrive(self, letter: Letter) -> None:
        self._bytes -= len(letter.line)
        cut = (letter.source, letter.target) in self.cut
        why = "cut" if cut else self._deliver(letter)
        if why:
            self._lose(letter, why)
        else:
            self.note(letter, self._clock.now_ns(), "")

    def _lose(self, letter: Letter, why: str) -> None:
        self.lost += 1
        self.stopped += why == "cut"
        self.note(letter, None, why)

    def note(self, letter: Letter, arrived_ns: int | None, lost: str) -> None:
        """Write down what became of a message."""
        ends = (letter.source, letter.target)
        self._log.message(ends, letter.body, letter.kind, (letter.sent_ns, arrived_ns), lost)
