"""Nodes killed or paused: a killed one keeps its journal alone, a paused one forgets nothing."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from harness.cluster import Capability, Cluster
from harness.nemesis.fault import Fault, Target, choose, listed
from systems_under_test.node import NodeId


@dataclass(frozen=True, slots=True)
class AtNodes(Fault):
    """A fault of nodes, which are drawn at each injection."""

    target: Target
    usual: ClassVar[bool] = True
    struck: ClassVar[str]
    """What was done to them, for the history."""

    how: ClassVar[str]
    """The same, for those who choose a fault."""

    @abstractmethod
    async def strike(self, cluster: Cluster, nodes: Sequence[NodeId]) -> None:
        """Do it to these nodes."""

    async def inject(self, cluster: Cluster, random: Random) -> str:
        nodes = await choose(self.target, cluster, random)
        await self.strike(cluster, nodes)
        return f"{self.struck} {listed(nodes)}"

    @property
    def name(self) -> str:
        return f"{self.family}-{self.target}"

    @property
    def about(self) -> str:
        return f"{self.target.about} {self.how}"

    @property
    def least_nodes(self) -> int:
        return self.target.least_nodes

    @property
    def at_leader(self) -> bool:
        return self.target is Target.LEADER


@dataclass(frozen=True, slots=True)
class Kill(AtNodes):
    """Kill nodes as by SIGKILL; healing starts every node that is down."""

    family: ClassVar[str] = "kill"
    struck: ClassVar[str] = "killed"
    how: ClassVar[str] = "killed, as by SIGKILL, and started again"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.KILL})

    async def strike(self, cluster: Cluster, nodes: Sequence[NodeId]) -> None:
        await cluster.kill(nodes)

    async def heal(self, cluster: Cluster) -> None:
        await cluster.start(cluster.nodes)


@dataclass(frozen=True, slots=True)
class PowerLoss(AtNodes):
    """Cut the power of nodes: what they did not sync is gone; healing starts every node."""

    usual: ClassVar[bool] = False
    family: ClassVar[str] = "power"
    struck: ClassVar[str] = "power lost at"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.POWER})

    @property
    def about(self) -> str:
        return f"{self.target.about} without power, so that only what was synced is left"

    async def strike(self, cluster: Cluster, nodes: Sequence[NodeId]) -> None:
        await cluster.lose_power(nodes)

    async def heal(self, cluster: Cluster) -> None:
        await cluster.start(cluster.nodes)


@dataclass(frozen=True, slots=True)
class Pause(AtNodes):
    """Stop nodes for a while as by SIGSTOP; healing lets every stopped node go on."""

    family: ClassVar[str] = "pause"
    struck: ClassVar[str] = "paused"
    how: ClassVar[str] = "stopped for a while, as by SIGSTOP"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.PAUSE})

    async def strike(self, cluster: Cluster, nodes: Sequence[NodeId]) -> None:
        await cluster.pause(nodes)

    async def heal(self, cluster: Cluster) -> None:
        await cluster.resume(cluster.nodes)
