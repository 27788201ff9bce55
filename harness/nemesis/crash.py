"""Crashes: nodes killed as by SIGKILL, and started again on the journals that they left."""

from dataclasses import dataclass
from random import Random
from typing import ClassVar

from harness.cluster import Capability, Cluster
from harness.nemesis.fault import Fault, Target, choose, told


@dataclass(frozen=True, slots=True)
class Kill(Fault):
    """Kill nodes; healing starts every node that is down."""

    target: Target
    usual: ClassVar[bool] = True
    family: ClassVar[str] = "kill"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.KILL})

    @property
    def name(self) -> str:
        return f"kill-{self.target}"

    @property
    def about(self) -> str:
        return f"{self.target.about} killed, as by SIGKILL, and started again"

    @property
    def least_nodes(self) -> int:
        return self.target.least_nodes

    @property
    def at_leader(self) -> bool:
        return self.target is Target.LEADER

    async def inject(self, cluster: Cluster, random: Random) -> str:
        nodes = await choose(self.target, cluster, random)
        await cluster.kill(nodes)
        return f"killed {told(nodes)}"

    async def heal(self, cluster: Cluster) -> None:
        await cluster.start(cluster.nodes)
