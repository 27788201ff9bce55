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
        arrive: Callable[[Message], None],
    ) -> None:
        self._clock = clock
        self._world = world
        self._draw = random.random
        self._arrive = arrive
        self.cut: set[Link] = set()
        self.lost = 0
        self._latest: dict[Link, int] = {}
        self._base_ns = {
            (one, other): self._latency_of(nodes, one, other) for one in nodes for other in nodes
        }
        self._clogs = {
            link: [clog for clog in world.clogs if (clog.source, clog.target) == link]
            for link in sorted({(clog.source, clog.target) for clog in world.clogs})
        }

    def send(self, message: Message) -> None:
        """Put a message on its way, once, twice or not at all."""
        world, draw = self._world, self._draw
        link = (message.source, message.target)
        if link in self.cut or (world.loss and draw() < world.loss):
            self.lost += 1
            return
        self._carry(link, message)
        if world.duplication and draw() < world.duplication:
            self._carry(link, message)

    def cut_links(self, links: Iterable[Link]) -> None:
        self.cut.update(links)

    def mend(self) -> None:
        self.cut.clear()

    def _carry(self, link: Link, message: Message) -> None:
        clock = self._clock
        moment_ns = clock.now_ns() + self._delay_ns(self._base_ns[link])
        if self._clogs:
            for clog in self._clogs.get(link, ()):
                if clog.at_ns <= moment_ns < clog.until_ns:
                    moment_ns = clog.until_ns
        if not self._world.reordering:
            moment_ns = max(moment_ns, self._latest.get(link, 0))
            self._latest[link] = moment_ns
        clock.at(moment_ns, self._deliver, link, message)

    def _deliver(self, link: Link, message: Message) -> None:
        if link in self.cut:
            self.lost += 1
        else:
            self._arrive(message)

    def _delay_ns(self, base_ns: int) -> int:
        latency = self._world.latency
        if latency is Latency.CONSTANT:
            return base_ns
        if latency is Latency.EXPONENTIAL:
            # Bounded, so that one message does not take for ever.
            part = self._draw()
            return base_ns // 2 + min(int(-base_ns * log(1 - part) / 2), 20 * base_ns)
        return base_ns // 2 + int(base_ns * self._draw())

    def _latency_of(self, nodes: tuple[NodeId, ...], one: NodeId, other: NodeId) -> int:
        regions = self._world.regions
        if not regions or one == other:
            return self._world.latency_ns
        return WAN_NS[regions[nodes.index(one)]][regions[nodes.index(other)]]
