"""Pauses: nodes stopped as by SIGSTOP, which forget nothing and go on as if no time had passed."""

from dataclasses import dataclass
from random import Random
from typing import ClassVar

from harness.cluster import Capability, Cluster
from harness.nemesis.fault import Fault, Target, choose, told


@dataclass(frozen=True, slots=True)
class Pause(Fault):
    """Stop nodes for a while; healing lets every stopped node go on."""

    target: Target
    usual: ClassVar[bool] = True
    family: ClassVar[str] = "pause"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.PAUSE})

    @property
    def name(self) -> str:
        return f"pause-{self.target}"

    @property
    def about(self) -> str:
        return f"{self.target.about} stopped for a while, as by SIGSTOP"

    @property
    def least_nodes(self) -> int:
        return self.target.least_nodes

    @property
    def at_leader(self) -> bool:
        return self.target is Target.LEADER

    async def inject(self, cluster: Cluster, random: Random) -> str:
        nodes = await choose(self.target, cluster, random)
        await cluster.pause(nodes)
        return f"paused {told(nodes)}"

    async def heal(self, cluster: Cluster) -> None:
        await cluster.resume(cluster.nodes)
