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
    """A fault of nodes, drawn at each injection; healing starts every node that is down."""

    target: Target
    usual: ClassVar[bool] = True
    how: ClassVar[str]
    """What is done to them, for those who choose a fault."""

    @abstractmethod
    async def strike(self, cluster: Cluster, nodes: Sequence[NodeId], random: Random) -> str:
        """Do it to these nodes, and return what was done to them, for the history: "killed"."""

    async def inject(self, cluster: Cluster, random: Random) -> str:
        nodes = await choose(self.target, cluster, random)
        return f"{await self.strike(cluster, nodes, random)} {listed(nodes)}"

    async def heal(self, cluster: Cluster) -> None:
        await cluster.start(cluster.nodes)

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


class Kill(AtNodes):
    """Kill nodes as by SIGKILL."""

    family: ClassVar[str] = "kill"
    how: ClassVar[str] = "killed, as by SIGKILL, and started again"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.KILL})

    async def strike(self, cluster: Cluster, nodes: Sequence[NodeId], random: Random) -> str:
        await cluster.kill(nodes)
        return "killed"


class PowerLoss(AtNodes):
    """Cut the power of nodes: what they did not sync is gone."""

    usual: ClassVar[bool] = False
    family: ClassVar[str] = "power"
    how: ClassVar[str] = "without power, so that only what was synced is left"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.POWER})

    async def strike(self, cluster: Cluster, nodes: Sequence[NodeId], random: Random) -> str:
        await cluster.lose_power(nodes)
        return "power lost at"


class Pause(AtNodes):
    """Stop nodes for a while as by SIGSTOP; healing lets every stopped node go on."""

    family: ClassVar[str] = "pause"
    how: ClassVar[str] = "stopped for a while, as by SIGSTOP"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.PAUSE})

    async def strike(self, cluster: Cluster, nodes: Sequence[NodeId], random: Random) -> str:
        await cluster.pause(nodes)
        return "paused"

    async def heal(self, cluster: Cluster) -> None:
        await cluster.resume(cluster.nodes)
