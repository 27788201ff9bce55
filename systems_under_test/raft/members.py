"""Who votes: the members of a cluster, and the two sets of them while they change (§6).

A change goes through a joint phase in which elections and commits need a majority of the old
members *and* a majority of the new ones. So no two majorities of different phases can decide
without each other. Any number of nodes may come and go at once.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from systems_under_test.node import NodeId, Payload
from systems_under_test.quorum import majority


@dataclass(frozen=True, slots=True)
class Members(Payload):
    """The members, sorted; in the joint phase also those that are to follow."""

    current: tuple[NodeId, ...]
    following: tuple[NodeId, ...] = ()

    @property
    def joint(self) -> bool:
        return bool(self.following)

    @property
    def voters(self) -> tuple[NodeId, ...]:
        """Everybody whose vote may count."""
        return tuple(sorted({*self.current, *self.following})) if self.following else self.current

    def is_quorum(self, nodes: Collection[NodeId]) -> bool:
        """Whether these nodes may decide: a majority of each set."""
        return _is_majority(nodes, self.current) and (
            not self.following or _is_majority(nodes, self.following)
        )

    def agreed(self, held: Mapping[NodeId, int]) -> int:
        """The highest number that a quorum has reached; who is not named has reached 0."""
        index = _reached(held, self.current)
        return min(index, _reached(held, self.following)) if self.following else index


def _is_majority(nodes: Collection[NodeId], members: tuple[NodeId, ...]) -> bool:
    return sum(member in nodes for member in members) >= majority(len(members))


def _reached(held: Mapping[NodeId, int], members: tuple[NodeId, ...]) -> int:
    return sorted(held.get(member, 0) for member in members)[-majority(len(members))]
