"""Nodes that hardly come to serve: they start again and again, are asked to end, or are slow."""

from dataclasses import dataclass
from random import Random
from typing import ClassVar

from checker.wording import plural
from harness.clock import MILLISECOND_NS, SECOND_NS
from harness.cluster import Capability, Cluster
from harness.nemesis.fault import Fault, Target, choose, choose_some, listed

KIB = 1 << 10
GRACE_NS = SECOND_NS
"""How long a node may take to end when it is asked to."""

LOOP_NS = 3 * SECOND_NS
"""How long a loop goes on at most."""


class Squeeze(Fault):
    """A fault that may leave nodes down; healing starts every one."""

    __slots__ = ()

    family: ClassVar[str] = "squeeze"

    async def heal(self, cluster: Cluster) -> None:
        await cluster.start(cluster.nodes)


@dataclass(frozen=True, slots=True)
class RestartOne(Squeeze):
    """One node killed and started again at once, before the others miss it."""

    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.KILL})

    async def inject(self, cluster: Cluster, random: Random) -> str:
        (node,) = await choose(Target.ONE, cluster, random)
        await cluster.kill([node])
        await cluster.start([node])
        return f"{node} killed, and started again at once"


@dataclass(frozen=True, slots=True)
class RestartLoop(Squeeze):
    """Nodes killed as soon as they have started, again and again, as under a supervisor."""

    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.KILL})

    async def inject(self, cluster: Cluster, random: Random) -> str:
        nodes = await choose_some(cluster, random)
        times, until_ns = random.randint(3, 6), cluster.clock.now_ns() + LOOP_NS
        for time in range(times):
            if time and cluster.clock.now_ns() > until_ns:
                times = time  # Where a start takes long, fewer make a loop.
                break
            await cluster.kill(nodes)
            await cluster.start(nodes)
            pause_ns = random.randint(1, 50) * MILLISECOND_NS
            await cluster.clock.sleep_until_ns(cluster.clock.now_ns() + pause_ns)
        await cluster.kill(nodes)
        return f"{listed(nodes)} started and killed {plural(times, 'time')}, then left down"


@dataclass(frozen=True, slots=True)
class Terminate(Squeeze):
    """Nodes asked to end, as by SIGTERM, and killed where they have not within a second."""

    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.TERMINATE})

    async def inject(self, cluster: Cluster, random: Random) -> str:
        nodes = await choose_some(cluster, random)
        await cluster.terminate(nodes, GRACE_NS)
        return f"{listed(nodes)} asked to end"


@dataclass(frozen=True, slots=True)
class SlowProcessors(Squeeze):
    """Nodes that get a fiftieth to a fifth of a processor, by their control groups."""

    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.CPU})

    async def inject(self, cluster: Cluster, random: Random) -> str:
        nodes = await choose_some(cluster, random)
        share = random.choice((0.02, 0.05, 0.2))
        await cluster.limit_processors(nodes, share)
        return f"{listed(nodes)} left {share:.0%} of a processor"

    async def heal(self, cluster: Cluster) -> None:
        await cluster.limit_processors(cluster.nodes, None)


@dataclass(frozen=True, slots=True)
class LittleMemory(Squeeze):
    """Nodes that get little memory beside what they have, by their control groups."""

    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.MEMORY})

    async def inject(self, cluster: Cluster, random: Random) -> str:
        nodes = await choose_some(cluster, random)
        room = random.choice((64, 256, 1024))
        await cluster.limit_memory(nodes, room * KIB)
        return f"{listed(nodes)} left {room} KiB of memory beside what they had"

    async def heal(self, cluster: Cluster) -> None:
        await cluster.limit_memory(cluster.nodes, None)
