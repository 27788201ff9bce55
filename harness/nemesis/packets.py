"""Packets that are late, lost, doubled or slowed down on links that are not cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from harness.clock import MILLISECOND_NS
from harness.cluster import Capability, Cluster, Link
from harness.conditions import Conditions
from harness.errors import UsageError
from harness.nemesis.fault import Fault, VariedFault, Variety, choose_some, listed
from harness.regions import REGIONS, way_ns
from systems_under_test.node import NodeId

KIB = 1 << 10


class Trouble(Variety):
    """What becomes of packets."""

    DELAY = "packet-delay", "packets late by up to 100 ms, and out of order"
    LOSS = "packet-loss", "some packets lost"
    DUPLICATION = "packet-duplication", "some messages doubled"
    CORRUPTION = "packet-corruption", "a bit of some packets flipped"
    RATE = "packet-rate", "few packets at a time"
    REGIONS = "packet-regions", "the nodes in two or three regions of the world"


class Disturbance(VariedFault[Trouble]):
    """Disturb the links of some nodes with all others, in one direction or in both."""

    usual: ClassVar[bool] = False
    family: ClassVar[str] = "packet"

    @property
    def needs(self) -> frozenset[Capability]:
        more = {
            Trouble.DUPLICATION: Capability.DUPLICATE,
            Trouble.CORRUPTION: Capability.CORRUPT,
        }.get(self.variety)
        return frozenset({Capability.PACKET, *([] if more is None else [more])})

    @property
    def least_nodes(self) -> int:
        return 2

    async def inject(self, cluster: Cluster, random: Random) -> str:
        if self.variety is Trouble.REGIONS:
            chosen = random.sample(REGIONS, random.choice((2, 3)))
            links, what = spread_out(cluster.nodes, chosen)
        else:
            nodes = await choose_some(cluster, random)
            met, which = links_of(nodes, cluster.nodes, random)
            conditions, how = drawn(self.variety, random)
            links, what = dict.fromkeys(met, conditions), f"{how} on {which}"
        await cluster.disturb(links)
        return what

    async def heal(self, cluster: Cluster) -> None:
        await cluster.disturb({})


@dataclass(frozen=True, slots=True)
class Regions(Fault):
    """The nodes in these regions, in turn: `packet-regions=europe+america-west`."""

    regions: tuple[str, ...] = REGIONS
    family: ClassVar[str] = "packet"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.PACKET})
    least_nodes: ClassVar[int] = 2

    @property
    def name(self) -> str:
        return f"{Trouble.REGIONS}={'+'.join(self.regions)}"

    @property
    def about(self) -> str:
        return f"the nodes in {' and '.join(self.regions)}, in turn"

    async def inject(self, cluster: Cluster, random: Random) -> str:
        links, what = spread_out(cluster.nodes, self.regions)
        await cluster.disturb(links)
        return what

    async def heal(self, cluster: Cluster) -> None:
        await cluster.disturb({})


def read_regions(text: str) -> Regions:
    """The fault in which nodes are in the regions that are named so, with a + between them."""
    named = tuple(text.split("+"))
    for region in named:
        if region not in REGIONS:
            raise UsageError(
                f"there is no region {region!r}; name some of {', '.join(REGIONS)}, "
                f"as in {Regions().name}"
            )
    if len(set(named)) < 2:
        raise UsageError(f"all nodes would be in {named[0]}; name another region beside it")
    return Regions(regions=named)


def drawn(trouble: Trouble, random: Random) -> tuple[Conditions, str]:
    """Conditions of that kind, and what they are in words."""
    match trouble:
        case Trouble.DELAY:
            delay = random.choice((5, 20, 50, 100))
            jitter = random.randint(0, delay)
            words = f"packets late by {delay} ms, more or less by {jitter} ms, and out of order"
            delay_ns, jitter_ns = delay * MILLISECOND_NS, jitter * MILLISECOND_NS
            return Conditions(delay_ns, jitter_ns, reorders=True), words
        case Trouble.LOSS:
            loss = random.choice((0.02, 0.1, 0.3))
            return Conditions(loss=loss), f"{loss:.0%} of packets lost"
        case Trouble.DUPLICATION:
            share = random.choice((0.05, 0.2, 0.5))
            return Conditions(duplication=share), f"{share:.0%} of messages doubled"
        case Trouble.CORRUPTION:
            share = random.choice((0.02, 0.1, 0.3))
            return Conditions(corruption=share), f"a bit flipped in {share:.0%} of packets"
        case _:
            rate = random.choice((16, 64, 256)) * KIB
            return Conditions(rate=rate), f"{rate // KIB} KiB/s"


def links_of(
    nodes: tuple[NodeId, ...], among: tuple[NodeId, ...], random: Random
) -> tuple[list[Link], str]:
    """The links of some nodes with all others and with each other; half the time both ways."""
    way = random.choice(("to and from", "to and from", "to", "from"))
    links = [
        (one, other)
        for one in among
        for other in among
        if one != other and (("from" in way and one in nodes) or (way != "from" and other in nodes))
    ]
    return links, f"links {way} {listed(nodes)}"


def spread_out(
    nodes: Sequence[NodeId], regions: Sequence[str]
) -> tuple[dict[Link, Conditions], str]:
    """The nodes in these regions, in turn, and every link as long as the way between its ends."""
    where = {node: regions[place % len(regions)] for place, node in enumerate(nodes)}
    links = {
        (one, other): Conditions(way_ns(where[one], where[other]), MILLISECOND_NS // 2)
        for one in nodes
        for other in nodes
        if one != other
    }
    return links, ", ".join(f"{node} in {region}" for node, region in where.items())
