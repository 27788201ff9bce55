"""What a Paxos node knows, how its role changes, and its timers.

A node plays all parts of "Paxos Made Simple" at once: proposer, acceptor and learner. What the
acceptor knows survives a crash, as far as it was told to anybody; the learner's part is rebuilt
from the same journal; the proposer's is lost, and a proposer begins again with a higher ballot.

`Role` is the proposer's. The changes between roles that the protocol allows are data (`LEGAL`).
"""

from abc import abstractmethod
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from systems_under_test.confirming import Confirming
from systems_under_test.kv import KeyValueMachine
from systems_under_test.led import ELECTION, HEARTBEAT, QUORUM, SILENCE
from systems_under_test.node import NodeId
from systems_under_test.paxos.membership import Membership
from systems_under_test.paxos.messages import (
    NO_BALLOT,
    Accept,
    Ballot,
    Proposal,
    SnapshotPart,
    Value,
)
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request


class Role(StrEnum):
    FOLLOWER = "follower"
    CANVASSING = "canvassing"
    PREPARING = "preparing"
    LEADER = "leader"


LEGAL: dict[Role, frozenset[Role]] = {
    Role.FOLLOWER: frozenset({Role.FOLLOWER, Role.CANVASSING}),
    Role.CANVASSING: frozenset({Role.FOLLOWER, Role.CANVASSING, Role.PREPARING}),
    Role.PREPARING: frozenset({Role.FOLLOWER, Role.CANVASSING, Role.LEADER}),
    Role.LEADER: frozenset({Role.FOLLOWER}),
}
"""The roles that may follow each role; preparing is phase 1, and leading is phase 2."""


@dataclass(slots=True)
class Batch:
    """Values on their way through phase 2, in consecutive slots with the same acceptors."""

    accept: Accept
    members: tuple[NodeId, ...]
    votes: set[NodeId] = field(default_factory=set)
    overdue: bool = False
    """It was on its way at the last heartbeat already."""

    @property
    def last_slot(self) -> int:
        return self.accept.first_slot + len(self.accept.values) - 1


