"""Journals that are damaged while their nodes are down: bits flipped, or the end cut off.

A sound system does not take what is left for the whole: it refuses to start, or asks its peers.
Healing puts back what was in the journals of nodes that refused, as from a copy made before.
"""

from random import Random
from typing import ClassVar

from harness.cluster import Capability, Cluster
from harness.conditions import Corruption
from harness.nemesis.fault import NotApplied, VariedFault, Variety, choose_some, listed


class Harm(Variety):
    """What becomes of a journal."""

    FLIP = "disk-flip", "nodes killed, bits of their journals flipped, and started on that"
    TRUNCATE = "disk-truncate", "nodes killed, their journals cut short, and started on that"


class DamagedJournal(VariedFault[Harm]):
    """Kill some nodes, damage the journal of each at places of its own, and start them."""

    usual: ClassVar[bool] = False
    family: ClassVar[str] = "disk"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.DAMAGE})

    async def inject(self, cluster: Cluster, random: Random) -> str:
        nodes = await choose_some(cluster, random)
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
