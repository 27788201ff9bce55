"""Raft, broken on purpose: each class breaks one sentence of the paper, and tests must notice.

A flaw is one or two overridden methods; the protocol itself has no switches. Each docstring names
the sentence and the anomaly that follows.
"""

from collections.abc import Iterable

from systems_under_test.kv import KeyValueMachine, answer
from systems_under_test.node import Json, NodeId, Payload
from systems_under_test.raft.members import Members
from systems_under_test.raft.messages import Entry, RequestPreVote
from systems_under_test.raft.node import Raft, RaftCompactsOften
from systems_under_test.raft.state import Role
from systems_under_test.requests import Refusal, Reply, Request

LOST = ("lost write", "lost update", "stale read")
"""What clients see of a write that was acknowledged and is gone."""

FORKED = (
    *LOST, "dirty read", "not linearizable", "Election Safety", "Log Matching",
    "Leader Completeness", "State Machine Safety", "both lead in term", "took back commits",
    "conflicts with the leader", "committed of",
)  # fmt: skip
"""What follows where two nodes hold different logs and both are believed."""


class RaftStaleReads(Raft):
    """A leader that believes it leads answers reads at once, and goes on believing.

    Breaks "a leader must check whether it has been deposed before processing a read-only request"
    (§8). Anomaly: stale reads. A leader that is cut off from the majority serves its clients old
    values, while the others have elected a new one and acknowledge newer writes.
    """

    shows = ("stale read", "lost write", "not live")

    def on_read(self, client: NodeId, request: Request) -> None:
        self.answer_read(client, request)

    def has_heard_majority(self) -> bool:
        return True


class RaftForgetsVote(Raft):
    """Term and vote do not survive a restart.

    Breaks "updated on stable storage before responding to RPCs", said of currentTerm and votedFor
    (Figure 2). Anomaly: two leaders in one term. A voter that restarts votes for a second candidate
    of the term, and acknowledged writes of one leader are overwritten by the other.
    """

    shows = FORKED

    def persist_term_and_vote(self) -> None:
        """Only the log is recorded."""


class RaftNoSync(Raft):
    """Entries are acknowledged before they are durable.

    Breaks "updated on stable storage before responding to RPCs", said of log[] (Figure 2). Anomaly:
    acknowledged writes vanish when the nodes that held them crash before their disks caught up.
    """

    shows = FORKED

    def on_start(self, stored: tuple[Payload, ...]) -> None:
        self.unsynced: list[Payload] = []
        super().on_start(stored)

    def persist(self, record: Payload) -> None:
        """Record it when the next timer runs out."""
        self.unsynced.append(record)

    def compact(self, records: Iterable[Payload]) -> None:
        self.unsynced = []
        super().compact(records)

    def on_timer(self, name: str) -> None:
        super().on_timer(name)
        # Two heartbeats or elections later, as an operating system writes back its cache.
        unsynced, self.unsynced = self.unsynced, []
        for record in unsynced:
            super().persist(record)


class RaftCommitsEarlierTerms(Raft):
    """Entries of earlier terms are committed by counting who holds them.

    Breaks "Raft never commits log entries from previous terms by counting replicas" (§5.4.2 and
    Figure 8). Anomaly: a committed entry is overwritten by a later leader that never had it.
    """

    shows = FORKED

    def may_commit(self, index: int) -> bool:
        return True

    def may_read(self) -> bool:
        return True


class RaftIgnoresLogs(Raft):
    """Votes are given whatever the candidate's log holds.

    Breaks "the voter denies its vote if its own log is more up-to-date than that of the candidate"
    (§5.4.1). Anomaly: acknowledged writes vanish, as a node without them becomes the leader.
    """

    shows = FORKED

    def is_up_to_date(self, last_term: int, last_index: int) -> bool:
        return True


class RaftCommitsAlone(Raft):
    """The leader commits an entry as soon as it holds it itself.

    Breaks "a log entry is committed once the leader that created the entry has replicated it on a
    majority of the servers" (§5.3). Anomaly: acknowledged writes vanish with the leader.
    """

    shows = FORKED

    def append_to_own_log(self, command: Request | Members | None) -> None:
        super().append_to_own_log(command)
        if self.role is Role.LEADER and self.log.last_index > self.commit_index:
            self.commit(self.log.last_index)


class Forgetful(KeyValueMachine):
    """Carries out every request of a session, whether or not it was carried out before."""

    def _apply_once(self, request: Request) -> Reply | Refusal:
        return answer(request, self._perform(request))


class RaftForgetsSessions(Raft):
    """Sessions are opened, and what was carried out in them is not remembered.

    Breaks "if it receives a command whose serial number has already been executed, it responds
    immediately without re-executing the request" (§8). Anomaly: a write that was sent again takes
    effect twice, the second time over a newer value.
    """

    shows = (*LOST, "duplicate", "not linearizable", "State Machine Safety")

    MACHINE = Forgetful


class RaftNeverTruncates(Raft):
    """A follower keeps entries that conflict with the leader's.

    Breaks "if an existing entry conflicts with a new one, delete the existing entry and all that
    follow it" (Figure 2). Anomaly: replicas apply different entries at the same index.
    """

    shows = FORKED

    def store(self, previous_index: int, entries: tuple[Entry, ...]) -> None:
        known = self.log.last_index - previous_index
        if known < len(entries):
            super().store(self.log.last_index, entries[max(known, 0) :])


class RaftNoPreVote(Raft):
    """Elections without Pre-Vote, and leaders without Check-Quorum.

    Breaks "servers [...] increment their term only if they first learn that they could win"
    (dissertation §9.6). Anomaly: none for safety, but a node that is not heard, or hears nothing,
    begins term after term and deposes every leader, so that the others serve hardly anything.
    """

    shows = ("not live",)

    def on_election_due(self) -> None:
        self.become(Role.PRE_CANDIDATE)
        self.leader = None
        self.become_candidate()

    def on_request_pre_vote(self, candidate: NodeId, ask: RequestPreVote) -> None:
        """Nobody asks."""

    def has_heard_majority(self) -> bool:
        return True


class RaftSnapshotsWithoutSessions(RaftCompactsOften):
    """A snapshot holds the values and not the sessions.

    Breaks "each state machine's snapshot must include the information [...] to detect duplicate
    requests", the sessions of dissertation §6.3. Anomaly: acknowledged writes vanish. A replica
    that was restored from a snapshot knows no session, so it refuses what the others carry out.
    """

    shows = (*LOST, "duplicate", "dirty read", "not linearizable", "State Machine Safety")

    def machine_state(self) -> Json:
        return {**super().machine_state(), "sessions": []}


class RaftOneStepChange(Raft):
    """Members change in one step, and a second change does not wait for the first.

    Breaks "it is not safe for servers to switch directly from the old configuration to the new
    configuration: [...] there is a moment when two different leaders can be elected" (§6, Figure
    10). Anomaly: a majority of the old members and one of the new decide without each other, so
    that acknowledged writes vanish.
    """

    shows = FORKED

    def reason_to_wait(self) -> str:
        return ""

    def change_members(self, members: Iterable[NodeId]) -> None:
        self.append_to_own_log(Members(tuple(members)))
