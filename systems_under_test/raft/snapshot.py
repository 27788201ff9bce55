"""Log compaction: snapshots take the place of the log's first entries (§7).

Every node takes its own, of what is applied, when the log has grown enough; it replaces the journal
by the snapshot and the entries that are left. Some entries that the snapshot holds are kept all the
same, so that a follower which is a little behind is sent these. One that is further behind is sent
the snapshot, a part at a time.

A snapshot holds what is committed only, and committed entries are the same everywhere, so it
changes nothing that any node may still decide. It holds the clients' sessions as well: without them
a request that is sent again after it would take effect twice (dissertation §6.3).

Limits: what a snapshot is made of is copied within one step of the node, though not written in it.
"""

from collections.abc import Iterator

from systems_under_test.kv import split
from systems_under_test.node import Json, NodeId, Payload
from systems_under_test.raft.log import Log
from systems_under_test.raft.messages import (
    AppendAnswer,
    Appended,
    InstallSnapshot,
    LogBegins,
    SnapshotAnswer,
    SnapshotPart,
    SnapshotTaken,
    TermAndVote,
)
from systems_under_test.raft.reads import Reads
from systems_under_test.raft.state import Role, Snapshot

RECORD_ENTRIES = 1_000
"""Entries in a record of a compacted journal."""


class Snapshots(Reads):
    """Taking snapshots, sending them, and installing those of a leader."""

    COMPACT_AFTER = 10_000
    """This many applied entries in the log at least are worth a snapshot. Where the last one held
    more keys than that, as many entries are, so that writing snapshots never outweighs the log."""

    KEEP = 5_000
    """Entries that stay behind a snapshot, for followers that are a little late."""

    PART_SIZE = 500

    arriving: tuple[tuple[int, int, int], list[Json]] | None = None
    """The term, last index and last term of a snapshot that is being sent to us, and its parts."""

    # --- taking one -------------------------------------------------------------------------------

    def compact_if_due(self) -> None:
        """Take a snapshot if the log has grown enough since the last one."""
        parts = 0 if self.snapshot is None else len(self.snapshot.parts)
        due = max(self.COMPACT_AFTER, self.KEEP + parts * self.PART_SIZE)
        if self.applied - self.log.base_index >= due:
            self.take_snapshot()

    def take_snapshot(self) -> None:
        """Let a snapshot of what is applied take the place of all entries but the last `KEEP`."""
        self.snapshot = Snapshot(
            self.applied,
            self.log.term_at(self.applied),
            self.members_at(self.applied),
            split(self.machine_state(), self.PART_SIZE),
        )
        base_index = max(self.log.base_index, self.applied - self.KEEP)
        members = self.members_at(base_index)
        self.log.forget(base_index)
        self.changes = [(base_index, members)] + [
            change for change in self.changes if change[0] > base_index
        ]
        self.compact(self.records())

    def machine_state(self) -> Json:
        """What a snapshot holds of the machine."""
        return self.machine.snapshot()

    def records(self) -> Iterator[Payload]:
        """The whole durable state, as a journal that begins with a snapshot tells it."""
        snapshot, log = self.snapshot, self.log
        assert snapshot is not None, "there is no snapshot to begin with"
        yield TermAndVote(self.term, self.voted_for)
        for part in snapshot.parts:
            yield SnapshotPart(part)
        yield SnapshotTaken(snapshot.last_index, snapshot.last_term, snapshot.members)
        yield LogBegins(log.base_index, log.base_term, self.members_at(log.base_index))
        for index in range(log.base_index, log.last_index, RECORD_ENTRIES):
            yield Appended(index + 1, log.after(index, RECORD_ENTRIES))

    # --- sending one ------------------------------------------------------------------------------

    def send_snapshot(self, peer: NodeId) -> None:
        """Begin to send the latest snapshot, unless one is on its way already."""
        progress = self.progress[peer]
        if progress.sending is None:
            progress.sending, progress.next_part = self.snapshot, 0
            progress.in_flight.clear()
            self.send_part(peer)

    def send_part(self, peer: NodeId) -> None:
        progress = self.progress[peer]
        snapshot, part = progress.sending, progress.next_part
        assert snapshot is not None, f"no snapshot is on its way to {peer}"
        progress.overdue = False
        message = InstallSnapshot(
            self.term,
            snapshot.last_index,
            snapshot.last_term,
            snapshot.members,
            part,
            len(snapshot.parts),
            snapshot.parts[part],
        )
        self.send(peer, message)

    def send_part_again(self, peer: NodeId) -> None:
        """At each heartbeat: peers that have not answered since the last one get their part
        again."""
        progress = self.progress[peer]
        if progress.overdue:
            self.send_part(peer)
        progress.overdue = True

    def on_snapshot_answer(self, peer: NodeId, answer: SnapshotAnswer) -> None:
        """Send the next part. A peer that restarted holds none, and starts over; other answers that
        lead back are old.
        """
        progress = self.progress.get(peer)
        if self.role is not Role.LEADER or answer.term < self.term or progress is None:
            return
        progress.heard = True
        snapshot = progress.sending
        if snapshot is None or answer.last_index != snapshot.last_index:
            return
        forward = progress.next_part < answer.received < len(snapshot.parts)
        if forward or (answer.received == 0 and progress.next_part > 0):
            progress.next_part = answer.received
            self.send_part(peer)

    # --- installing one ---------------------------------------------------------------------------

    def on_install_snapshot(self, leader: NodeId, ask: InstallSnapshot) -> None:
        if ask.term < self.term:
            self.send(leader, SnapshotAnswer(self.term, ask.last_index, 0))
            return
        assert self.role is not Role.LEADER, f"{leader} and we both lead in term {self.term}"
        self.become_follower(ask.term, leader)
        if ask.last_index <= self.commit_index:
            # We hold all of it, and what is committed equals the leader's log.
            self.arriving = None
            self.send(leader, AppendAnswer(self.term, ask.last_index, 0))
            return
        named = (ask.term, ask.last_index, ask.last_term)
        if self.arriving is None or self.arriving[0] != named:
            self.arriving = (named, [])
        parts = self.arriving[1]
        if ask.part == len(parts):
            parts.append(ask.data)
        if len(parts) < ask.parts:
            self.send(leader, SnapshotAnswer(self.term, ask.last_index, len(parts)))
            return
        self.arriving = None
        self.install(Snapshot(ask.last_index, ask.last_term, ask.members, tuple(parts)))
        self.send(leader, AppendAnswer(self.term, ask.last_index, 0))

    def install(self, snapshot: Snapshot) -> None:
        """Take the snapshot for our state, and keep only entries that follow it (§7).

        If our log has its last entry, then it equals the leader's up to there, and what follows may
        already be acknowledged: it stays. Else all of the log is superseded.
        """
        index, term = snapshot.last_index, snapshot.last_term
        if self.log.has(index, term):
            later = [change for change in self.changes if change[0] > index]
            self.log.forget(index)
        else:
            later = []
            self.log = Log(index, term)
        self.changes = [(index, snapshot.members), *later]
        self.restore(snapshot)
        self.compact(self.records())
