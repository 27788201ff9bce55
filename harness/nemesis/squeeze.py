"""Nodes that hardly come to serve."""

from dataclasses import dataclass
from random import Random
from typing import ClassVar

from harness.clock import MILLISECOND_NS
from harness.cluster import Capability, Cluster
from harness.nemesis.fault import Fault, Target, choose, listed


@dataclass(frozen=True, slots=True)
class RestartOne(Fault):
    """One node killed and started again at once, before the others miss it."""

    family: ClassVar[str] = "squeeze"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.KILL})

    async def inject(self, cluster: Cluster, random: Random) -> str:
        (node,) = await choose(Target.ONE, cluster, random)
        await cluster.kill([node])
        await cluster.start([node])
        return f"{node} killed, and started again at once"

    async def heal(self, cluster: Cluster) -> None:
        await cluster.start(cluster.nodes)


@dataclass(frozen=True, slots=True)
class RestartLoop(Fault):
    """Nodes killed as soon as they have started, again and again, as under a supervisor."""

    family: ClassVar[str] = "squeeze"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.KILL})

    async def inject(self, cluster: Cluster, random: Random) -> str:
        targets = [target for target in Target if target.least_nodes <= len(cluster.nodes)]
        nodes = await choose(random.choice(targets), cluster, random)
        times = random.randint(3, 6)
        for _ in range(times):
            await cluster.kill(nodes)
            await cluster.start(nodes)
            pause_ns = random.randint(1, 50) * MILLISECOND_NS
            await cluster.clock.sleep_until_ns(cluster.clock.now_ns() + pause_ns)
        await cluster.kill(nodes)
        return f"{listed(nodes)} started and killed {times} times, then left down"

    async def heal(self, cluster: Cluster) -> None:
        await cluster.start(cluster.nodes)
