"""Anti-entropy: replicas compare what they hold, and exchange what differs (Dynamo paper, §4.7).

Two nodes compare Merkle trees over the shards that both own. A leaf is the digest of a shard, kept
up to date by every write; an inner node is the digest of `FANOUT` leaves, and the roots are
compared side by side. So two nodes that are equal find out by one small message, and a node that
was away for long is sent what it missed and little else.

    A -> B  Digests     of all groups of shards
    B -> A  Digests     of the shards in each group that differs
    A -> B  Versions    of every key in a shard that differs
    B -> A  Newer       what B holds in newer versions, and which keys A has newer
    A -> B  Newer       these

What arrives is taken as if its coordinator had sent its `Put` again: a promise may forbid it, and
then a later comparison will bring what came of that. So anti-entropy needs no argument of its own.
"""

from hashlib import blake2b

from systems_under_test.node import NodeId
from systems_under_test.ring.base import RingNode
from systems_under_test.ring.epochs import Epochs
from systems_under_test.ring.gossip import Gossip
from systems_under_test.ring.hashing import SHARDS
from systems_under_test.ring.messages import (
    NOTHING,
    ZERO,
    Digests,
    Entry,
    Known,
    Newer,
    Put,
    Taken,
    Versions,
)
from systems_under_test.ring.registers import Registers
from systems_under_test.ring.replica import Replica

FANOUT = 32
ALL = -1
"""Instead of the number of a group: the digests are those of all groups."""


class Entropy:
    """Compares with one peer after the other."""

    def __init__(
        self,
        node: RingNode,
        registers: Registers,
        epochs: Epochs,
        gossip: Gossip,
        replica: Replica,
    ) -> None:
        self.node = node
        self.registers = registers
        self.epochs = epochs
        self.gossip = gossip
        self.replica = replica
        self.repaired = 0
        """How many copies anti-entropy brought to this node in this life."""

        self._behind: dict[NodeId, None] = {}
        """Peers to compare with at the next beat: the last comparison brought something."""

    def beat(self) -> None:
        members = self.epochs.member_names
        others = [peer for peer in self.node.peers if peer in members and self.gossip.is_up(peer)]
        if self.gossip.beats % self.node.COMPARE_BEATS == self.node.FIRST_BEAT and others:
            self._behind[self.node.random.choice(others)] = None
        behind, self._behind = self._behind, {}
        for peer in behind:
            self._compare(peer)

    def _compare(self, peer: NodeId) -> None:
        groups = tuple(digest_of(self._leaves(peer, group)) for group in range(SHARDS // FANOUT))
        self.node.send(peer, Digests(self.epochs.number, ALL, groups))

    def _leaves(self, peer: NodeId, group: int) -> tuple[int, ...]:
        """The digests of a group's shards, 0 for those that the two nodes do not share."""
        shared = self.epochs.shared_with(peer)
        return tuple(
            self.registers.digests.get(shard, 0) if shard in shared else 0
            for shard in range(group * FANOUT, (group + 1) * FANOUT)
        )

    def on_digests(self, peer: NodeId, digests: Digests) -> None:
        if digests.epoch != self.epochs.number:
            return
        if digests.group == ALL:
            self._look_into(peer, digests.digests)
            return
        ours = self._leaves(peer, digests.group)
        for offset, (mine, theirs) in enumerate(zip(ours, digests.digests, strict=True)):
            shard = digests.group * FANOUT + offset
            if mine != theirs and shard in self.epochs.shared_with(peer):
                known = tuple(
                    Known(key, copy.tag, copy.ballot)
                    for key in self.registers.keys_of(shard)
                    if (copy := self.registers.copies.get(key))
                )
                self.node.send(peer, Versions(self.epochs.number, shard, known))

    def _look_into(self, peer: NodeId, theirs: tuple[int, ...]) -> None:
        ours = [self._leaves(peer, group) for group in range(len(theirs))]
        differing = [
            group for group, leaves in enumerate(ours) if digest_of(leaves) != theirs[group]
        ]
        count = min(self.node.GROUPS_AT_ONCE, len(differing))
        for group in self.node.random.sample(differing, count):
            self.node.send(peer, Digests(self.epochs.number, group, ours[group]))

    def on_versions(self, peer: NodeId, versions: Versions) -> None:
        """Send what we hold in newer versions, and ask for what the peer does."""
        shared = self.epochs.shared_with(peer)
        if versions.epoch != self.epochs.number or versions.shard not in shared:
            return
        copy_of = self.registers.copy_of
        theirs = {known.key: (known.tag, known.ballot) for known in versions.known}
        newer = [
            key
            for key in self.registers.keys_of(versions.shard)
            if copy_of(key).version > theirs.get(key, NOTHING.version)
        ]
        wanted = [key for key, version in theirs.items() if version > copy_of(key).version]
        self._send_newer(peer, newer, tuple(wanted))

    def _send_newer(self, peer: NodeId, keys: list[str], wanted: tuple[str, ...]) -> None:
        for begin in range(0, max(len(keys), 1), self.node.ENTRIES_IN_NEWER):
            some = keys[begin : begin + self.node.ENTRIES_IN_NEWER]
            entries = tuple(Entry(key, ZERO, self.registers.copy_of(key)) for key in some)
            if entries or wanted:
                self.node.send(peer, Newer(self.epochs.number, entries, wanted))
            wanted = ()

    def on_newer(self, peer: NodeId, newer: Newer) -> None:
        if newer.epoch != self.epochs.number:
            return
        for entry in newer.entries:
            if self.epochs.serves(entry.key):
                put = Put(0, newer.epoch, entry.key, entry.copy)
                self.repaired += isinstance(self.replica.answer_to(put), Taken)
                self._behind[peer] = None
        self._send_newer(peer, [key for key in newer.wanted if key in self.registers.copies], ())


def digest_of(leaves: tuple[int, ...]) -> int:
    return int.from_bytes(blake2b(repr(leaves).encode(), digest_size=8).digest())
