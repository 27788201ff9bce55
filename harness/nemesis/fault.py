"""What a fault is: a value that can be injected into a cluster and healed again.

Faults are small frozen dataclasses written against `Cluster`, so each works in every environment
that has the capabilities it needs. A fault keeps nothing between injection and healing: healing
restores all that its family can break, and so does no harm when it comes twice.
"""

from collections.abc import Iterable
from enum import StrEnum
from random import Random
from typing import ClassVar, Protocol

from harness.cluster import Capability, Cluster
from systems_under_test.node import NodeId
from systems_under_test.quorum import majority


class Fault(Protocol):
    """One kind of trouble."""

    family: ClassVar[str]
    """Faults of one family never overlap; those of different families do."""

    @property
    def needs(self) -> frozenset[Capability]:
        """What it asks of the environment."""
        ...

    @property
    def name(self) -> str:
        """How the command line, schedules and reports call it: "isolate-leader", "kill-one"."""
        ...

    @property
    def about(self) -> str:
        """What it does, in a line."""
        ...

    @property
    def least_nodes(self) -> int:
        """In a smaller cluster the fault makes no sense."""
        ...

    @property
    def at_leader(self) -> bool:
        """Whether it is aimed at the leader."""
        ...

    async def inject(self, cluster: Cluster, random: Random) -> str:
        """Do it, and return what was done to whom, for the history."""
        ...

    async def heal(self, cluster: Cluster) -> None:
        """Undo it, whether or not it was injected."""
        ...


class Target(StrEnum):
    """Which nodes a fault hits; drawn anew at each injection."""

    ONE = "one"
    MINORITY = "minority"
    MAJORITY = "majority"
    ALL = "all"
    LEADER = "leader"

    @property
    def about(self) -> str:
        """Which nodes, in words."""
        named = {Target.ONE: "one node", Target.ALL: "all nodes", Target.LEADER: "the leader"}
        return named.get(self, f"a {self}")

    @property
    def least_nodes(self) -> int:
        """A minority that is not empty takes three nodes."""
        return 3 if self is Target.MINORITY else 1


async def choose(target: Target, cluster: Cluster, random: Random) -> tuple[NodeId, ...]:
    """Draw the nodes that `target` stands for; a random one where no node says that it leads."""
    count = len(cluster.nodes)
    match target:
        case Target.ALL:
            return cluster.nodes
        case Target.LEADER:
            leader = await cluster.leader()
            return (leader if leader is not None else random.choice(cluster.nodes),)
        case Target.ONE:
            size = 1
        case Target.MINORITY:
            size = random.randint(1, count - majority(count))
        case Target.MAJORITY:
            size = random.randint(majority(count), max(majority(count), count - 1))
    return tuple(sorted(random.sample(cluster.nodes, size)))


def told(nodes: Iterable[NodeId]) -> str:
    """Node names for a sentence: "n1, n2"."""
    return ", ".join(nodes)
