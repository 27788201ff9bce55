"""Journals that are damaged while their nodes are down: bits flipped, or the end cut off.

A sound system does not take what is left for the whole: it refuses to start, or asks its peers.
Healing puts back what was in the journals of nodes that refused, as from a copy made before.
"""

from dataclasses import dataclass
from random import Random
from typing import ClassVar

from harness.cluster import Capability, Cluster
from harness.conditions import Corruption
from harness.nemesis.fault import NotApplied, Target, VariedFault, Variety, choose, listed


class Harm(Variety):
    """What becomes of a journal."""

    FLIP = "disk-flip", "nodes killed, bits of their journals flipped, and started on that"
    TRUNCATE = "disk-truncate", "nodes killed, their journals cut short, and started on that"


@dataclass(frozen=True, slots=True)
class DamagedJournal(VariedFault):
    """Kill some nodes, damage the journal of each at places of its own, and start them."""

    variety: Harm
    usual: ClassVar[bool] = False
    family: ClassVar[str] = "disk"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.DAMAGE})

    async def inject(self, cluster: Cluster, random: Random) -> str:
        targets = [target for target in Target if target.least_nodes <= len(cluster.nodes)]
        nodes = await choose(random.choice(targets), cluster, random)
        cuts = self.variety is Harm.TRUNCATE
        damages = {
            node: Corruption(
                tuple(random.random() for _ in range(1 if cuts else random.randint(1, 3))), cuts
            )
            for node in nodes
        }
        told = await cluster.damage(damages)
        if not told:
            raise NotApplied(f"nothing: {listed(nodes)} had no journal yet")
        return "; ".join(told)

    async def heal(self, cluster: Cluster) -> None:
        await cluster.repair()
