"""Partitions that do not hold still: nodes are cut off and let back in, in turn or again and again,
as happens where links fail slowly.
"""

from random import Random

from harness.clock import SECOND_NS
from harness.cluster import Cluster
from harness.nemesis.fault import Target, Variety, choose, listed
from harness.nemesis.partition import OfLinks, isolated

LONGEST_NS = 2 * SECOND_NS
"""How long a pattern takes at most, until what is cut stays cut."""


class Pattern(Variety):
    """How the links change."""

    FLAPPING = "partition-flapping", "one node cut off and let back in, again and again"
    SWIZZLE = (
        "partition-swizzle",
        "some nodes cut off one by one, and let back in one by one in another order",
    )


class Unsteady(OfLinks[Pattern]):
    """Change the links for a while; what is cut in the end stays so until it is healed."""

    @property
    def least_nodes(self) -> int:
        return 3

    async def inject(self, cluster: Cluster, random: Random) -> str:
        pattern = {Pattern.FLAPPING: flap, Pattern.SWIZZLE: swizzle}[self.variety]
        return await pattern(cluster, random)


async def flap(cluster: Cluster, random: Random) -> str:
    """Cut one node off and let it back in, some times; half the time it is the leader."""
    target = Target.LEADER if random.random() < 0.5 else Target.ONE
    (node,) = await choose(target, cluster, random)
    links, _ = isolated(node, cluster.nodes)
    times = random.randint(3, 8)
    for _ in range(times):
        await cluster.cut(links)
        await _wait(cluster, random, parts=2 * times)
        await cluster.mend()
        await _wait(cluster, random, parts=2 * times)
    await cluster.cut(links)
    return f"{node} cut off from all others and let back in {times} times, then cut off"


async def swizzle(cluster: Cluster, random: Random) -> str:
    """Cut some nodes off one by one, and let all but one of them back in, in another order.

    FoundationDB calls it swizzle-clogging, and finds more by it than by cuts that hold still.
    """
    chosen = random.sample(cluster.nodes, random.randint(2, len(cluster.nodes)))
    back = random.sample(chosen, len(chosen))
    for node in chosen:
        await cluster.cut(isolated(node, cluster.nodes)[0])
        await _wait(cluster, random, parts=2 * len(chosen))
    for let_in in range(1, len(back)):
        left = [link for node in back[let_in:] for link in isolated(node, cluster.nodes)[0]]
        await cluster.mend(but=left)
        await _wait(cluster, random, parts=2 * len(chosen))
    return f"{listed(chosen)} cut off in this order, then let back in, but for {back[-1]}"


async def _wait(cluster: Cluster, random: Random, parts: int) -> None:
    """Wait some time, so short that this many waits take no longer than a pattern may."""
    clock = cluster.clock
    longest_ns = LONGEST_NS // parts
    await clock.sleep_until_ns(clock.now_ns() + random.randint(longest_ns // 10, longest_ns))
