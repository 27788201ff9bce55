"""Partitions: links cut between groups of nodes. Clients reach every node all the while."""

from collections.abc import Iterable, Sequence
from random import Random
from typing import ClassVar

from harness.clock import MILLISECOND_NS, SECOND_NS
from harness.cluster import Capability, Cluster, Link
from harness.nemesis.fault import Target, V, VariedFault, Variety, choose, listed
from systems_under_test.node import NodeId
from systems_under_test.quorum import majority


class PartitionShape(Variety):
    """The pattern of links that stay."""

    HALVES = "partition-halves", "two halves, and nothing passes between them"
    ISOLATE_ONE = "isolate-one", "one node on its own"
    ISOLATE_LEADER = "isolate-leader", "the leader on its own"
    MAJORITIES_RING = (
        "partition-majorities-ring",
        "each node sees a majority, and no two the same one",
    )
    BRIDGE = "partition-bridge", "two groups that meet in one node alone"
    ONE_WAY = "partition-one-way", "one node that is not heard, or hears nothing"
    ESTRANGE_LEADERS = (
        "estrange-leaders",
        "a leader and its successor cut off from each other alone",
    )
    RANDOM = "partition-random", "any links, each in one direction or in both"


_LEAST_NODES = {
    PartitionShape.MAJORITIES_RING: 4,
    PartitionShape.BRIDGE: 3,
    PartitionShape.ESTRANGE_LEADERS: 3,
}
"""With three nodes a ring of majorities leaves every link whole; a bridge needs both its banks, and
two leaders somebody to lead."""

SUCCESSION_NS = 2 * SECOND_NS
"""The longest wait for another leader."""

SHOWN_MAX = 20
"""This many links of a random graph are named."""

LOOK_NS = 20 * MILLISECOND_NS


class OfLinks(VariedFault[V]):
    """A fault of links; healing mends them all."""

    family: ClassVar[str] = "partition"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.CUT})

    async def heal(self, cluster: Cluster) -> None:
        await cluster.mend()


class Partition(OfLinks[PartitionShape]):
    """Cut the links that its shape leaves out, in groups drawn at each injection."""

    @property
    def least_nodes(self) -> int:
        return _LEAST_NODES.get(self.variety, 2)

    @property
    def at_leader(self) -> bool:
        # An estranged leader hears the new term from the others at once, so short runs, which
        # may begin with one fault at the leader only, begin with the one that stays cut off.
        return self.variety is PartitionShape.ISOLATE_LEADER

    async def inject(self, cluster: Cluster, random: Random) -> str:
        if self.variety is PartitionShape.ESTRANGE_LEADERS:
            return await estrange_leaders(cluster, random)
        shuffled = await _shuffled(cluster, random)
        match self.variety:
            case PartitionShape.HALVES:
                links, what = halves(shuffled)
            case PartitionShape.ISOLATE_ONE:
                links, what = isolated(shuffled[0], shuffled)
            case PartitionShape.ISOLATE_LEADER:
                (leader,) = await choose(Target.LEADER, cluster, random)
                links, what = isolated(leader, shuffled)
            case PartitionShape.MAJORITIES_RING:
                links, what = majorities_ring(shuffled)
            case PartitionShape.BRIDGE:
                links, what = bridge(shuffled)
            case PartitionShape.ONE_WAY:
                links, what = one_way(shuffled[0], shuffled, outwards=random.random() < 0.5)
            case PartitionShape.RANDOM:
                links, what = scattered(shuffled, random)
        await cluster.cut(links)
        return what


async def _shuffled(cluster: Cluster, random: Random) -> list[NodeId]:
    """The nodes in random order, but first the one aimed at, or half the time the leader.

    The first node is the one that a shape treats apart: on the smaller side, at the end of the
    one-way links, in the middle of the bridge. Around the leader is where most mistakes are.
    """
    nodes = random.sample(cluster.nodes, len(cluster.nodes))
    first = cluster.aim
    if first is None and random.random() < 0.5:
        (first,) = await choose(Target.LEADER, cluster, random)
    if first is not None:
        nodes.remove(first)
        nodes.insert(0, first)
    return nodes