class State(Confirming):
    """The state of one node, and the way back to being a follower."""

    MAX_BATCH = 64
    """Values in one message."""

    MAX_IN_FLIGHT = 4
    """Batches in phase 2; what arrives meanwhile forms the next, larger batch."""

    WINDOW = 128
    """How far proposals may run ahead of what is chosen: α of "Paxos Made Simple", 3."""

    SNAPSHOT_SLOTS = 10_000
    """At least this many slots lie between two snapshots."""

    KEPT_SLOTS = 1_000
    """This many values before a snapshot are kept for learners that are only a little behind."""

    MAX_LEARNED = 512
    """Values in one answer to a learner."""

    MAX_BACKOFF = 4
    """How much wider the random part of the timeout becomes with failed attempts."""

    def set_up(self) -> None:
        super().set_up()
        # The acceptor's: each change is a record in the journal.
        self.promised = NO_BALLOT
        self.accepted: dict[int, Proposal] = {}
        """By slot, for the slots after `chosen` only."""

        self.votes = 0
        """How often it has accepted anything in this life."""

        # The learner's. Every value known to be chosen is applied at once, in order.
        self.chosen = 0
        """Every slot up to this one is known to be chosen."""

        self.values: list[Value] = []
        """What is chosen in the slots after `forgotten`, up to `chosen`."""

        self.forgotten = 0
        self.snapshot: tuple[SnapshotPart, ...] = ()
        self.next_snapshot = self.SNAPSHOT_SLOTS
        self.compaction_due = False
        self.incoming: list[SnapshotPart] = []
        """The first parts of a snapshot that is being fetched."""

        self.machine = KeyValueMachine()
        self.membership = Membership(self.first_members, self.WINDOW)
        self._set_up_proposer()

    def _set_up_proposer(self) -> None:
        # While it seeks to lead.
        self.role = Role.FOLLOWER
        self.ballot = NO_BALLOT
        self.highest_round = 0
        """The highest round heard of; nothing but speed depends on it."""

        self.attempts = 0
        self.granted: set[NodeId] = set()
        self.promises: set[NodeId] = set()
        self.reports: dict[int, list[Proposal]] = {}
        """What the promises of this ballot reported, by slot, for slots not yet proposed in."""

        self.last_reported = 0
        self.chosen_elsewhere = 0
        """Up to here every slot was chosen before this ballot; they need not be proposed in."""

        self.chosen_before = -1
        """What was chosen at the last check of the quorum."""

        # While it leads.
        self.next_slot = 1
        self.batches: dict[int, Batch] = {}
        """By first slot, in order: those that are not part of `chosen` yet."""

        self.queue: deque[tuple[NodeId, Request]] = deque()
        """Commands that have no slot yet."""

        self.pending: dict[int, tuple[NodeId, int]] = {}
        """Who waits for the command in that slot: the client and its request's sequence."""

        self.changes_pending: dict[int, tuple[NodeId, Reply]] = {}
        """Who waits until all slots before that one are chosen, and the answer then."""

        self.heard: set[NodeId] = set()
        self.readers: tuple[NodeId, ...] = ()
        self.confirmed: dict[NodeId, int] = {}
        """The last round of reads in which each peer confirmed our ballot."""

    @property
    def members(self) -> tuple[NodeId, ...]:
        """The acceptors of the first slot that is not known to be chosen."""
        return self.membership.at(self.chosen + 1)

    @property
    def is_member(self) -> bool:
        return self.node_id in self.members

    # --- roles ------------------------------------------------------------------------------------

    def become(self, role: Role) -> None:
        assert role in LEGAL[self.role], f"a {self.role} cannot become a {role}"
        self.role = role

    def follow(self, leader: NodeId | None) -> None:
        """Follow that leader, or nobody as long as none is known."""
        if self.role is Role.LEADER:
            self.cancel_timer(HEARTBEAT)
            self.cancel_timer(QUORUM)
            self.release_clients(leader)
        self.become(Role.FOLLOWER)
        somebody_led = self.leader is not None
        self.leader = leader
        if leader is not None:
            self.attempts = 0
            if not somebody_led:
                self.cancel_timer(ELECTION)
            self.set_timer(SILENCE, self.ELECTION_TIMEOUT_NS)
        else:
            if somebody_led:
                self.cancel_timer(SILENCE)
            self.await_leader()

    def release_clients(self, leader: NodeId | None) -> None:
        """Answer those who wait for a leader that no longer leads.

        What was proposed may still be chosen in a later ballot, so what becomes of it is unknown.
        Reads, and commands that no acceptor has heard of, never had an effect and never will.
        """
        changes = [(client, answer.sequence) for client, answer in self.changes_pending.values()]
        for client, sequence in [*self.pending.values(), *changes]:
            self.send(client, Refusal(sequence, ErrorCode.LEADERSHIP_LOST.word, leader))
        for client, request in [*self.queue, *self.reads_asked, *self.reads_waiting]:
            self.refuse_for_leader(client, request, leader)
        self.pending.clear()
        self.changes_pending.clear()
        self.queue.clear()
        self.batches.clear()
        self.reads_asked, self.reads_waiting = [], []

    def hear_of(self, ballot: Ballot) -> None:
        self.highest_round = max(self.highest_round, ballot.round)

    def random_part_ns(self) -> int:
        """Drawn from a wider range after each attempt that failed: two proposers that always outbid
        each other would let nothing be chosen ("Paxos Made Simple", 2.4)."""
        widening = 1 + min(self.attempts, self.MAX_BACKOFF)
        return round(self.ELECTION_TIMEOUT_NS * widening * self.random.random())

    # --- what layers above do ---------------------------------------------------------------------

    @abstractmethod
    def on_chosen(self, slot: int, answer: Reply | Refusal | None) -> None:
        """A slot was chosen and its value applied, with that answer; none to a no-op."""
