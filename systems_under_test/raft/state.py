"""What a Raft node knows and how its role changes: the box "State" of Figure 2.

Term, vote, log and snapshot survive a crash, since each change of them is a record in the journal;
all else is rebuilt. The roles and the changes between them that the protocol allows are data
(`LEGAL`). Who the members are is always what the latest such entry of the log says (§6).
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from systems_under_test.confirming import Confirming
from systems_under_test.kv import KeyValueMachine, joined
from systems_under_test.led import ELECTION, HEARTBEAT, QUORUM, SILENCE
from systems_under_test.node import Json, NodeId, Payload
from systems_under_test.raft.log import Log
from systems_under_test.raft.members import Members
from systems_under_test.raft.messages import (
    Appended,
    Entry,
    LogBegins,
    SnapshotPart,
    SnapshotTaken,
    TermAndVote,
    Truncated,
)
from systems_under_test.requests import ErrorCode, Refusal


class Role(StrEnum):
    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre-candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


LEGAL: dict[Role, frozenset[Role]] = {
    Role.FOLLOWER: frozenset({Role.FOLLOWER, Role.PRE_CANDIDATE}),
    Role.PRE_CANDIDATE: frozenset({Role.FOLLOWER, Role.PRE_CANDIDATE, Role.CANDIDATE}),
    Role.CANDIDATE: frozenset({Role.FOLLOWER, Role.PRE_CANDIDATE, Role.LEADER}),
    Role.LEADER: frozenset({Role.FOLLOWER}),
}
"""The roles that may follow each role: Figure 4, with Pre-Vote before a candidacy."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What all entries up to `last_index` have made: the machine's state in parts, and members."""

    last_index: int
    last_term: int
    members: Members
    parts: tuple[Json, ...]


@dataclass(slots=True)
class Progress:
    """What the leader knows of one peer: nextIndex and matchIndex of Figure 2, and some more.

    `next_index` runs ahead of the answers, so that batches follow each other without waiting.
    """

    next_index: int
    match_index: int = 0
    in_flight: deque[tuple[int, int]] = field(default_factory=deque)
    """First and last index of each batch sent and not acknowledged, the oldest first."""

    probing: bool = True
    """Nobody knows where the logs part, or whether the peer is there: one batch at a time."""

    overdue: bool = False
    """Something was in flight at the last heartbeat, and nothing was acknowledged since."""

    heard: bool = False
    """It has answered in this term since the last check of the quorum (dissertation §6.2)."""

    read_round: int = 0
    """The last round in which it confirmed that we lead (dissertation §6.4)."""

    sending: Snapshot | None = None
    """The snapshot that it is sent, since the entries that it needs are gone (§7)."""

    next_part: int = 0


