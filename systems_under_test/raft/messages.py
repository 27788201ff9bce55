"""What Raft nodes say to each other, and what they write to their journals (Figure 2).

Every message carries its sender's term. All may be lost, duplicated and reordered: each says
enough to be understood on its own, and hearing one twice does no harm.
"""

from dataclasses import dataclass

from systems_under_test.node import Json, NodeId, Payload
from systems_under_test.raft.members import Members
from systems_under_test.requests import Request


@dataclass(frozen=True, slots=True)
class Entry(Payload):
    """A place in the log: the term in which a leader made it, and what it replicates.

    No command stands for the no-op with which a leader begins its term. Members take effect as soon
    as they stand in a log (§6); all else takes effect once it is committed.
    """

    term: int
    command: Request | Members | None


# --- messages -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PeerMessage(Payload):
    """What one node says to another, with the term that it is in."""

    term: int


@dataclass(frozen=True, slots=True)
class RequestPreVote(PeerMessage):
    """Would you vote for me in the next term? `term` is the present one (dissertation §9.6)."""

    last_index: int
    last_term: int


@dataclass(frozen=True, slots=True)
class PreVoteAnswer(PeerMessage):
    granted: bool


@dataclass(frozen=True, slots=True)
class RequestVote(PeerMessage):
    """Vote for me in this term, in which my log ends with that entry (§5.2, §5.4.1)."""

    last_index: int
    last_term: int


@dataclass(frozen=True, slots=True)
class VoteAnswer(PeerMessage):
    granted: bool


@dataclass(frozen=True, slots=True)
class AppendEntries(PeerMessage):
    """The leader's entries that follow the entry of `previous_index`; none in a heartbeat (§5.3).

    `read_round` counts the leader's rounds of asking whether it still leads; the answer returns it.
    """

    previous_index: int
    previous_term: int
    entries: tuple[Entry, ...]
    commit_index: int
    read_round: int


@dataclass(frozen=True, slots=True)
class AppendAnswer(PeerMessage):
    """My log, as far as it is durable, equals yours up to `match_index`."""

    match_index: int
    read_round: int


@dataclass(frozen=True, slots=True)
class AppendConflict(PeerMessage):
    """I do not hold the entry that comes before yours (§5.3).

    In its place I hold one of `conflict_term`, and my entries of that term begin at `first_index`;
    or none, then the term is 0 and my log ends before `first_index`.
    """

    conflict_term: int
    first_index: int
    read_round: int


@dataclass(frozen=True, slots=True)
class InstallSnapshot(PeerMessage):
    """One part of what all entries up to `last_index` have made, and whose members they set (§7).

    Parts are numbered from 0 to `parts` - 1.
    """

    last_index: int
    last_term: int
    members: Members
    part: int
    parts: int
    data: Json


@dataclass(frozen=True, slots=True)
class SnapshotAnswer(PeerMessage):
    """Of the snapshot up to that index I hold the first `received` parts."""

    last_index: int
    received: int


@dataclass(frozen=True, slots=True)
class TimeoutNow(PeerMessage):
    """Stand for election at once: I want you to lead (dissertation §3.10)."""


# --- records of the journal -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TermAndVote(Payload):
    """The term that the node has reached, and for whom it has voted in it."""

    term: int
    voted_for: NodeId | None


@dataclass(frozen=True, slots=True)
class Truncated(Payload):
    """The entries after `last_index` are gone: they conflicted with the leader's."""

    last_index: int


@dataclass(frozen=True, slots=True)
class Appended(Payload):
    """These entries stand at the end of the log, the first of them at `first_index`."""

    first_index: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class SnapshotPart(Payload):
    """A part of the snapshot that the next `SnapshotTaken` is about."""

    data: Json


@dataclass(frozen=True, slots=True)
class SnapshotTaken(Payload):
    """The parts before this record are what all entries up to `last_index` have made."""

    last_index: int
    last_term: int
    members: Members


@dataclass(frozen=True, slots=True)
class LogBegins(Payload):
    """The log begins after that index, where these were the members."""

    base_index: int
    base_term: int
    members: Members


PAYLOADS: tuple[type[Payload], ...] = (
    RequestPreVote,
    PreVoteAnswer,
    RequestVote,
    VoteAnswer,
    AppendEntries,
    AppendAnswer,
    AppendConflict,
    InstallSnapshot,
    SnapshotAnswer,
    TimeoutNow,
    TermAndVote,
    Truncated,
    Appended,
    SnapshotPart,
    SnapshotTaken,
    LogBegins,
)
