"""Multi-Paxos as a node: what comes in, and who handles it.

After Lamport, "Paxos Made Simple" (2001); van Renesse and Altinbuken, "Paxos Made Moderately
Complex" (2015); Chandra, Griesemer and Redstone, "Paxos Made Live" (2007). A section's number
stands where its rule is carried out.

Every node is proposer, acceptor and learner. The class is written in layers, a file each, and each
layer calls those below it:

    Paxos        node.py           events, clients' requests, facts
    Leadership   leadership.py     who proposes, and when
    Proposer     proposer.py       ballots, phase 1, phase 2
    Reads        reads.py          reads confirmed by a quorum
    Acceptor     acceptor.py       promises, votes, the journal
    Snapshots    snapshots.py      what takes the place of old slots
    Learner      learner.py        what is chosen; catching up
    State        state.py          what a node knows; roles and timers
    Confirming   confirming.py    rounds of confirmation, as both protocols have them
    Led          led.py            waiting for a leader, as both protocols do

    single_decree.py               the rules for one slot, which all of it rests on
    membership.py                  who the acceptors of a slot are
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from systems_under_test.kv import objection
from systems_under_test.node import Json, Message, NodeId, Payload
from systems_under_test.objects import FUNCTIONS
from systems_under_test.paxos.invariants import Invariants
from systems_under_test.paxos.leadership import Leadership
from systems_under_test.paxos.messages import (
    PAYLOADS,
    Accept,
    Accepted,
    Canvass,
    CanvassAnswer,
    Heartbeat,
    HeartbeatAnswer,
    Learn,
    Learned,
    Prepare,
    Promise,
    Reject,
    SnapshotPart,
)
from systems_under_test.paxos.state import Role
from systems_under_test.requests import ErrorCode, OperatorRequest, Request


class Paxos(Leadership):
    """A replica of the key-value store, kept equal to the others by Multi-Paxos."""

    payloads: ClassVar[tuple[type[Payload], ...]] = PAYLOADS
    functions: ClassVar[tuple[str, ...]] = FUNCTIONS
    invariants = Invariants
    changes_members = True
    habits: ClassVar[Mapping[str, Any]] = {
        "SNAPSHOT_SLOTS": 12,
        "KEPT_SLOTS": 128,
        "MAX_LEARNED": 32,
        "MAX_BATCH": 8,
        "WINDOW": 16,
    }

    def on_message(self, message: Message) -> None:
        source, payload = message[0], message[2]  # Quicker than by name.
        if isinstance(payload, Request):
            self.on_request(source, payload)
        elif source in self.peers:
            self.on_peer_message(source, payload)
        self.compact_if_due()

    def on_peer_message(self, peer: NodeId, payload: Payload) -> None:
        match payload:
            case Accept():
                self.on_accept(peer, payload)
            case Accepted():
                self.on_accepted(peer, payload)
            case Heartbeat():
                self.on_heartbeat(peer, payload)
            case HeartbeatAnswer():
                self.on_heartbeat_answer(peer, payload)
            case Learn():
                self.on_learn(peer, payload)
            case Learned():
                self.on_learned(peer, payload)
            case SnapshotPart():
                self.on_snapshot_part(peer, payload)
            case Canvass():
                self.on_canvass(peer, payload)
            case CanvassAnswer():
                self.on_canvass_answer(peer, payload)
            case Prepare():
                self.on_prepare(peer, payload)
            case Promise():
                self.on_promise(peer, payload)
            case Reject():
                self.on_reject(payload)

    def on_request(self, client: NodeId, request: Request) -> None:
        """Serve a client if we lead; else send it on at once, with the leader's name if known."""
        waiting = len(self.queue) + len(self.reads_asked) + len(self.reads_waiting)
        if self.role is not Role.LEADER:
            self.refuse_for_leader(client, request, self.leader)
        elif reason := self.objection(request):
            self.refuse(client, request, ErrorCode.BAD_REQUEST, reason)
        elif waiting + len(self.pending) >= self.MAX_PENDING:
            self.refuse_beyond_limit(client, request)
        elif self.only_observes(request):
            self.on_read(client, request)
        else:
            self.propose(client, request)

    def objection(self, request: Request) -> str:
        """Why this request cannot be carried out; empty where nothing speaks against it."""
        if not isinstance(request, OperatorRequest):
            return objection(request, self.functions)
        if reason := request.objection():
            return reason
        if request.function == "members" or request.argument in (self.node_id, *self.peers):
            return ""
        return f"there is no node {request.argument!r} that could be reached"

    @staticmethod
    def only_observes(request: Request) -> bool:
        """Whether it is answered from what is applied, without a slot of the log."""
        operators = isinstance(request, OperatorRequest)
        return request.function == ("members" if operators else "read")

    def facts(self) -> dict[str, Json]:
        return {
            "role": self.role.value,
            "term": self.promised.round,
            "ballot": str(self.promised),
            "leader": self.leader,
            "commit_index": self.chosen,
            "applied": self.chosen,
            "members": list(self.members),
            "votes": self.votes,
            "snapshot": self.snapshot[0].chosen if self.snapshot else 0,
        }
