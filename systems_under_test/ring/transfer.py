"""Transfer: a new owner of a shard gets it from a majority of the former ones.

**Why it is safe.** A former owner gives what it holds only after it has adopted the new epoch, from
when on it refuses all questions of the old one. So when a majority of the former owners has given,
a new owner knows of everything that was chosen in the old epoch, and of every ballot that a
majority had promised: each such majority shares a node with those that gave. It keeps the highest
version and the highest promise of each key.

Members of two epochs in a row differ by one node. Where a shard has as many owners as before, at
most one of them is new, and once it has the shard, a majority holds what was chosen: the new owner,
and all of the former majority but the one that left. Where it has fewer, because there are fewer
members than replicas wanted, that would not hold: of what two of three held, one of two would be
left, and none after the next removal. So then every owner awaits the shard, its own copies counted
as those of one former owner, and answers for it once it knows what a majority knew. The four points
of `replica.py` thus hold across the change, and a round that the change interrupts is simply asked
again of the new owners.

One thing is not the same. A copy of a *change* that came by transfer is no vote for its ballot:
the new owner copies from others what perhaps only one of them took, although a higher ballot was
promised since. It reports the copy, marked as hearsay, and a reader does not count it among those
that hold the value, but asks the new owner to take it, which its promise may forbid. A copy of a
write needs no such care, since writes compete with no ballot: to hold one is enough.

Where a majority of the former owners is itself still waiting for the shard, so is the new one.
"""

from systems_under_test.node import NodeId
from systems_under_test.ring.base import RingNode
from systems_under_test.ring.epochs import Epochs
from systems_under_test.ring.gossip import Gossip
from systems_under_test.ring.hashing import shard_of
from systems_under_test.ring.messages import ZERO, Entry, Fetch, Part
from systems_under_test.ring.registers import Registers


class Transfer:
    """Fetches the shards that a node awaits, and gives others theirs."""

    def __init__(
        self, node: RingNode, registers: Registers, epochs: Epochs, gossip: Gossip
    ) -> None:
        self.node = node
        self.registers = registers
        self.epochs = epochs
        self.gossip = gossip
        self.moved = 0
        """How many shards were transferred to this node in this life."""

        self._cursors: dict[NodeId, tuple[int, str]] = {}
        """How far each source has come: the last key that it gave, and the shard of that."""

        self._fetched: dict[NodeId, tuple[int, int]] = {}
        """The number of the last question to each source, and the beat in which it was asked."""

    def begin(self) -> None:
        """Ask for what is awaited, as an epoch has begun."""
        self._cursors.clear()
        if self.epochs.awaited:
            for peer in self.node.peers:
                self._fetch_from(peer)

    def beat(self) -> None:
        if self.epochs.awaited:
            for peer in self.node.peers:
                _, asked = self._fetched.get(peer, (0, -self.node.PATIENCE))
                if self.gossip.beats - asked >= self.node.PATIENCE:
                    self._fetch_from(peer)

    def _fetch_from(self, source: NodeId) -> None:
        """Ask for what this source has not given yet, from the place that it has come to."""
        shards = sorted(
            shard
            for shard, awaited in self.epochs.awaited.items()
            if source in awaited.sources and source not in awaited.complete
        )[: self.node.FETCHED_AT_ONCE]
        if shards:
            shard, key = self._cursors.get(source, (-1, ""))
            after = key if shard == shards[0] else ""
            number = self._fetched.get(source, (0, 0))[0] + 1
            self._fetched[source] = (number, self.gossip.beats)
            self.node.send(source, Fetch(self.epochs.number, tuple(shards), after, number))

    def on_fetch(self, peer: NodeId, fetch: Fetch) -> None:
        """Give the next keys in order, so that a transfer goes on where it was interrupted."""
        if not self.gossip.is_of_this_epoch(peer, fetch.epoch):
            return
        entries: list[Entry] = []
        complete: list[int] = []
        after = fetch.after
        for shard in fetch.shards:
            if shard not in self.epochs.can_give:
                after = ""
                continue
            if held := self.registers.keys_of(shard):
                keys = sorted(key for key in held if key > after)
                room = self.node.ENTRIES_AT_ONCE - len(entries)
                entries += map(self._entry, keys[:room])
                if len(keys) > room:
                    break
            complete.append(shard)
            after = ""
        if entries or complete:
            part = Part(self.epochs.number, tuple(complete), tuple(entries), fetch.number)
            self.node.send(peer, part)

    def _entry(self, key: str) -> Entry:
        return Entry(key, self.registers.promised_for(key), self.registers.copy_of(key))

    def on_part(self, peer: NodeId, part: Part) -> None:
        """Take over what a former owner gives. To receive a part twice does no harm.

        It gives whole shards (`complete`) from the place on that we had come to when we asked. Only
        the answer to the last question leads to the next one: of two chains of questions each
        answer would be asked for twice, and every beat begins another one where answers are late.
        What the answer to an earlier question says, of an earlier life even, is as true: the keys
        before its place were durable here before that question was asked.
        """
        if part.epoch != self.epochs.number:
            return
        for entry in part.entries:
            if shard_of(entry.key) in self.epochs.awaited:
                self._merge(entry)
        is_last = part.number == self._fetched.get(peer, (0, 0))[0]
        if part.entries and is_last:
            last = part.entries[-1].key
            self._cursors[peer] = (shard_of(last), last)
        shards = dict.fromkeys(part.complete)
        ready = tuple(shard for shard in shards if self._is_complete(shard, peer))
        if ready:
            self.epochs.take(ready)
            self.moved += len(ready)
        if is_last:
            self._fetch_from(peer)

    def _is_complete(self, shard: int, peer: NodeId) -> bool:
        """Whether, with this peer, enough of a shard's former owners have given all."""
        awaited = self.epochs.awaited.get(shard)
        if awaited is None or peer not in awaited.sources:
            return False
        awaited.complete.add(peer)
        return len(awaited.complete) >= awaited.needed

    def _merge(self, entry: Entry) -> None:
        """Know what a former owner knew of a key."""
        registers = self.registers
        if entry.promised > registers.promised_for(entry.key):
            registers.promise(entry.key, entry.promised)
        if entry.copy.version > registers.copy_of(entry.key).version:
            registers.hold(entry.key, entry.copy, hearsay=entry.copy.ballot != ZERO)
