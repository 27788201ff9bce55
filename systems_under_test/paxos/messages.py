"""What Paxos nodes say to each other, and what they write to their journals.

All messages may be lost, duplicated and reordered: each carries the ballot that it belongs to and
says enough to be understood on its own, and hearing one twice does no harm. The names are those of
"Paxos Made Simple" (prepare, promise, accept, accepted) where it has any.
"""

from dataclasses import dataclass
from typing import TypeAlias

from systems_under_test.node import Json, NodeId, Payload
from systems_under_test.requests import Request

Value: TypeAlias = Request | None
"""What a slot of the log may hold: a client's command, or None for the no-op that fills a gap."""


@dataclass(frozen=True, slots=True, order=True)
class Ballot(Payload):
    """The number of a proposer's attempt. Ordered by round; no two nodes share one."""

    round: int
    node: NodeId

    def __str__(self) -> str:
        return f"{self.round}.{self.node}" if self.round else "none"


NO_BALLOT = Ballot(0, "")
"""Below every ballot."""


@dataclass(frozen=True, slots=True)
class Proposal(Payload):
    """A value for a slot, as an acceptor accepted it in that ballot."""

    ballot: Ballot
    slot: int
    value: Value


# --- messages -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PeerMessage(Payload):
    """What one node says to another about a ballot: its own, or the one that it answers."""

    ballot: Ballot


@dataclass(frozen=True, slots=True)
class Canvass(PeerMessage):
    """Would I disturb anybody if I proposed in this ballot? It binds neither side."""


@dataclass(frozen=True, slots=True)
class CanvassAnswer(PeerMessage):
    """Whether the sender knows of no leader, and the highest ballot that it has promised."""

    granted: bool
    promised: Ballot


@dataclass(frozen=True, slots=True)
class Prepare(PeerMessage):
    """Phase 1a, for all slots from the first that the proposer does not know to be chosen."""

    first_slot: int


@dataclass(frozen=True, slots=True)
class Promise(PeerMessage):
    """Phase 1b: I accept nothing below this ballot any more.

    Up to `chosen` every slot is chosen; `accepted` is what I have accepted in later ones.
    """

    chosen: int
    accepted: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True)
class Accept(PeerMessage):
    """Phase 2a, for several slots at once: accept these values in the slots from `first_slot` on.

    Up to `chosen` every slot is chosen.
    """

    first_slot: int
    values: tuple[Value, ...]
    chosen: int


@dataclass(frozen=True, slots=True)
class Accepted(PeerMessage):
    """Phase 2b: I have accepted, durably, what the `Accept` of that first slot asked for."""

    first_slot: int


@dataclass(frozen=True, slots=True)
class Reject(PeerMessage):
    """I have promised a higher ballot than yours."""

    promised: Ballot


@dataclass(frozen=True, slots=True)
class Heartbeat(PeerMessage):
    """I lead, and every slot up to `chosen` is chosen.

    `read_round` counts the leader's rounds of asking whether it still leads; the answer returns it.
    """

    chosen: int
    read_round: int


@dataclass(frozen=True, slots=True)
class HeartbeatAnswer(PeerMessage):
    """I have promised no higher ballot."""

    read_round: int


@dataclass(frozen=True, slots=True)
class Learn(Payload):
    """Tell me what is chosen from that slot on.

    I have the parts before `part` of the snapshot after the slot `snapshot`, if that is not 0.
    """

    first_slot: int
    snapshot: int = 0
    part: int = 0


# --- records of the journal -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Learned(Payload):
    """These values are chosen in the slots from `first_slot` on: an answer, and a record."""

    first_slot: int
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class SnapshotPart(Payload):
    """One of `count` parts of what all slots up to `chosen` come to: an answer, and a record.

    `members` are the members of later slots (`Membership.to_json`), the same in every part.
    """

    chosen: int
    number: int
    count: int
    members: Json
    state: Json


@dataclass(frozen=True, slots=True)
class Promised(Payload):
    """The node accepts nothing below this ballot any more."""

    ballot: Ballot


@dataclass(frozen=True, slots=True)
class Voted(Payload):
    """The node has promised this ballot and accepted these values in it.

    It knew that every slot up to `chosen` is chosen, with what it had accepted or learned there.
    """

    ballot: Ballot
    first_slot: int
    values: tuple[Value, ...]
    chosen: int


PAYLOADS: tuple[type[Payload], ...] = (
    Canvass,
    CanvassAnswer,
    Prepare,
    Promise,
    Accept,
    Accepted,
    Reject,
    Heartbeat,
    HeartbeatAnswer,
    Learn,
    Learned,
    SnapshotPart,
    Promised,
    Voted,
)
