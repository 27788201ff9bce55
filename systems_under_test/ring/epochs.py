"""Epochs: who the members are, and so who owns which partition.

Configurations are numbered, and each differs from the one before by one node that was added or
removed. Which one follows is decided in a register of its own by the members of the one before
(`reconfiguration.py`). Every question to a replica names its epoch, and a replica answers only in
its own: to adopt an epoch is to refuse all that belongs to an earlier one.

A node adopts one configuration after the other and skips none, so it always knows from whom a
partition comes that it has to own next. Until it has it, it answers no question about it
(`transfer.py`).
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from systems_under_test.node import NodeId, Payload
from systems_under_test.quorum import majority
from systems_under_test.ring.gossip import Gossip
from systems_under_test.ring.hashing import (
    Members,
    equal_members,
    partition_of,
    placement,
    shared_partitions,
)
from systems_under_test.ring.messages import (
    Adopted,
    Alive,
    Announce,
    Configuration,
    Ready,
    Standing,
)
from systems_under_test.ring.state import EPOCH_KEY

Owners: TypeAlias = tuple[tuple[NodeId, ...], ...]
"""The replica set of each partition."""


@dataclass(slots=True)
class Awaited:
    """A partition that this node is to own and does not have yet."""

    sources: tuple[NodeId, ...]
    """Its owners in the epoch before, this node left out."""

    needed: int
    """How many of them must have told all that they hold: with this node, if it owned the partition
    and has it, a majority of the former owners."""

    complete: set[NodeId] = field(default_factory=set)


class Epochs(Gossip):
    """The configurations, from the first to the latest known, and what the node owns."""

    REPLICAS = 3
    """N of the Dynamo paper: how many nodes hold a key, where there are as many."""

    FORWARDS = True
    """Whether a request goes to the first replica of its key, so that changes of a key seldom
    compete, or is coordinated by the node that gets it. Both are right."""

    def set_up(self) -> None:
        super().set_up()
        first = equal_members(self.first_members)
        self.configurations = [Configuration(1, first)]
        self.owners = placement(first, self.REPLICAS)
        self.awaited: dict[int, Awaited] = {}
        self.cursors: dict[NodeId, tuple[int, str]] = {}
        """How far each source has come: the last key that it told, and the partition of that."""

        self.moved = 0
        """How many partitions were transferred to this node in this life."""

        self.can_tell: frozenset[int] = self.owned()
        """Partitions that the node had in the epoch before, and tells to those that await them."""

    @property
    def epoch(self) -> int:
        return self.configurations[-1].epoch

    @property
    def members(self) -> Members:
        return self.configurations[-1].members

    @property
    def next_epoch_key(self) -> str:
        """The register in which the members decide about the next configuration."""
        return f"{EPOCH_KEY}{self.epoch + 1}"

    @property
    def member_names(self) -> tuple[NodeId, ...]:
        return names_of(self.members)

    def replicas_of(self, key: str) -> tuple[NodeId, ...]:
        """A key's replica set; all members decide about the next configuration."""
        if key.startswith(EPOCH_KEY):
            return self.member_names
        return self.owners[partition_of(key)]

    def placed(self) -> frozenset[int]:
        """The partitions that this node owns, whether it has them or not."""
        return shared_partitions(self.members, self.REPLICAS, self.node_id, self.node_id)

    def owned(self) -> frozenset[int]:
        """The partitions that this node owns and has."""
        return self.placed().difference(self.awaited)

    def serves(self, key: str) -> bool:
        """Whether the node may answer for that key in this epoch."""
        return self.node_id in self.replicas_of(key) and not self.awaits(key)

    def awaits(self, key: str) -> bool:
        """Whether the key's partition has not wholly come to this node yet."""
        return not key.startswith(EPOCH_KEY) and partition_of(key) in self.awaited

    # --- adopting ---------------------------------------------------------------------------------

    def replay(self, record: Payload) -> None:
        match record:
            case Adopted(configuration):
                self.enter(configuration)
            case Ready(_, partitions):
                for partition in partitions:
                    self.awaited.pop(partition, None)
            case Standing():
                self.stand(record)
            case _:
                super().replay(record)

    def snapshot(self) -> list[Payload]:
        told = tuple(sorted(self.can_tell))
        standing = Standing(tuple(self.configurations), tuple(self.awaited), told)
        # It comes first: what is dropped on entering an epoch comes before what is held now.
        return [standing, *super().snapshot()]

    def stand(self, standing: Standing) -> None:
        """Be where the node was when its journal was compacted."""
        self.configurations = list(standing.configurations)
        self.owners = placement(self.members, self.REPLICAS)
        self.can_tell = frozenset(standing.tells)
        before = placement(self.configurations[max(0, self.epoch - 2)].members, self.REPLICAS)
        self.awaited = {
            number: self.awaiting(number, before[number]) for number in standing.awaited
        }

    def on_announce(self, announce: Announce) -> None:
        for configuration in announce.configurations:
            self.adopt(configuration)

    def adopt(self, configuration: Configuration) -> None:
        """Go on to the next epoch; what belongs to the present one is refused from now on."""
        if configuration.epoch == self.epoch + 1:
            self.enter(configuration)
            self.persist(Adopted(configuration))
            self.on_epoch()

    def on_epoch(self) -> None:
        """An epoch began; layers above add what they do then."""

    def enter(self, configuration: Configuration) -> None:
        before, placed_before, size_before = self.owners, self.placed(), len(self.members)
        self.can_tell = self.owned()
        self.configurations.append(configuration)
        self.owners = placement(configuration.members, self.REPLICAS)
        placed = self.placed()
        # Those who own the others have them: their last transfer was an epoch ago.
        for number in [*self.keys]:
            if number not in placed and number not in placed_before:
                self.drop(number)
        # Where fewer own a partition, even those who have it hear of it anew (`transfer.py`).
        fewer = len(self.members) < min(size_before, self.REPLICAS)
        self.awaited = {}
        for number in sorted(placed if fewer else placed - self.can_tell):
            if number not in placed_before:
                self.drop(number)
            self.awaited[number] = self.awaiting(number, before[number])

    def awaiting(self, partition: int, owners: tuple[NodeId, ...]) -> Awaited:
        """Await a partition from a majority of its former owners."""
        sources = tuple(node for node in owners if node != self.node_id)
        return Awaited(sources, majority(len(owners)) - (partition in self.can_tell))

    def coordinator_of(self, key: str) -> NodeId:
        """The first replica of the key that is up and can serve; this node where none seems to."""
        if not self.FORWARDS:
            return self.node_id
        replicas = self.replicas_of(key)
        return next((node for node in replicas if self.can_serve(node, replicas)), self.node_id)

    def can_serve(self, node: NodeId, replicas: tuple[NodeId, ...]) -> bool:
        """Whether a node seems to reach a majority: a link may be cut in one direction only."""
        heard = self.heard_by.get(node, replicas)
        count = sum(replica == node or replica in heard for replica in replicas)
        return node == self.node_id or (self.is_up(node) and count >= majority(len(replicas)))

    # --- telling ----------------------------------------------------------------------------------

    def is_of_this_epoch(self, peer: NodeId, epoch: int) -> bool:
        """Whether a question belongs to this epoch; whoever is behind is told what it lacks."""
        if epoch < self.epoch:
            self.announce(peer, epoch)
        elif epoch > self.epoch:
            self.send(peer, self.alive())  # It will tell us.
        return epoch == self.epoch

    def announce(self, peer: NodeId, known: int) -> None:
        """Tell a peer all configurations after the one that it knows."""
        self.send(peer, Announce(tuple(self.configurations[known:])))

    def alive(self) -> Alive:
        return Alive(self.epoch, not self.awaited, self.hears())

    def on_alive(self, peer: NodeId, alive: Alive) -> None:
        self.hear(peer)
        self.heard_by[peer] = alive.hears
        self.settled[peer] = (alive.epoch, alive.settled)
        if alive.epoch < self.epoch:
            self.announce(peer, alive.epoch)


@lru_cache(maxsize=64)
def names_of(members: Members) -> tuple[NodeId, ...]:
    return tuple(node for node, _ in members)
