"""Disks that are full, slow, or fail while their node lives."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from harness.clock import MILLISECOND_NS
from harness.cluster import Capability, Cluster
from harness.conditions import Weakness
from harness.nemesis.fault import choose, listed
from harness.nemesis.nodes import AtNodes
from systems_under_test.node import NodeId


@dataclass(frozen=True, slots=True)
class DiskFull(AtNodes):
    """Leave no space on disks; healing gives it back, and starts the nodes that ended."""

    usual: ClassVar[bool] = False
    family: ClassVar[str] = "disk"
    struck: ClassVar[str] = "no space left at"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.DISK})

    @property
    def name(self) -> str:
        return f"disk-full-{self.target}"

    @property
    def about(self) -> str:
        return f"no space left on the disk of {self.target.about}, and then space again"

    async def strike(self, cluster: Cluster, nodes: Sequence[NodeId]) -> None:
        await cluster.fill(nodes)

    async def heal(self, cluster: Cluster) -> None:
        await cluster.free()


@dataclass(frozen=True, slots=True)
class DiskWeakness(AtNodes):
    """Let the disks of nodes be weak; healing makes them sound, and starts the nodes that ended."""

    usual: ClassVar[bool] = False
    family: ClassVar[str] = "disk"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.WEAK_DISK})
    kind: ClassVar[str]

    @property
    def name(self) -> str:
        return f"disk-{self.kind}-{self.target}"

    async def inject(self, cluster: Cluster, random: Random) -> str:
        nodes = await choose(self.target, cluster, random)
        weakness, what = self.drawn(random)
        await cluster.weaken(nodes, weakness)
        return f"{what} at {listed(nodes)}"

    def drawn(self, random: Random) -> tuple[Weakness, str]:
        """What is wrong with the disks, and in words."""
        raise NotImplementedError

    async def strike(self, cluster: Cluster, nodes: Sequence[NodeId]) -> None:
        raise AssertionError("a weakness is drawn first")

    async def heal(self, cluster: Cluster) -> None:
        await cluster.free()


@dataclass(frozen=True, slots=True)
class SlowDisk(DiskWeakness):
    """Let every sync of nodes take longer."""

    kind: ClassVar[str] = "slow"
    how: ClassVar[str] = "whose every sync takes longer, by up to half a second"

    def drawn(self, random: Random) -> tuple[Weakness, str]:
        slow = random.choice((10, 50, 200, 500))
        return Weakness(slow_ns=slow * MILLISECOND_NS), f"every sync slower by {slow} ms"


@dataclass(frozen=True, slots=True)
class FailingDisk(DiskWeakness):
    """Let the writes or the syncs of nodes fail while they live."""

    kind: ClassVar[str] = "failing"
    how: ClassVar[str] = "whose every write or every sync fails"

    def drawn(self, random: Random) -> tuple[Weakness, str]:
        failing = random.choice(("write", "sync"))
        return Weakness(failing=failing), f"every {failing} fails"
