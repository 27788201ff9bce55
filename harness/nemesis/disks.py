"""Disks that are full, slow, or fail while their node lives."""

from abc import abstractmethod
from collections.abc import Sequence
from random import Random
from typing import ClassVar

from harness.clock import MILLISECOND_NS
from harness.cluster import Capability, Cluster
from harness.conditions import Weakness
from harness.nemesis.nodes import AtNodes
from systems_under_test.node import NodeId


class OfDisks(AtNodes):
    """A fault of disks; healing makes them sound, and starts the nodes that ended."""

    usual: ClassVar[bool] = False
    family: ClassVar[str] = "disk"
    kind: ClassVar[str]

    @property
    def name(self) -> str:
        return f"disk-{self.kind}-{self.target}"

    async def heal(self, cluster: Cluster) -> None:
        await cluster.free()


class DiskFull(OfDisks):
    """Leave no space on disks; healing gives it back."""

    kind: ClassVar[str] = "full"
    how: ClassVar[str] = "with no space left on the disk, and then space again"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.DISK})

    async def strike(self, cluster: Cluster, nodes: Sequence[NodeId], random: Random) -> str:
        await cluster.fill(nodes)
        return "no space left at"


class DiskWeakness(OfDisks):
    """Let the disks of nodes be weak."""

    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.WEAK_DISK})

    @abstractmethod
    def drawn(self, random: Random) -> tuple[Weakness, str]:
        """What is wrong with the disks, and in words."""

    async def strike(self, cluster: Cluster, nodes: Sequence[NodeId], random: Random) -> str:
        weakness, what = self.drawn(random)
        await cluster.weaken(nodes, weakness)
        return f"{what} at"


class SlowDisk(DiskWeakness):
    """Let every sync of nodes take longer."""

    kind: ClassVar[str] = "slow"
    how: ClassVar[str] = "whose every sync takes longer, by up to half a second"

    def drawn(self, random: Random) -> tuple[Weakness, str]:
        slow = random.choice((10, 50, 200, 500))
        return Weakness(slow_ns=slow * MILLISECOND_NS), f"every sync slower by {slow} ms"


class FailingDisk(DiskWeakness):
    """Let the writes or the syncs of nodes fail while they live."""

    kind: ClassVar[str] = "failing"
    how: ClassVar[str] = "whose every write or every sync fails"

    def drawn(self, random: Random) -> tuple[Weakness, str]:
        failing = random.choice(("write", "sync"))
        return Weakness(failing=failing), f"every {failing} fails"
