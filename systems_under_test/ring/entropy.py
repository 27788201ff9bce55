"""Anti-entropy: replicas compare what they hold, and exchange what differs (Dynamo paper, §4.7).

Two nodes compare Merkle trees over the partitions that both own. A leaf is the digest of a
partition, kept up to date by every write; an inner node is the digest of `FANOUT` leaves, and the
roots are compared side by side. So two nodes that are equal find out by one small message, and a
node that was away for long is sent what it missed and little else.

    A -> B  Digests     of all groups of partitions
    B -> A  Digests     of the partitions in each group that differs
    A -> B  Versions    of every key in a partition that differs
    B -> A  Newer       what B holds in newer versions, and which keys A has newer
    A -> B  Newer       these

What arrives is taken as if its coordinator had sent its `Put` again: a promise may forbid it, and
then a later comparison will bring what came of that. So anti-entropy needs no argument of its own.
"""

from hashlib import blake2b

from systems_under_test.node import NodeId
from systems_under_test.ring.handoff import Handoff
from systems_under_test.ring.hashing import PARTITIONS, shared_partitions
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
from systems_under_test.ring.state import EPOCH_KEY

FANOUT = 32
ALL = -1
"""Instead of the number of a group: the digests are those of all groups."""


class Entropy(Handoff):
    """Comparing with one peer after the other."""

    FIRST_BEAT = 5
    COMPARE_BEATS = 20
    """How many beats pass between two comparisons, each with a peer drawn at random."""

    GROUPS_AT_ONCE = 2
    """How many of the groups that differ are looked into in one comparison."""

    ENTRIES_IN_NEWER = 256

    def set_up(self) -> None:
        super().set_up()
        self.repaired = 0
        """How many copies anti-entropy brought to this node in this life."""

        self.behind: dict[NodeId, None] = {}
        """Peers to compare with at the next beat: the last comparison brought something."""

    def on_beat(self) -> None:
        super().on_beat()
        others = [peer for peer in self.peers if peer in self.member_names and self.is_up(peer)]
        if self.beats % self.COMPARE_BEATS == self.FIRST_BEAT and others:
            self.behind[self.random.choice(others)] = None
        behind, self.behind = self.behind, {}
        for peer in behind:
            self.compare(peer)

    def compare(self, peer: NodeId) -> None:
        groups = tuple(digest_of(self.leaves(peer, group)) for group in range(PARTITIONS // FANOUT))
        self.send(peer, Digests(self.epoch, ALL, groups))

    def leaves(self, peer: NodeId, group: int) -> tuple[int, ...]:
        """The digests of a group's partitions, 0 for those that the two nodes do not share."""
        shared = self.shared_with(peer)
        return tuple(
            self.digests.get(number, 0) if number in shared else 0
            for number in range(group * FANOUT, (group + 1) * FANOUT)
        )

    def shared_with(self, peer: NodeId) -> frozenset[int]:
        shared = shared_partitions(self.members, self.REPLICAS, self.node_id, peer)
        return shared.difference(self.awaited) if self.awaited else shared

    def on_digests(self, peer: NodeId, digests: Digests) -> None:
        if digests.epoch != self.epoch:
            return
        if digests.group == ALL:
            self.look_into(peer, digests.digests)
            return
        ours = self.leaves(peer, digests.group)
        for offset, (mine, theirs) in enumerate(zip(ours, digests.digests, strict=True)):
            number = digests.group * FANOUT + offset
            if mine != theirs and number in self.shared_with(peer):
                known = tuple(
                    Known(key, copy.tag, copy.ballot)
                    for key in self.keys.get(number, ())
                    if (copy := self.copies.get(key)) and not key.startswith(EPOCH_KEY)
                )
                self.send(peer, Versions(self.epoch, number, known))

    def look_into(self, peer: NodeId, theirs: tuple[int, ...]) -> None:
        ours = [self.leaves(peer, group) for group in range(len(theirs))]
        differing = [
            group for group, leaves in enumerate(ours) if digest_of(leaves) != theirs[group]
        ]
        for group in self.random.sample(differing, min(self.GROUPS_AT_ONCE, len(differing))):
            self.send(peer, Digests(self.epoch, group, ours[group]))

    def on_versions(self, peer: NodeId, versions: Versions) -> None:
        """Send what we hold in newer versions, and ask for what the peer does."""
        if versions.epoch != self.epoch or versions.partition not in self.shared_with(peer):
            return
        theirs = {known.key: (known.tag, known.ballot) for known in versions.known}
        newer = [
            key
            for key in self.keys.get(versions.partition, ())
            if self.copy_of(key).version > theirs.get(key, NOTHING.version)
            and not key.startswith(EPOCH_KEY)
        ]
        wanted = [key for key, version in theirs.items() if version > self.copy_of(key).version]
        self.send_newer(peer, newer, tuple(wanted))

    def send_newer(self, peer: NodeId, keys: list[str], wanted: tuple[str, ...]) -> None:
        for begin in range(0, max(len(keys), 1), self.ENTRIES_IN_NEWER):
            some = keys[begin : begin + self.ENTRIES_IN_NEWER]
            entries = tuple(Entry(key, ZERO, self.copy_of(key)) for key in some)
            if entries or wanted:
                self.send(peer, Newer(self.epoch, entries, wanted))
            wanted = ()

    def on_newer(self, peer: NodeId, newer: Newer) -> None:
        if newer.epoch != self.epoch:
            return
        for entry in newer.entries:
            if self.serves(entry.key):
                took = self.answer_to(Put(0, self.epoch, entry.key, entry.copy))
                self.repaired += isinstance(took, Taken)
                self.behind[peer] = None
        self.send_newer(peer, [key for key in newer.wanted if key in self.copies], ())


def digest_of(leaves: tuple[int, ...]) -> int:
    return int.from_bytes(blake2b(repr(leaves).encode(), digest_size=8).digest())
