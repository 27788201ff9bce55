"""Epochs: who the members are, and so who owns which shard.

Epochs are numbered, and the members of each differ from those of the one before by one node that
was added or removed. Which one follows is decided in a register of its own by the members of the
one before (`reconfiguration.py`). Every question to a replica names its epoch, and a replica
answers only in its own: to adopt an epoch is to refuse all that belongs to an earlier one.

A node adopts one epoch after the other and skips none, so it always knows from whom a shard comes
that it has to own next. Until it has it, it answers no question about it (`transfer.py`).
"""

from dataclasses import dataclass, field
from functools import lru_cache

from systems_under_test.node import NodeId
from systems_under_test.quorum import majority
from systems_under_test.ring.base import RingNode
from systems_under_test.ring.hashing import (
    Members,
    equal_members,
    placement,
    shard_of,
    shared_shards,
)
from systems_under_test.ring.messages import Adopted, Epoch, Ready, Standing
from systems_under_test.ring.registers import EPOCH_KEY, Registers


@dataclass(slots=True)
class Awaited:
    """A shard that this node is to own and does not have yet."""

    sources: tuple[NodeId, ...]
    """Its owners in the epoch before, this node left out."""

    needed: int
    """How many of them must have given all that they hold: with this node, if it owned the shard
    and has it, a majority of the former owners."""

    complete: set[NodeId] = field(default_factory=set)


class Epochs:
    """The epochs from the first to the latest known, and what the node owns in that one."""

    def __init__(self, node: RingNode, registers: Registers) -> None:
        self.node = node
        self.registers = registers
        self.awaited: dict[int, Awaited] = {}
        self.can_give: frozenset[int] = frozenset()
        """Shards that the node had in the epoch before, and gives to those that await them."""

        self._begin(Epoch(1, equal_members(node.first_members)), ())
        self.can_give = self.owned()

    def _begin(self, epoch: Epoch, earlier: tuple[Epoch, ...]) -> None:
        self.known = (*earlier, epoch)
        self.number = epoch.number
        self.members: Members = epoch.members
        self.member_names = names_of(epoch.members)
        self.owners = placement(epoch.members, self.node.REPLICAS)
        """The replica set of each shard."""

        self.next_key = f"{EPOCH_KEY}{epoch.number + 1}"
        """The register in which the members decide about the next epoch."""

    # --- who owns what ----------------------------------------------------------------------------

    def replicas_of(self, key: str) -> tuple[NodeId, ...]:
        """A key's replica set; all members decide about the next epoch."""
        if key.startswith(EPOCH_KEY):
            return self.member_names
        return self.owners[shard_of(key)]

    def shared_with(self, peer: NodeId) -> frozenset[int]:
        """The shards that both own and this node has; a node shares all that it has with itself."""
        shared = shared_shards(self.members, self.node.REPLICAS, self.node.node_id, peer)
        return shared.difference(self.awaited) if self.awaited else shared

    def placed(self) -> frozenset[int]:
        """The shards that this node owns, whether it has them or not."""
        own = self.node.node_id
        return shared_shards(self.members, self.node.REPLICAS, own, own)

    def owned(self) -> frozenset[int]:
        """The shards that this node owns and has."""
        return self.shared_with(self.node.node_id)

    def serves(self, key: str) -> bool:
        """Whether the node may answer for that key in this epoch."""
        return self.node.node_id in self.replicas_of(key) and not self.awaits(key)

    def awaits(self, key: str) -> bool:
        """Whether the key's shard has not wholly come to this node yet."""
        return not key.startswith(EPOCH_KEY) and shard_of(key) in self.awaited

    # --- going on ---------------------------------------------------------------------------------

    def adopt(self, epoch: Epoch) -> bool:
        """Go on to the next epoch; what belongs to the present one is refused from now on.

        False for an epoch that is not the next one.
        """
        if epoch.number != self.number + 1:
            return False
        self._enter(epoch)
        self.node.persist(Adopted(epoch))
        return True

    def _enter(self, epoch: Epoch) -> None:
        before, placed_before, size_before = self.owners, self.placed(), len(self.members)
        self.can_give = self.owned()
        self._begin(epoch, self.known)
        placed = self.placed()
        # Those who own the others have them: their last transfer was an epoch ago.
        for shard in [*self.registers.keys]:
            if shard not in placed and shard not in placed_before:
                self.registers.drop(shard)
        # Where fewer own a shard, even those who have it learn of it again (`transfer.py`).
        fewer = len(self.members) < min(size_before, self.node.REPLICAS)
        self.awaited = {}
        for shard in sorted(placed if fewer else placed - self.can_give):
            if shard not in placed_before:
                self.registers.drop(shard)
            self.awaited[shard] = self._awaiting(shard, before[shard])

    def _awaiting(self, shard: int, owners: tuple[NodeId, ...]) -> Awaited:
        """Await a shard from a majority of its former owners."""
        own = self.node.node_id
        sources = tuple([node for node in owners if node != own])
        return Awaited(sources, majority(len(owners)) - (shard in self.can_give))

    def take(self, shards: tuple[int, ...]) -> None:
        """Serve these shards, which the node awaited, from now on."""
        self.node.persist(Ready(self.number, shards))
        for shard in shards:
            del self.awaited[shard]

    # --- the journal ------------------------------------------------------------------------------

    def replay(self, record: Adopted | Ready | Standing) -> None:
        match record:
            case Adopted(epoch):
                self._enter(epoch)
            case Ready(_, shards):
                for shard in shards:
                    self.awaited.pop(shard, None)
            case Standing():
                self._stand(record)

    def standing(self) -> Standing:
        return Standing(self.known, tuple(self.awaited), tuple(sorted(self.can_give)))

    def _stand(self, standing: Standing) -> None:
        """Be where the node was when its journal was compacted."""
        *earlier, epoch = standing.epochs
        self._begin(epoch, tuple(earlier))
        self.can_give = frozenset(standing.gives)
        before = placement(self.known[max(0, self.number - 2)].members, self.node.REPLICAS)
        self.awaited = {shard: self._awaiting(shard, before[shard]) for shard in standing.awaited}


@lru_cache(maxsize=64)
def names_of(members: Members) -> tuple[NodeId, ...]:
    return tuple(node for node, _ in members)
