"""What Raft and Multi-Paxos share as systems with a leader: waiting for one, and naming it.

A node that does not lead has exactly one of two timers running: `SILENCE` where a leader is known,
`ELECTION` where none is. So an election timeout has two parts. For its fixed first part, a follower
that has heard its leader believes in it, and helps nobody else to lead. Then it forgets the leader,
and the second part, drawn again each time so that nodes seldom compete, passes before the node
seeks to lead itself. A leader runs the two other timers.
"""

from abc import abstractmethod

from systems_under_test.node import Node, NodeId
from systems_under_test.requests import ErrorCode, Refusal, Request

SILENCE = "silence"
"""Fires when the leader has not been heard for too long."""

ELECTION = "election"
"""Fires when it is time to seek to lead."""

HEARTBEAT = "heartbeat"
QUORUM = "quorum"
"""Run in the leader alone."""


class Led(Node):
    """A node that leads, follows a leader, or waits for one."""

    ELECTION_TIMEOUT_NS = 400_000_000
    """The fixed part of the time without a leader before a node seeks to lead."""

    HEARTBEAT_NS = 100_000_000

    MAX_PENDING = 1_000
    """Requests that wait for an answer; a leader refuses those beyond."""

    def set_up(self) -> None:
        super().set_up()
        self.leader: NodeId | None = None

    # --- timers -----------------------------------------------------------------------------------

    def on_timer(self, name: str) -> None:
        if name == SILENCE:
            self.on_silence()
        elif name == ELECTION:
            self.on_election_due()
        elif name == HEARTBEAT:
            self.on_heartbeat_due()
        elif name == QUORUM:
            self.on_quorum_due()

    def await_leader(self) -> None:
        """No leader is known: wait for a whole election timeout."""
        self.set_timer(ELECTION, self.ELECTION_TIMEOUT_NS + self.random_part_ns())

    def on_silence(self) -> None:
        """The leader was not heard for the fixed part of the timeout."""
        self.leader = None
        self.set_timer(ELECTION, self.random_part_ns())

    def random_part_ns(self) -> int:
        return round(self.ELECTION_TIMEOUT_NS * self.random.random())

    @abstractmethod
    def on_election_due(self) -> None:
        """Nobody was heard to lead for a whole timeout."""

    @abstractmethod
    def on_heartbeat_due(self) -> None:
        """It is time to tell the others that we lead."""

    @abstractmethod
    def on_quorum_due(self) -> None:
        """It is time to see whether enough of the others still answer."""

    # --- clients ----------------------------------------------------------------------------------

    def refuse(self, client: NodeId, request: Request, error: ErrorCode, reason: str) -> None:
        self.send(client, Refusal(request.sequence, error.word, reason=reason))

    def refuse_beyond_limit(self, client: NodeId, request: Request) -> None:
        reason = f"{self.MAX_PENDING} requests wait already: try again later"
        self.refuse(client, request, ErrorCode.OVERLOADED, reason)

    def refuse_for_leader(self, client: NodeId, request: Request, leader: NodeId | None) -> None:
        """Send the client on: this request was not proposed here, and never will be."""
        error = ErrorCode.NO_LEADER if leader is None else ErrorCode.NOT_LEADER
        self.send(client, Refusal(request.sequence, error.word, leader))
