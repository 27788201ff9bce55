"""The simulated network: what becomes of a message on its way.

Each directed link between nodes has its own latency, loses and doubles messages as the world says,
keeps their order or not, can be clogged, and can be cut. A message in flight on a link that is cut
is lost. Clients have links of their own, which lose nothing and keep their order.
"""

from collections.abc import Callable, Iterable, Mapping
from heapq import heappush
from math import log
from random import Random

from harness.clock import SECOND_NS
from harness.cluster import Link
from harness.conditions import Conditions
from harness.regions import WAN_NS
from harness.simulation.clock import VirtualClock
from harness.simulation.world import LASTING_LOSS, Clog, Latency, World
from systems_under_test.node import Message, NodeId, Received, new_tuple

MESSAGE_BYTES = 500
"""What a message counts for on a link of a limited rate."""


class DirectedLink:
    """Carries messages from one node to another."""

    __slots__ = (
        "_base_ns", "_clock", "_clogs", "_draw", "_free_ns", "_in_order", "_latest_ns", "_loss",
        "_receive", "_spread_ns", "_tail_ns", "_troubled", "conditions", "cut", "met",
    )  # fmt: skip

    def __init__(
        self,
        clock: VirtualClock,
        world: World,
        base_ns: int,
        clogs: Iterable[Clog],
        random: Random,
        receive: Callable[[Received], None],
    ) -> None:
        """Latencies are drawn around `base_ns`; `clogs` are those of this link."""
        self.cut = False
        self.conditions: Conditions | None = None
        self.met = 0
        """How many messages met conditions."""

        self._free_ns = 0
        self._clock = clock
        self._base_ns, self._spread_ns, self._tail_ns = spread(world.latency, base_ns)
        self._loss = world.loss
        self._troubled = world.loss + world.duplication
        self._in_order = not world.reordering
        self._clogs = tuple(clogs)
        self._draw = random.random
        self._receive = receive
        self._latest_ns = 0

    def send(self, message: Message) -> None:
        """Put a message on its way, once, twice or not at all, with the moments of its arrival in
        the queue."""
        if self.cut:
            return
        copies, conditions = 1, self.conditions
        if conditions is not None:
            copies = self._copies_under(conditions)
        elif self._troubled:  # One draw decides: the lowest are lost, the next are doubled.
            drawn = self._draw()
            if drawn < self._troubled:
                copies = 0 if drawn < self._loss else 2
        clock = self._clock
        while copies:
            copies -= 1
            moment_ns = clock.moment_ns + self._base_ns
            if conditions is not None:
                moment_ns += self._delay_under(conditions)
            if self._spread_ns:
                moment_ns += int(self._spread_ns * self._draw())
            elif self._tail_ns:
                # Bounded, so that one message does not take for ever.
                moment_ns += int(min(-log(1 - self._draw()), 40) * self._tail_ns)
            for clog in self._clogs:
                if clog.at_ns <= moment_ns < clog.until_ns:
                    moment_ns = clog.until_ns
            if self._in_order and not (conditions is not None and conditions.reorders):
                if moment_ns < self._latest_ns:
                    moment_ns = self._latest_ns
                self._latest_ns = moment_ns
            heappush(clock.queue, (moment_ns, clock.next_number(), self._arrive, message))

    def calm(self) -> None:
        """Lose no more than a healed network does."""
        self._troubled -= self._loss
        self._loss = min(self._loss, LASTING_LOSS)
        self._troubled += self._loss

    def _copies_under(self, conditions: Conditions) -> int:
        """How many copies of a message leave under conditions of a fault, beside those of the
        world."""
        self.met += 1
        if self._draw() < max(conditions.loss, self._loss):
            return 0
        if conditions.corruption and self._draw() < conditions.corruption:
            return 0  # Its receiver's checksum tells, and throws it away.
        return 2 if self._draw() < conditions.duplication else 1

    def _delay_under(self, conditions: Conditions) -> int:
        """Nanoseconds by which conditions make one copy later."""
        late_ns = conditions.delay_ns + int(conditions.jitter_ns * (2 * self._draw() - 1))
        if conditions.rate:
            now_ns = self._clock.moment_ns
            takes_ns = MESSAGE_BYTES * SECOND_NS // conditions.rate
            self._free_ns = max(self._free_ns, now_ns) + takes_ns
            late_ns += self._free_ns - now_ns
        return max(0, late_ns)

    def _arrive(self, message: Message) -> None:
        if not self.cut:
            self._receive(new_tuple(Received, (message,)))


class Network:
    """All links between the nodes."""

    def __init__(
        self,
        clock: VirtualClock,
        world: World,
        receivers: Mapping[NodeId, Callable[[Received], None]],
        random: Random,
        make_link: Callable[..., DirectedLink] = DirectedLink,
    ) -> None:
        """`receivers` take what each node receives."""
        nodes = tuple(receivers)
        self.links = {
            (one, other): make_link(
                clock,
                world,
                latency_of(world, nodes, one, other),
                [clog for clog in world.clogs if (clog.source, clog.target) == (one, other)],
                random,
                receivers[other],
            )
            for one in nodes
            for other in nodes
            if one != other
        }

    def ways_from(self, node: NodeId) -> dict[NodeId, Callable[[Message], None]]:
        """How to send to each other node."""
        return {other: link.send for (one, other), link in self.links.items() if one == node}

    def cut_links(self, links: Iterable[Link]) -> None:
        for link in links:
            self.links[link].cut = True

    def disturb(self, links: Mapping[Link, Conditions]) -> None:
        """Put these links under conditions, and all others under none."""
        for ends, link in self.links.items():
            link.conditions = links.get(ends)

    def calm(self) -> None:
        for link in self.links.values():
            link.calm()

    def mend(self, but: Iterable[Link]) -> None:
        for link in self.links.values():
            link.cut = False
        self.cut_links(but)


def spread(latency: Latency, around_ns: int) -> tuple[int, int, int]:
    """What a message takes at least, how much more by an even chance, and what more on average by
    an exponential one."""
    if latency is Latency.CONSTANT:
        return around_ns, 0, 0
    if latency is Latency.EXPONENTIAL:
        return around_ns // 2, 0, around_ns // 2
    return around_ns // 2, around_ns, 0


def latency_of(world: World, nodes: tuple[NodeId, ...], one: NodeId, other: NodeId) -> int:
    """What the latencies of a link are drawn around."""
    if not world.regions:
        return world.latency_ns
    return WAN_NS[world.regions[nodes.index(one)]][world.regions[nodes.index(other)]]
