"""What Raft nodes say to each other, and what they write to their journals (Figure 2).

Every message carries its sender's term. All may be lost, duplicated and reordered: each says
enough to be understood on its own, and hearing one twice does no harm.
"""

from dataclasses import dataclass

from systems_under_test.node import NodeId, Payload
from systems_under_test.requests import Request


@dataclass(frozen=True, slots=True)
class Entry(Payload):
    """A place in the log: the term in which a leader made it, and what it replicates.

    No command stands for the no-op with which a leader begins its term.
    """

    term: int
    command: Request | None


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


PAYLOADS: tuple[type[Payload], ...] = (
    RequestPreVote,
    PreVoteAnswer,
    RequestVote,
    VoteAnswer,
    AppendEntries,
    AppendAnswer,
    AppendConflict,
    TermAndVote,
    Truncated,
    Appended,
)