class State(Confirming):
    """The state of one node, its persistence, and the way back to being a follower."""

    MAX_BATCH = 128
    """Entries in one message."""

    MAX_IN_FLIGHT = 4
    """Batches on their way to one peer; what arrives meanwhile forms the next, larger batch."""

    MACHINE: ClassVar[type[KeyValueMachine]] = KeyValueMachine

    def set_up(self) -> None:
        super().set_up()
        # Persistent: changed together with a record in the journal.
        self.term = 0
        self.voted_for: NodeId | None = None
        self.log = Log()
        self.snapshot: Snapshot | None = None
        # What the log says of the members: each change with its index, and those before them.
        self.changes: list[tuple[int, Members]] = [(0, Members(self.first_members))]
        # Volatile on all nodes. Every committed entry is applied at once.
        self.role = Role.FOLLOWER
        self.commit_index = 0
        self.applied = 0
        self.machine = self.MACHINE()
        # Volatile on candidates.
        self.votes: set[NodeId] = set()
        # Volatile on leaders.
        self.progress: dict[NodeId, Progress] = {}
        self.pending: dict[int, tuple[NodeId, int]] = {}
        """Who waits for the entry of that index: the client and its request's sequence."""

    # --- persistence ------------------------------------------------------------------------------

    def on_start(self, stored: tuple[Payload, ...]) -> None:
        """Be a follower with the term, vote and log of before; what a snapshot holds was committed.

        The machine waits for the commits of the other entries.
        """
        parts: list[Json] = []
        for record in stored:
            match record:
                case TermAndVote(term, voted_for):
                    self.term, self.voted_for = term, voted_for
                case Truncated(last_index):
                    self.log.truncate(last_index)
                    self.forget_changes_after(last_index)
                case Appended(first_index, entries):
                    last = self.log.last_index
                    assert first_index == last + 1, f"entry {first_index} recorded after {last}"
                    self.append(entries)
                case SnapshotPart(data):
                    parts.append(data)
                case SnapshotTaken(last_index, last_term, members):
                    self.restore(Snapshot(last_index, last_term, members, tuple(parts)))
                case LogBegins(base_index, base_term, members):
                    self.log = Log(base_index, base_term)
                    self.changes = [(base_index, members)]
                case _:
                    raise AssertionError(f"the journal holds {record}, no record of Raft")
        self.await_leader()

    def restore(self, snapshot: Snapshot) -> None:
        """Let the machine be what the snapshot says."""
        self.snapshot = snapshot
        self.machine = self.MACHINE.restored(joined(snapshot.parts))
        self.commit_index = self.applied = snapshot.last_index

    def persist_term_and_vote(self) -> None:
        """Before any answer: after a restart we must not vote twice in a term (§5.2)."""
        self.persist(TermAndVote(self.term, self.voted_for))

    # --- the log and the members that it names ----------------------------------------------------

    @property
    def members(self) -> Members:
        """The members by the latest such entry in the log, committed or not (§6)."""
        return self.changes[-1][1]

    @property
    def change_is_committed(self) -> bool:
        return self.changes[-1][0] <= self.commit_index

    @property
    def may_lead(self) -> bool:
        """Whether we stand for election: a spare or a removed node does not.

        As long as the entry that removes us is not known to be committed, the others may need us
        for that: it may be in no other log yet, while they still count our vote (dissertation
        §4.2.2).
        """
        return self.node_id in self.members.voters or (
            not self.change_is_committed and self.node_id in self.changes[-2][1].voters
        )

    def append(self, entries: Iterable[Entry]) -> None:
        """Put entries at the end of the log; members count from now on."""
        for entry in entries:
            self.log.append((entry,))
            if isinstance(entry.command, Members):
                self.changes.append((self.log.last_index, entry.command))

    def forget_changes_after(self, last_index: int) -> None:
        """Go back to the members of before, where entries that changed them were cut off."""
        while self.changes[-1][0] > last_index:
            self.changes.pop()

    def members_at(self, index: int) -> Members:
        """The members that the entries up to that index say; none of those is gone."""
        return next(members for at, members in reversed(self.changes) if at <= index)

    def send_to_voters(self, payload: Payload) -> None:
        for voter in self.members.voters:
            if voter != self.node_id:
                self.send(voter, payload)

    # --- roles ------------------------------------------------------------------------------------

    def become(self, role: Role) -> None:
        assert role in LEGAL[self.role], f"a {self.role} cannot become a {role}"
        self.role = role

    def become_follower(self, term: int, leader: NodeId | None) -> None:
        """Follow that leader in that term, or nobody as long as none is known (§5.1, §5.2)."""
        assert term >= self.term, f"the term went back from {self.term} to {term}"
        if self.role is Role.LEADER:
            self.cancel_timer(HEARTBEAT)
            self.cancel_timer(QUORUM)
            self.release_clients(leader)
        self.become(Role.FOLLOWER)
        if term > self.term:
            self.term = term
            self.voted_for = None
            self.persist_term_and_vote()
        somebody_led = self.leader is not None
        self.leader = leader
        if leader is not None:
            if not somebody_led:
                self.cancel_timer(ELECTION)
            self.set_timer(SILENCE, self.ELECTION_TIMEOUT_NS)
        elif somebody_led:
            self.cancel_timer(SILENCE)
            self.await_leader()
        # Where nobody led before either, the election timer runs already, and goes on.

    def release_clients(self, leader: NodeId | None) -> None:
        """Answer those who wait for a leader that no longer leads.

        The entries in the log may still be committed by the next leader, so it is unknown what
        becomes of them. Reads had no effect and never will: their refusal is definite.
        """
        for client, sequence in self.pending.values():
            self.send(client, Refusal(sequence, ErrorCode.LEADERSHIP_LOST.word, leader))
        self.pending.clear()
        for client, request in self.reads_asked + self.reads_waiting:
            self.refuse_for_leader(client, request, leader)
        self.reads_asked, self.reads_waiting = [], []
