"""Transfer: a new owner of a partition gets it from a majority of the former ones.

**Why it is safe.** A former owner tells what it holds only after it has adopted the new epoch, from
when on it refuses all questions of the old one. So when a majority of the former owners has told, a
new owner knows of everything that was chosen in the old epoch, and of every ballot that a majority
had promised: each such majority shares a node with those that told. It keeps the highest version
and the highest promise of each key.

Configurations differ by one node. Where a partition has as many owners as before, at most one of
them is new, and once it has been told, a majority holds what was chosen: the new owner, and all of
the former majority but the one that left. Where it has fewer, because there are fewer members than
replicas wanted, that would not hold: of what two of three held, one of two would be left, and none
after the next removal. So then every owner awaits the partition, its own copies counted as those of
one former owner, and answers for it once it knows what a majority knew. The four points of
`replica.py` thus hold across the change, and a round that the change interrupts is simply asked
again of the new owners.

One thing is not the same. A copy of a *change* that came by transfer is no vote for its ballot:
the new owner copies from others what perhaps only one of them took, although a higher ballot was
promised since. It reports the copy, marked as hearsay, and a reader does not count it among those
that hold the value, but asks the new owner to take it, which its promise may forbid. A copy of a
write needs no such care, since writes compete with no ballot: to hold one is enough.

Where a majority of the former owners is itself still waiting for the partition, so is the new one.
"""

from systems_under_test.node import NodeId
from systems_under_test.ring.epochs import Epochs
from systems_under_test.ring.hashing import partition_of
from systems_under_test.ring.messages import ZERO, Entry, Fetch, Part, Ready
from systems_under_test.ring.state import EPOCH_KEY


class Transfer(Epochs):
    """Fetching awaited partitions, and telling others theirs."""

    FETCHED_AT_ONCE = 256
    """Partitions."""

    ENTRIES_AT_ONCE = 256

    PATIENCE = 2
    """After so many beats without an answer a source is asked again."""

    def set_up(self) -> None:
        super().set_up()
        self.fetched: dict[NodeId, tuple[int, int]] = {}
        """The number of the last question to each source, and the beat in which it was asked."""

    def on_epoch(self) -> None:
        super().on_epoch()
        self.cursors.clear()
        if self.awaited:
            for peer in self.peers:
                self.fetch_from(peer)

    def on_beat(self) -> None:
        super().on_beat()
        if self.awaited:
            for peer in self.peers:
                _, asked = self.fetched.get(peer, (0, -self.PATIENCE))
                if self.beats - asked >= self.PATIENCE:
                    self.fetch_from(peer)

    def fetch_from(self, source: NodeId) -> None:
        """Ask for what this source has not told yet, from the place that it has come to."""
        partitions = sorted(
            number
            for number, awaited in self.awaited.items()
            if source in awaited.sources and source not in awaited.complete
        )[: self.FETCHED_AT_ONCE]
        if partitions:
            partition, key = self.cursors.get(source, (-1, ""))
            after = key if partition == partitions[0] else ""
            number = self.fetched.get(source, (0, 0))[0] + 1
            self.fetched[source] = (number, self.beats)
            self.send(source, Fetch(self.epoch, tuple(partitions), after, number))

    def on_fetch(self, peer: NodeId, fetch: Fetch) -> None:
        """Tell the next keys in order, so that a transfer goes on where it was interrupted."""
        if not self.is_of_this_epoch(peer, fetch.epoch):
            return
        entries: list[Entry] = []
        told: list[int] = []
        after = fetch.after
        for number in fetch.partitions:
            if number not in self.can_tell:
                after = ""
                continue
            if held := self.keys.get(number):
                keys = sorted(key for key in held if key > after and not key.startswith(EPOCH_KEY))
                room = self.ENTRIES_AT_ONCE - len(entries)
                entries += (
                    Entry(key, self.promised_for(key), self.copy_of(key)) for key in keys[:room]
                )
                if len(keys) > room:
                    break
            told.append(number)
            after = ""
        if entries or told:
            self.send(peer, Part(self.epoch, tuple(told), tuple(entries), fetch.number))

    def on_part(self, peer: NodeId, part: Part) -> None:
        """Take over what a former owner tells. To hear a part twice does no harm.

        It tells whole partitions (`told`) from the place on that we had come to when we asked. Only
        the answer to the last question leads to the next one: of two chains of questions each
        answer would be asked for twice, and every beat begins another one where answers are late.
        What the answer to an earlier question tells, of an earlier life even, is as true: the keys
        before its place were durable here before that question was asked.
        """
        if part.epoch != self.epoch:
            return
        for entry in part.entries:
            if partition_of(entry.key) in self.awaited:
                self.merge(entry)
        is_last = part.number == self.fetched.get(peer, (0, 0))[0]
        if part.entries and is_last:
            last = part.entries[-1].key
            self.cursors[peer] = (partition_of(last), last)
        ready = [number for number in dict.fromkeys(part.told) if self.is_complete(number, peer)]
        if ready:
            # From now on the node serves them.
            self.persist(Ready(self.epoch, tuple(ready)))
            for number in ready:
                del self.awaited[number]
            self.moved += len(ready)
        if is_last:
            self.fetch_from(peer)

    def is_complete(self, partition: int, peer: NodeId) -> bool:
        """Whether, with this peer, enough of a partition's former owners have told all."""
        awaited = self.awaited.get(partition)
        if awaited is None or peer not in awaited.sources:
            return False
        awaited.complete.add(peer)
        return len(awaited.complete) >= awaited.needed

    def merge(self, entry: Entry) -> None:
        """Know what a former owner knew of a key."""
        if entry.promised > self.promised_for(entry.key):
            self.promise(entry.key, entry.promised)
        if entry.copy.version > self.copy_of(entry.key).version:
            self.hold(entry.key, entry.copy, hearsay=entry.copy.ballot != ZERO)