async def estrange_leaders(cluster: Cluster, random: Random) -> str:
    """Cut the leader off until another one leads; from then on only these two are apart.

    Partial partitions, in which others still reach both sides, are common and seldom thought of
    (Alfatafta et al., "Toward a Generic Fault Tolerance Technique for Partial Network
    Partitioning", OSDI 2020).
    """
    (old,) = await choose(Target.LEADER, cluster, random)
    others = [node for node in cluster.nodes if node != old]
    links, _ = isolated(old, cluster.nodes)
    await cluster.cut(links)
    until_ns = cluster.clock.now_ns() + SUCCESSION_NS
    new = None
    while new in (None, old) and cluster.clock.now_ns() < until_ns:
        await cluster.clock.sleep_until_ns(cluster.clock.now_ns() + LOOK_NS)
        new = await cluster.leader()
    if new is None or new == old:
        new = random.choice(others)
        led = "nobody led in its place"
    else:
        led = f"{new} led in its place"
    await cluster.mend(but=between([old], [new]))
    return f"{old} cut off until {led}; then it and {new} cut off from each other alone"


def between(left: Iterable[NodeId], right: Iterable[NodeId]) -> list[Link]:
    """Every link between two groups, in both directions."""
    right = tuple(right)
    return [link for one in left for other in right for link in ((one, other), (other, one))]


def halves(nodes: Sequence[NodeId]) -> tuple[list[Link], str]:
    """Two groups of equal size, or differing by one; nothing passes between them."""
    middle = len(nodes) // 2
    left, right = sorted(nodes[:middle]), sorted(nodes[middle:])
    return between(left, right), f"{listed(left)} cut off from {listed(right)}"


def isolated(node: NodeId, nodes: Iterable[NodeId]) -> tuple[list[Link], str]:
    """One node on its own."""
    others = sorted(other for other in nodes if other != node)
    return between([node], others), f"{node} cut off from all others"


def one_way(node: NodeId, nodes: Iterable[NodeId], outwards: bool) -> tuple[list[Link], str]:
    """One node that is heard but does not hear, or hears but is not heard (`outwards`)."""
    others = sorted(other for other in nodes if other != node)
    if outwards:
        return [(node, other) for other in others], f"nothing that {node} sends arrives"
    return [(other, node) for other in others], f"nothing that is sent to {node} arrives"


def bridge(nodes: Sequence[NodeId]) -> tuple[list[Link], str]:
    """Two groups that meet only in one node, which sees them both."""
    middle, *others = nodes
    half = len(others) // 2
    left, right = sorted(others[:half]), sorted(others[half:])
    return between(left, right), f"{listed(left)} and {listed(right)} meet only in {middle}"


def scattered(nodes: Sequence[NodeId], random: Random) -> tuple[list[Link], str]:
    """Any directed graph: each link is cut or not, and one of them at least."""
    links = [(one, other) for one in sorted(nodes) for other in sorted(nodes) if one != other]
    share = random.choice((0.2, 0.5, 0.8))
    cut = [link for link in links if random.random() < share] or [random.choice(links)]
    shown = ", ".join(f"{one} to {other}" for one, other in cut[:SHOWN_MAX])
    more = f" and {len(cut) - SHOWN_MAX} more" if len(cut) > SHOWN_MAX else ""
    return cut, f"nothing passes from {shown}{more}"


def majorities_ring(nodes: Sequence[NodeId]) -> tuple[list[Link], str]:
    """Every node sees a majority, and no two the same one: each sees its neighbours on a ring."""
    count = len(nodes)
    reach = majority(count) // 2  # Itself and `reach` neighbours on either side are a majority.
    links = [
        (nodes[i], nodes[j])
        for i in range(count)
        for j in range(count)
        if min((i - j) % count, (j - i) % count) > reach
    ]
    return links, f"each sees only its neighbours on the ring {' '.join(nodes)}"
