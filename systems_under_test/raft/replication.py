"""Log replication (§5.3) and the commit rule (§5.4.2).

The leader appends a command to its own log and sends it to the others in batches. It sends the next
batches without waiting for answers, within a bound; where a follower finds a gap or a conflict, or
does not answer, the leader goes back and sends again. To receive entries twice does no harm.
"""

from collections.abc import Iterable

from systems_under_test.led import HEARTBEAT, SILENCE
from systems_under_test.node import NodeId
from systems_under_test.raft.members import Members
from systems_under_test.raft.messages import (
    AppendAnswer,
    AppendConflict,
    Appended,
    AppendEntries,
    Entry,
    Truncated,
)
from systems_under_test.raft.snapshot import Snapshots
from systems_under_test.raft.state import Progress, Role
from systems_under_test.requests import Request
from systems_under_test.sizes import fitting


class Replication(Snapshots):
    """Bringing the leader's log to the followers, and finding out what is committed."""

    def set_up(self) -> None:
        super().set_up()
        self.acknowledged = AppendAnswer(0, 0, 0)
        """The last answer that we gave; most heartbeats are given the same one again."""

    # --- the leader -------------------------------------------------------------------------------

    def propose(self, client: NodeId, request: Request) -> None:
        """Put a client's command into the log; the client is answered once it is applied."""
        self.pending[self.log.last_index + 1] = (client, request.sequence)
        self.append_to_own_log(request)

    def append_to_own_log(self, command: Request | Members | None) -> None:
        """A leader only ever appends to its log (Leader Append-Only)."""
        assert self.role is Role.LEADER, f"a {self.role} appends a command"
        entry = Entry(self.term, command)
        self.append((entry,))
        # Durable before it is sent: those who count acknowledgements count the leader's own entry.
        self.persist(Appended(self.log.last_index, (entry,)))
        if isinstance(command, Members):
            self.follow_members(self.log.last_index)
        self.replicate(self.progress)
        self.advance_commit_index()

    def receivers(self) -> set[NodeId]:
        """Who is sent entries: all that may vote, and as long as a change of the members is not
        committed, those who could vote before it as well, so that they hear of it.
        """
        receivers = set(self.members.voters)
        if not self.change_is_committed:
            receivers.update(self.changes[-2][1].voters)
        return receivers - {self.node_id}

    def follow_members(self, next_index: int) -> None:
        """Keep account of exactly those who are sent entries; to new ones from that index on."""
        receivers = self.receivers()
        for peer in sorted(receivers - self.progress.keys()):
            self.progress[peer] = Progress(next_index)
        for peer in sorted(self.progress.keys() - receivers):
            del self.progress[peer]

    def replicate(self, peers: Iterable[NodeId]) -> None:
        """Send these peers what they need, as far as the bounds on batches in flight allow."""
        last_index = self.log.last_index
        # Peers that stand at the same place are sent the same object, so a driver encodes it once.
        batches: dict[int, AppendEntries] = {}
        for peer in peers:
            progress = self.progress[peer]
            if progress.next_index <= self.log.base_index:
                self.send_snapshot(peer)  # What it needs is gone (§7).
                continue
            limit = 1 if progress.probing else self.MAX_IN_FLIGHT
            while progress.next_index <= last_index and len(progress.in_flight) < limit:
                first = progress.next_index
                if first not in batches:
                    batches[first] = self.entries_after(first - 1, self.MAX_BATCH)
                self.send(peer, batches[first])
                progress.next_index += len(batches[first].entries)
                progress.in_flight.append((first, progress.next_index - 1))

    def send_heartbeats(self) -> None:
        """Tell every peer that we lead, and what is committed.

        A heartbeat follows the last entry known to be at the peer, so that it meets no conflict
        even when it overtakes a batch. Where that entry is gone, it follows the beginning.
        """
        heartbeats: dict[int, AppendEntries] = {}
        for peer, progress in self.progress.items():
            match_index = progress.match_index
            if match_index < self.log.base_index:
                match_index = 0
            if match_index not in heartbeats:
                heartbeats[match_index] = self.entries_after(match_index, 0)
            self.send(peer, heartbeats[match_index])

    def entries_after(self, index: int, limit: int) -> AppendEntries:
        """The message with at most that many entries that follow the index, or as many as fit."""
        entries = self.log.after(index, limit) if limit else ()
        if len(entries) > 1:
            entries = entries[: fitting(entry.command for entry in entries)]
        return AppendEntries(
            self.term,
            index,
            self.log.term_at(index) if index else 0,
            entries,
            self.commit_index,
            self.read_round,
        )

    def on_heartbeat_due(self) -> None:
        self.set_timer(HEARTBEAT, self.HEARTBEAT_NS)
        self.send_heartbeats()
        for peer, progress in self.progress.items():
            if progress.sending is not None:
                self.send_part_again(peer)
                continue
            if progress.in_flight and progress.overdue:
                oldest_lost = progress.in_flight[0][0]
                self.go_back(peer, oldest_lost)
            progress.overdue = bool(progress.in_flight)

    def on_append_answer(self, peer: NodeId, answer: AppendAnswer) -> None:
        if self.role is not Role.LEADER or answer.term < self.term:
            return
        progress = self.hear(peer, answer.read_round)
        if progress is None:
            return
        if answer.match_index > progress.match_index:  # Answers may arrive late or twice.
            if progress.sending is not None and answer.match_index >= progress.sending.last_index:
                progress.sending = None
            progress.match_index = answer.match_index
            progress.next_index = max(progress.next_index, answer.match_index + 1)
            progress.probing = progress.overdue = False
            while progress.in_flight and progress.in_flight[0][1] <= answer.match_index:
                progress.in_flight.popleft()
            if answer.match_index > self.commit_index:
                self.advance_commit_index()
            if peer in self.progress and self.role is Role.LEADER:  # A commit may remove either.
                self.replicate((peer,))
        if self.reads_asked:
            self.answer_confirmed_reads()

    def on_append_conflict(self, peer: NodeId, answer: AppendConflict) -> None:
        """The logs part before what we sent: go back, over all of a conflicting term at once.

        If we have entries of that term too, the logs part after our last one or earlier; if not,
        they part before its first one.
        """
        if self.role is not Role.LEADER or answer.term < self.term:
            return
        if self.hear(peer, answer.read_round) is None:
            return
        own_last = self.log.last_index_of(answer.conflict_term)
        self.go_back(peer, own_last + 1 if own_last else answer.first_index)
        self.answer_confirmed_reads()

    def hear(self, peer: NodeId, read_round: int) -> Progress | None:
        """Whoever answers in our term, even with a conflict, takes us for the leader.

        None for a peer that is not sent anything any more, since it was removed.
        """
        progress = self.progress.get(peer)
        if progress is not None:
            progress.heard = True
            if read_round > progress.read_round:
                progress.read_round = read_round
        return progress

    def go_back(self, peer: NodeId, index: int) -> None:
        """Send again from that index on, never what the peer is known to hold: answers may be old.

        Nor does an old answer take us forward.
        """
        progress = self.progress[peer]
        progress.next_index = max(progress.match_index + 1, min(progress.next_index, index))
        progress.in_flight.clear()
        progress.probing = True
        self.replicate((peer,))

    def advance_commit_index(self) -> None:
        """Commit what a quorum holds durably. We count ourselves only if we are a member (§6)."""
        held = {peer: progress.match_index for peer, progress in self.progress.items()}
        held[self.node_id] = self.log.last_index
        index = self.members.agreed(held)
        if index > self.commit_index and self.may_commit(index):
            self.commit(index)
            self.begin_read_round()

    def may_commit(self, index: int) -> bool:
        """Only an entry of our own term may be committed by counting (§5.4.2, Figure 8).

        A later leader may still overwrite an entry of an earlier term that is on a majority. One of
        our term on a majority keeps any candidate without it from being elected, and so commits
        everything before it as well.
        """
        return self.log.term_at(index) == self.term

    # --- the follower -----------------------------------------------------------------------------

    def on_append_entries(self, leader: NodeId, ask: AppendEntries) -> None:
        if ask.term < self.term:
            # Our term tells the sender that it leads no more.
            self.send(leader, AppendConflict(self.term, 0, 0, ask.read_round))
            return
        assert self.role is not Role.LEADER, f"{leader} and we both lead in term {self.term}"
        if self.leader == leader:
            self.set_timer(SILENCE, self.ELECTION_TIMEOUT_NS)  # As before.
        else:
            self.become_follower(ask.term, leader)
        if not self.log.has(ask.previous_index, ask.previous_term):
            self.send(leader, self.conflict_at(ask.previous_index, ask.read_round))
            return
        if ask.entries:
            self.store(ask.previous_index, ask.entries)
        # Beyond the entries of this message our log may differ from the leader's: what we hold
        # there is neither acknowledged nor committed yet.
        match_index = ask.previous_index + len(ask.entries)
        if (index := min(ask.commit_index, match_index)) > self.commit_index:
            self.commit(index)
        answer = self.acknowledged
        if (
            answer.match_index != match_index
            or answer.read_round != ask.read_round
            or answer.term != self.term
        ):
            answer = self.acknowledged = AppendAnswer(self.term, match_index, ask.read_round)
        self.send(leader, answer)

    def conflict_at(self, index: int, read_round: int) -> AppendConflict:
        """Why we cannot append after that index, with enough to skip a whole term (§5.3)."""
        if index > self.log.last_index:
            return AppendConflict(self.term, 0, self.log.last_index + 1, read_round)
        conflict_term = self.log.term_at(index)
        first_index = self.log.first_index_of(conflict_term)
        return AppendConflict(self.term, conflict_term, first_index, read_round)

    def store(self, previous_index: int, entries: tuple[Entry, ...]) -> None:
        """Make our log hold these entries after that index, durably; keep what is equal already.

        A late message with few entries must not cut off entries that a later one brought: only a
        conflict does.
        """
        for index, entry in enumerate(entries, previous_index + 1):
            if index <= self.log.base_index:
                continue  # It is gone: a snapshot holds what it did.
            if index <= self.log.last_index:
                if self.log.term_at(index) == entry.term:
                    continue
                self.truncate(index - 1)
            first_new = index
            break
        else:
            return
        new = entries[first_new - previous_index - 1 :]
        self.append(new)
        self.persist(Appended(first_new, new))

    def truncate(self, last_index: int) -> None:
        """Drop the entries that conflict with the leader's. No committed entry ever does."""
        assert last_index >= self.commit_index, (
            f"entry {last_index + 1} conflicts with the leader's, yet {self.commit_index} "
            "entries are committed"
        )
        self.log.truncate(last_index)
        self.forget_changes_after(last_index)
        self.persist(Truncated(last_index))

    # --- both -------------------------------------------------------------------------------------

    def commit(self, index: int) -> None:
        """Apply every entry up to that index, in order, and answer those who wait for them."""
        assert index <= self.log.last_index, f"{index} committed of {self.log.last_index}"
        self.commit_index = index
        while self.applied < index:
            self.applied += 1
            command = self.log[self.applied].command
            if not isinstance(command, Request):
                continue
            answer = self.machine.apply(command)
            waiting = self.pending.pop(self.applied, None)
            if waiting is not None:
                self.send(waiting[0], answer)
        self.compact_if_due()
