"""Wall clocks that are wrong: they jump, go to and fro, or run too fast or too slowly."""

from random import Random
from typing import ClassVar

from harness.clock import MILLISECOND_NS, SECOND_NS
from harness.cluster import Capability, Cluster
from harness.nemesis.fault import VariedFault, Variety, choose_some, listed
from systems_under_test.node import NodeId

LONGEST_NS = 2 * SECOND_NS
"""How long a clock goes to and fro or drifts; then it stays as it is until it is healed."""

STEPS = 20
LEAP_NS = 60 * SECOND_NS


class Wrongness(Variety):
    """How a clock is wrong."""

    JUMP = "clock-jump", "clocks set forwards or backwards, by milliseconds up to a minute"
    LEAP = "clock-leap", "the clock of one node set a minute forwards or back"
    STROBE = "clock-strobe", "clocks that go to and fro"
    DRIFT = "clock-drift", "clocks that run too fast or too slowly"


class WrongClock(VariedFault[Wrongness]):
    """Set the wall clocks of some nodes wrong; healing sets all of them right, which is a jump."""

    usual: ClassVar[bool] = False
    family: ClassVar[str] = "clock"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.CLOCK})

    async def inject(self, cluster: Cluster, random: Random) -> str:
        nodes = await choose_some(cluster, random)
        sizes = (10 * MILLISECOND_NS, 200 * MILLISECOND_NS, 5 * SECOND_NS, 60 * SECOND_NS)
        by_ns = random.choice(sizes) * random.choice((1, -1))
        amount = f"{abs(by_ns) / SECOND_NS:g} s"
        match self.variety:
            case Wrongness.JUMP:
                await cluster.skew(dict.fromkeys(nodes, by_ns))
                return f"{listed(nodes)} set {'forwards' if by_ns > 0 else 'back'} by {amount}"
            case Wrongness.LEAP:
                node, leap_ns = random.choice(cluster.nodes), random.choice((LEAP_NS, -LEAP_NS))
                await cluster.skew({node: leap_ns})
                return f"{node} set {'forwards' if leap_ns > 0 else 'back'} by a minute"
            case Wrongness.STROBE:
                await _follow(cluster, nodes, [by_ns * (step % 2) for step in range(STEPS)])
                return f"{listed(nodes)} to and fro by {amount}, then {_left(by_ns)}"
            case Wrongness.DRIFT:
                each_ns = by_ns // STEPS
                await _follow(cluster, nodes, [each_ns * (step + 1) for step in range(STEPS)])
                return f"{listed(nodes)} drifted in {LONGEST_NS // SECOND_NS} s to {_left(by_ns)}"

    async def heal(self, cluster: Cluster) -> None:
        await cluster.skew({})


async def _follow(cluster: Cluster, nodes: tuple[NodeId, ...], offsets_ns: list[int]) -> None:
    """Set the clocks off by one offset after the other."""
    clock = cluster.clock
    for offset_ns in offsets_ns:
        await cluster.skew(dict.fromkeys(nodes, offset_ns))
        await clock.sleep_until_ns(clock.now_ns() + LONGEST_NS // STEPS)


def _left(by_ns: int) -> str:
    return f"{abs(by_ns) / SECOND_NS:g} s {'ahead' if by_ns > 0 else 'behind'}"
