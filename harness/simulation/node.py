"""The driver for virtual time: feeds one node and performs its effects, as `serve` does for real.

What a step persists and sends goes through the same outbox as in systems_under_test/driver.py, so
that the rule which systems rely on is the one that is simulated. Records that one turn persists are
synced as a group, and further steps go on meanwhile. A crash may come between any two effects of a
step.
"""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from harness.conditions import Weakness
from harness.simulation.clock import VirtualClock
from harness.simulation.disk import Disk
from harness.simulation.trace import Trace
from harness.simulation.world import World
from systems_under_test.node import (
    CancelTimer,
    Compact,
    Event,
    Message,
    Node,
    NodeId,
    Persist,
    Received,
    Send,
    SetTimer,
    Started,
    TimerFired,
)
from systems_under_test.outbox import Outbox

SLOW_SYNC = 100
"""A slow sync takes this many times as long as others."""


class SimulatedNode:
    """One place in the cluster: the node that runs there, if any, and what outlives it."""

    def __init__(
        self,
        name: NodeId,
        make: Callable[[], Node],
        clock: VirtualClock,
        world: World,
        disk: Disk,
        random: Random,
        trace: Trace,
        persisted: Callable[[Node], None],
        number: int,
    ) -> None:
        """`persisted` is called with the node when it starts, and after each step that persisted
        something."""
        self.name = name
        self.disk = disk
        self.node: Node | None = None
        self.paused = False
        self.failed = ""
        self.dies_after: int | None = None
        self.disk_full = False
        """Whether a fault left no space; it outlives the node."""

        self.weakness: Weakness | None = None
        self.weakness_met = 0
        """How many syncs were slow or failed, in all lives."""

        self._make = make
        self._clock = clock
        self._world = world
        self._random = random
        self.ways: Mapping[NodeId, Callable[[Message], None]] = {}
        """How to send to each other node."""

        self.elsewhere: Callable[[Message], None] = lambda message: None
        """Takes what is sent to a client, or to the node itself."""

        self._steps = trace.steps
        self._persisted = persisted
        self._rate = 1 + world.drifts_ppm[number] / 1e6 if world.drifts_ppm else 1.0
        self._offset_ns = world.offsets_ns[number] if world.offsets_ns else 0
        self._life = 0
        self._timers: dict[str, list[int]] = {}
        """When each timer is due, when its entry in the queue comes, and the entry's number."""

        self._timer_count = 0
        self._late: list[Received | tuple[str, int]] = []
        self._forget()

    def _forget(self) -> None:
        self.outbox = Outbox()
        self._turn_due = False
        self.disk_fails = False
        self._sent = self._received = self._recorded = self._fsyncs = 0

    @property
    def counters(self) -> dict[str, int]:
        """What this life of the node did, as real nodes count it."""
        return {
            "messages_sent": self._sent,
            "messages_received": self._received,
            "records": self._recorded,
            "fsyncs": self._fsyncs,
        }

    @property
    def running(self) -> bool:
        return self.node is not None

    def start(self) -> None:
        """Start a node on what the disk holds; a node that runs is left alone.

        On a damaged journal it refuses to start, as the real driver does.
        """
        if self.node is not None or self.failed or self.disk.damaged:
            return
        self._life += 1
        self._forget()
        self.dies_after = None
        self.disk.opened()
        self.node = self._make()
        self.step(Started(tuple(self.disk.durable)))

    def kill(self, _: None = None) -> None:
        """End the node as SIGKILL does."""
        if self.node is None:
            return
        self.node = None
        self.paused = False
        self._life += 1
        self._timers.clear()
        self._late.clear()
        self.disk.crash()

    def pause(self) -> None:
        if self.node is not None:
            self.paused = True

    def resume(self) -> None:
        """Go on with all that came meanwhile, in the order in which it came."""
        if not self.paused:
            return
        self.paused = False
        late, self._late = self._late, []
        for event in late:
            if isinstance(event, Received):
                self.step(event)
            else:
                self._due(event)

    def jump(self, by_ns: int) -> None:
        """Set the node's clock."""
        self._offset_ns += by_ns

    def receive(self, message: Message) -> None:
        """Take a message from a client, or from the node itself."""
        self.step(Received(message))

    def step(self, event: Event) -> None:
        """Let the node take one event, and perform what it asks for; a dead one hears nothing."""
        node = self.node
        if node is None:
            return
        if type(event) is Received:
            if self.paused:
                self._late.append(event)
                return
            self._received += 1
            message = event[0]
            source, about, persists = message[0], type(message[2]).__name__, False
        elif type(event) is TimerFired:
            about, source, persists = event.name, "", False
        else:
            about, source, persists = "started", "", True
        moment_ns = self._clock.moment_ns
        now_ns = moment_ns + self._offset_ns
        if self._rate != 1.0:
            now_ns = int(moment_ns * self._rate) + self._offset_ns
        try:
            effects: Sequence[Any] = node.step(event, now_ns)
        except AssertionError as error:
            self._fail(f"a broken invariant: {error}")
            return
        except Exception as error:
            self._fail(f"{type(error).__name__}: {error}")
            return
        if self.dies_after is not None:
            effects = effects[: self.dies_after]
        outbox = self.outbox
        # `Outbox.release` written out, and parts taken by position, which is quicker than by name:
        # a simulated run spends its time here.
        for effect in effects:
            kind = type(effect)
            if kind is Send:
                message = effect[0]
                if not (outbox.busy and outbox.holds(message)):
                    self._sent += 1
                    self.ways.get(message[1], self.elsewhere)(message)
            elif kind is SetTimer:
                self._set_timer(effect[0], effect[1])
            elif kind is Persist:
                outbox.persist(effect.record)
                persists = True
            elif kind is Compact:
                outbox.compact(effect.records)
                persists = True
            elif kind is CancelTimer:
                self._timers.pop(effect.name, None)
        self._steps.append((moment_ns, self.name, about, source))
        if persists:
            self._persisted(node)
        if self.dies_after is not None:
            self.kill()
        elif persists and outbox.busy and not self._turn_due:
            self._turn_due = True
            self._clock.at(moment_ns, self._end_turn, self._life)

    def _fail(self, why: str) -> None:
        self.failed = why
        self.kill()

    def _set_timer(self, name: str, after_ns: int) -> None:
        """A timer runs by the node's own clock, whose drift makes it early or late.

        Most timers are set again long before they run out, so an entry of the queue that comes too
        early for its timer is put off then, instead of one more being made at each setting.
        """
        if self._rate != 1.0:
            after_ns = int(after_ns / self._rate)
        due_ns = self._clock.moment_ns + after_ns
        timer = self._timers.get(name)
        if timer is None or timer[1] > due_ns:
            self._timer_count += 1
            self._timers[name] = [due_ns, due_ns, self._timer_count]
            self._clock.at(due_ns, self._due, (name, self._timer_count))
        else:
            timer[0] = due_ns

    def _due(self, entry: tuple[str, int]) -> None:
        """The entry of the queue for a timer has come."""
        name, number = entry
        # Each entry of the queue has a number of its own, so that of a timer which was cancelled,
        # or lost with a crash, is not in the table any more.
        timer = self._timers.get(name)
        if timer is None or timer[2] != number:
            return
        if timer[0] > self._clock.moment_ns:
            timer[1] = timer[0]
            self._clock.at(timer[0], self._due, (name, number))
            return
        if self.paused:
            self._late.append((name, number))
            return
        del self._timers[name]
        self.step(TimerFired(name))

    def _end_turn(self, life: int) -> None:
        if life == self._life:
            self._turn_due = False
            self._start_sync()

    def _start_sync(self) -> None:
        group = self.outbox.begin_sync()
        if group is None:
            return
        self._recorded += len(group.records)
        self._fsyncs += 1
        self.disk.write(group.records, replaces=group.replaces)
        takes_ns = self._world.sync_ns
        if self._world.slow_syncs and self._random.random() < self._world.slow_syncs:
            takes_ns *= SLOW_SYNC
        if self.weakness is not None:
            self.weakness_met += 1
            takes_ns += self.weakness.slow_ns
        self._clock.at(self._clock.moment_ns + takes_ns, self._synced, self._life)

    def _synced(self, life: int) -> None:
        if life != self._life:
            return
        weakness = self.weakness
        if self.disk_fails or self.disk_full or (weakness is not None and weakness.failing):
            # As in the real driver: a node whose journal fails stops at once and sends nothing.
            self.kill()
            return
        self.disk.synced()
        ready = self.outbox.synced()
        if self.outbox.busy:
            self._start_sync()
        self._sent += len(ready)
        for message in ready:
            self.ways.get(message.target, self.elsewhere)(message)

    def facts(self) -> dict[str, Any]:
        return self.node.facts() if self.node is not None else {}
