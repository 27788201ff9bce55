"""The simulated network: what becomes of a message on its way.

Each directed link between nodes has its own latency, loses and doubles messages as the world says,
keeps their order or not, can be clogged, and can be cut. A message in flight on a link that is cut
is lost. Clients have links of their own, which lose nothing and keep their order.
"""

from collections.abc import Callable, Iterable
from math import log
from random import Random

from harness.clock import MILLISECOND_NS
from harness.cluster import Link
from harness.simulation.clock import VirtualClock
from harness.simulation.world import Latency, World
from systems_under_test.node import Message, NodeId

WAN_NS = (
    (1 * MILLISECOND_NS, 40 * MILLISECOND_NS, 75 * MILLISECOND_NS),
    (40 * MILLISECOND_NS, 1 * MILLISECOND_NS, 55 * MILLISECOND_NS),
    (75 * MILLISECOND_NS, 55 * MILLISECOND_NS, 1 * MILLISECOND_NS),
)
"""One way between three regions, as between the two coasts of America and Europe."""


class Network:
    """Carries messages between nodes."""

    def __init__(
        self,
        clock: VirtualClock,
        world: World,
        nodes: tuple[NodeId, ...],
        random: Random,
    ) -> None:
        self._clock = clock
        self._latency = world.latency
        self._loss = world.loss
        self._duplication = world.duplication
        self._reordering = world.reordering
        self._draw = random.random
        self.receivers: dict[NodeId, Callable[[Message], None]] = {}
        """Who takes the messages to each node."""

        self.cut: set[Link] = set()
        self._latest: dict[Link, int] = {}
        self._base_ns = {
            (one, other): latency_of(world, nodes, one, other) for one in nodes for other in nodes
        }
        self._clogs = {
            link: [clog for clog in world.clogs if (clog.source, clog.target) == link]
            for link in sorted({(clog.source, clog.target) for clog in world.clogs})
        }

    def send(self, message: Message) -> None:
        """Put a message on its way, once, twice or not at all."""
        link = message[:2]
        if link in self.cut or (self._loss and self._draw() < self._loss):
            return
        self._carry(link, message)
        if self._duplication and self._draw() < self._duplication:
            self._carry(link, message)

    def cut_links(self, links: Iterable[Link]) -> None:
        self.cut.update(links)

    def mend(self) -> None:
        self.cut.clear()

    def _carry(self, link: Link, message: Message) -> None:
        clock = self._clock
        base_ns = self._base_ns[link]
        if self._latency is Latency.CONSTANT:
            moment_ns = clock.moment_ns + base_ns
        elif self._latency is Latency.EXPONENTIAL:
            # Bounded, so that one message does not take for ever.
            drawn_ns = int(-base_ns * log(1 - self._draw()) / 2)
            moment_ns = clock.moment_ns + base_ns // 2 + min(drawn_ns, 20 * base_ns)
        else:
            moment_ns = clock.moment_ns + base_ns // 2 + int(base_ns * self._draw())
        if self._clogs:
            for clog in self._clogs.get(link, ()):
                if clog.at_ns <= moment_ns < clog.until_ns:
                    moment_ns = clog.until_ns
        if not self._reordering:
            latest_ns = self._latest.get(link, 0)
            if moment_ns < latest_ns:
                moment_ns = latest_ns
            self._latest[link] = moment_ns
        clock.at(moment_ns, self._deliver, link, message)

    def _deliver(self, link: Link, message: Message) -> None:
        if link not in self.cut:
            self.receivers[link[1]](message)


def latency_of(world: World, nodes: tuple[NodeId, ...], one: NodeId, other: NodeId) -> int:
    """What the latencies of a link are drawn around."""
    if not world.regions or one == other:
        return world.latency_ns
    return WAN_NS[world.regions[nodes.index(one)]][world.regions[nodes.index(other)]]
