"""What a fault is: a value that can be injected into a cluster and healed again.

Faults are small frozen dataclasses written against `Cluster`, so each works in every environment
that has the capabilities it needs. A fault keeps nothing between injection and healing: healing
restores all that its family can break, and so does no harm when it comes twice.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from inspect import getdoc
from random import Random
from re import sub
from typing import ClassVar, Generic, Self, TypeVar

from harness.cluster import Capability, Cluster
from systems_under_test.node import NodeId
from systems_under_test.quorum import majority


class NotApplied(Exception):
    """The fault found nothing to do, or was refused; the message says why, for the history.

    It is healed all the same, but does not count as having struck.
    """


class Fault(ABC):
    """One kind of trouble. A fault of your own says how it strikes and how it is healed; all else
    has a default."""

    __slots__ = ()

    usual: ClassVar[bool] = False
    """Whether the name of its family stands for it, and explored seeds draw it.

    A fault that is added is not usual, so that it leaves every old seed what it was; it strikes
    where it is named. Where no fault of a family is usual, its name stands for all of them."""

    @property
    def name(self) -> str:
        """How the command line, schedules and reports call it: "isolate-leader", "kill-one"."""
        return sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(self).__name__).lower()

    @property
    def family(self) -> str:
        """Faults of one family never overlap; those of different families do."""
        return self.name

    @property
    def about(self) -> str:
        """What it does, in a line."""
        return (getdoc(type(self)) or self.name).partition("\n")[0]

    @property
    def needs(self) -> frozenset[Capability]:
        """What it asks of the environment; one that cannot do that refuses the fault."""
        return frozenset()

    @property
    def least_nodes(self) -> int:
        """In a smaller cluster the fault makes no sense."""
        return 1

    @property
    def at_leader(self) -> bool:
        """Whether it is aimed at the leader."""
        return False

    async def awaited(self, cluster: Cluster, until_ns: int) -> Cluster:
        """Wait until it is time to strike, until that moment at most, else raise `NotApplied`; the
        cluster to strike, with what was learned of it."""
        return cluster

    @abstractmethod
    async def inject(self, cluster: Cluster, random: Random) -> str:
        """Do it, and return what was done to whom, for the history; else raise `NotApplied`."""

    @abstractmethod
    async def heal(self, cluster: Cluster) -> None:
        """Undo it, whether or not it was injected."""


class Variety(StrEnum):
    """Faults that one class makes: each has a name, and says in a line what it does."""

    about: str

    def __new__(cls, name: str, about: str) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.about = about
        return member


V = TypeVar("V", bound=Variety)


@dataclass(frozen=True, slots=True)
class VariedFault(Fault, Generic[V]):
    """A fault that is named and described by its variety. All of them are usual."""

    variety: V
    usual: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return self.variety.value

    @property
    def about(self) -> str:
        return self.variety.about


class Target(StrEnum):
    """Which nodes a fault hits; drawn again at each injection."""

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
    """Draw the nodes that `target` stands for; a random one where no node says that it leads. What
    is aimed at a node hits that one, with others or alone."""
    count, aim = len(cluster.nodes), cluster.aim
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
    drawn = random.sample(cluster.nodes, size)
    if aim is not None and aim not in drawn:
        drawn[0] = aim
    return tuple(sorted(drawn))


async def choose_some(cluster: Cluster, random: Random) -> tuple[NodeId, ...]:
    """Draw a target that the cluster is large enough for, and the nodes that it stands for."""
    targets = [target for target in Target if target.least_nodes <= len(cluster.nodes)]
    return await choose(random.choice(targets), cluster, random)


def listed(nodes: Iterable[NodeId]) -> str:
    """Node names for a sentence: "n1, n2"."""
    return ", ".join(nodes)
