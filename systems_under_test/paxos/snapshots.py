"""Snapshots: what takes the place of slots that are chosen and applied, so that logs end.

Every `SNAPSHOT_SLOTS` slots a node keeps the state that they come to, sessions and members
included, and has its journal replaced by that state, by its promise, and by its votes in later
slots ("Paxos Made Live" 5.5). To forget the votes of slots that are chosen is safe: a node that
answers a `Prepare` says up to where everything is chosen, so no proposer proposes anything there
any more; it learns.

Replicas take their snapshots after the same slots, since nothing but the log decides on it. So they
are equal, and a learner without forgotten slots may fetch each part of one from any node.
"""

from systems_under_test.kv import KeyValueMachine, joined, split
from systems_under_test.node import NodeId, Payload
from systems_under_test.paxos.learner import Learner
from systems_under_test.paxos.membership import Membership
from systems_under_test.paxos.messages import (
    Learn,
    Learned,
    Promised,
    SnapshotPart,
    Value,
    Voted,
)
from systems_under_test.paxos.state import Role


class Snapshots(Learner):
    """The last snapshot, and the one that is being fetched."""

    # --- taking one -------------------------------------------------------------------------------

    def choose(self, value: Value) -> None:
        super().choose(value)
        if self.chosen == self.next_snapshot:
            self.keep_snapshot(self.take_snapshot())

    def take_snapshot(self) -> tuple[SnapshotPart, ...]:
        parts = split(self.machine.snapshot())
        members = self.membership.to_json(self.chosen + 1)
        return tuple(
            SnapshotPart(self.chosen, number, len(parts), members, part)
            for number, part in enumerate(parts)
        )

    def keep_snapshot(self, parts: tuple[SnapshotPart, ...]) -> None:
        """The next one comes after as many slots as this one has entries, to spread its cost."""
        self.snapshot = parts
        self.next_snapshot = self.chosen + max(self.SNAPSHOT_SLOTS, self.machine.size)
        self.compaction_due = True

    def compact_if_due(self) -> None:
        """Have the journal replaced, and forget what is before the snapshot but for a remainder.

        Called at the end of a step, when all that was recorded in it is in memory as well.
        """
        if not self.compaction_due:
            return
        self.compaction_due = False
        last = max(self.forgotten, self.snapshot[0].chosen - self.KEPT_SLOTS)
        del self.values[: last - self.forgotten]
        self.forgotten = last
        self.compact(self.records())

    def records(self) -> list[Payload]:
        """Records that say all that must not be lost; the promise comes last, as the highest."""
        after = self.snapshot[0].chosen
        learned = [
            Learned(slot + 1, tuple(self.values[begin : begin + self.MAX_LEARNED]))
            for slot in range(after, self.chosen, self.MAX_LEARNED)
            for begin in [slot - self.forgotten]
        ]
        votes = (self.accepted[slot] for slot in sorted(self.accepted))
        voted = [Voted(vote.ballot, vote.slot, (vote.value,), self.chosen) for vote in votes]
        return [*self.snapshot, *learned, *voted, Promised(self.promised)]

    # --- handing it on ----------------------------------------------------------------------------

    def on_learn(self, peer: NodeId, ask: Learn) -> None:
        """Tell what is chosen from that slot on, or the snapshot where we have forgotten it."""
        if ask.first_slot > self.forgotten:
            super().on_learn(peer, ask)
            return
        same = ask.snapshot == self.snapshot[0].chosen and ask.part < len(self.snapshot)
        self.send(peer, self.snapshot[ask.part if same else 0])

    def on_snapshot_part(self, peer: NodeId, part: SnapshotPart) -> None:
        """Collect the parts in order, and be where the snapshot is once it is complete.

        One that we lead without, although it reaches beyond what was chosen before our ballot,
        says that others go on without us: then we do not lead any more.
        """
        if part.chosen <= self.chosen:
            return
        if self.role is Role.LEADER and part.chosen > self.chosen_elsewhere:
            self.follow(None)
        fetched = self.incoming[0].chosen if self.incoming else 0
        if part.chosen > fetched and part.number == 0:
            self.incoming = [part]
        elif part.chosen == fetched and part.number == len(self.incoming):
            self.incoming.append(part)
        else:
            return  # An older snapshot, or a part that came twice.
        if len(self.incoming) == part.count:
            self.install(tuple(self.incoming))
        self.ask_for_chosen(peer)

    def install(self, parts: tuple[SnapshotPart, ...]) -> None:
        """Be where the node was that took this snapshot; votes in later slots stay."""
        self.incoming = []
        self.machine = KeyValueMachine.restored(joined(part.state for part in parts))
        self.membership = Membership.of_json(parts[0].members, self.WINDOW)
        self.chosen = self.forgotten = parts[0].chosen
        self.values = []
        for slot in [slot for slot in self.accepted if slot <= self.chosen]:
            del self.accepted[slot]
        self.keep_snapshot(parts)
