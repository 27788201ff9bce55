"""The simulated network: what becomes of a message on its way.

Each directed link between nodes has its own latency, loses and doubles messages as the world says,
keeps their order or not, can be clogged, and can be cut. A message in flight on a link that is cut
is lost. Clients have links of their own, which lose nothing and keep their order.
"""

from collections.abc import Callable, Iterable, Mapping
from heapq import heappush
from math import log
from random import Random

from harness.clock import MILLISECOND_NS
from harness.cluster import Link
from harness.simulation.clock import VirtualClock
from harness.simulation.world import Clog, Latency, World
from systems_under_test.node import Message, NodeId, Received, new_tuple

WAN_NS = (
    (1 * MILLISECOND_NS, 40 * MILLISECOND_NS, 75 * MILLISECOND_NS),
    (40 * MILLISECOND_NS, 1 * MILLISECOND_NS, 55 * MILLISECOND_NS),
    (75 * MILLISECOND_NS, 55 * MILLISECOND_NS, 1 * MILLISECOND_NS),
)
"""One way between three regions, as between the two coasts of America and Europe."""


class DirectedLink:
    """Carries messages from one node to another."""

    __slots__ = (
        "_base_ns", "_clock", "_clogs", "_draw", "_duplication", "_in_order", "_latency",
        "_latest_ns", "_loss", "_receive", "cut",
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
        self._clock = clock
        self._latency = world.latency
        self._loss = world.loss
        self._duplication = world.duplication
        self._in_order = not world.reordering
        self._base_ns = base_ns
        self._clogs = tuple(clogs)
        self._draw = random.random
        self._receive = receive
        self._latest_ns = 0

    def send(self, message: Message) -> None:
        """Put a message on its way, once, twice or not at all."""
        if self.cut or (self._loss and self._draw() < self._loss):
            return
        clock = self._clock
        heappush(clock.queue, (self._arrival_ns(), clock.next_number(), self._arrive, message))
        if self._duplication and self._draw() < self._duplication:
            clock.at(self._arrival_ns(), self._arrive, message)

    def _arrival_ns(self) -> int:
        base_ns = self._base_ns
        moment_ns = self._clock.moment_ns
        if self._latency is Latency.CONSTANT:
            moment_ns += base_ns
        elif self._latency is Latency.EXPONENTIAL:
            # Bounded, so that one message does not take for ever.
            drawn_ns = int(-base_ns * log(1 - self._draw()) / 2)
            moment_ns += base_ns // 2 + min(drawn_ns, 20 * base_ns)
        else:
            moment_ns += base_ns // 2 + int(base_ns * self._draw())
        for clog in self._clogs:
            if clog.at_ns <= moment_ns < clog.until_ns:
                moment_ns = clog.until_ns
        if self._in_order:
            if moment_ns < self._latest_ns:
                return self._latest_ns
            self._latest_ns = moment_ns
        return moment_ns

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

    def mend(self) -> None:
        for link in self.links.values():
            link.cut = False


def latency_of(world: World, nodes: tuple[NodeId, ...], one: NodeId, other: NodeId) -> int:
    """What the latencies of a link are drawn around."""
    if not world.regions:
        return world.latency_ns
    return WAN_NS[world.regions[nodes.index(one)]][world.regions[nodes.index(other)]]
