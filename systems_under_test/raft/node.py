"""Raft as a node: what comes in, and who handles it.

After Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm (Extended
Version)", and Ongaro's dissertation, "Consensus: Bridging Theory and Practice", both of 2014. A
section's number stands where its rule is carried out; those without the word "dissertation" are
the paper's.

The class is written in layers, a file each, and each layer calls those below it:

    Raft         node.py          events, clients' requests, facts
    Membership   membership.py    §6: nodes that join and leave
    Transfer     transfer.py      handing the leadership over (dissertation §3.10)
    Election     election.py      §5.2, §5.4.1, Pre-Vote, Check-Quorum
    Replication  replication.py   §5.3, the commit rule of §5.4.2
    Snapshots    snapshot.py      §7: log compaction
    Reads        reads.py         ReadIndex
    State        state.py         Figure 2: terms, votes, roles, persistence
    Confirming   confirming.py   rounds of confirmation, as both protocols have them
    Led          led.py           waiting for a leader, as both protocols do
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from systems_under_test.kv import objection
from systems_under_test.node import Json, Message, NodeId, Payload
from systems_under_test.objects import FUNCTIONS
from systems_under_test.raft.invariants import Invariants
from systems_under_test.raft.membership import Membership
from systems_under_test.raft.messages import (
    PAYLOADS,
    AppendAnswer,
    AppendConflict,
    AppendEntries,
    InstallSnapshot,
    PeerMessage,
    PreVoteAnswer,
    RequestPreVote,
    RequestVote,
    SnapshotAnswer,
    TimeoutNow,
    VoteAnswer,
)
from systems_under_test.raft.state import Role
from systems_under_test.requests import ErrorCode, OperatorRequest, Reply, Request


class Raft(Membership):
    """A replica of the key-value store, kept equal to the others by Raft."""

    payloads: ClassVar[tuple[type[Payload], ...]] = PAYLOADS
    functions: ClassVar[tuple[str, ...]] = (*FUNCTIONS, "inspect")
    """`inspect` asks any node who leads, as it knows it: [leader, term]."""

    invariants = Invariants
    changes_members = True
    habits: ClassVar[Mapping[str, Any]] = {
        "COMPACT_AFTER": 12,
        "KEEP": 4,
        "PART_SIZE": 2,
        "MAX_BATCH": 16,
    }

    def on_message(self, message: Message) -> None:
        peer, payload = message[0], message[2]  # Quicker than by name.
        if isinstance(payload, Request):
            self.on_request(peer, payload)
            return
        if peer not in self.peers:
            return
        # "If RPC request or response contains term T > currentTerm: set currentTerm = T, convert to
        # follower" (Figure 2, Rules for Servers).
        if isinstance(payload, PeerMessage) and payload.term > self.term:
            self.become_follower(payload.term, None)
        match payload:
            case AppendEntries():
                self.on_append_entries(peer, payload)
            case AppendAnswer():
                self.on_append_answer(peer, payload)
                # Asked here, as it is seldom so, and most messages are such answers.
                if self.heir is not None or self.asked is not None:
                    self.on_awaited_answer(peer)
            case AppendConflict():
                self.on_append_conflict(peer, payload)
            case RequestPreVote():
                self.on_request_pre_vote(peer, payload)
            case PreVoteAnswer():
                self.on_pre_vote_answer(peer, payload)
            case RequestVote():
                self.on_request_vote(peer, payload)
            case VoteAnswer():
                self.on_vote_answer(peer, payload)
            case InstallSnapshot():
                self.on_install_snapshot(peer, payload)
            case SnapshotAnswer():
                self.on_snapshot_answer(peer, payload)
            case TimeoutNow():
                self.on_timeout_now(payload)

    def on_request(self, client: NodeId, request: Request) -> None:
        """Serve a client if we lead; else send it on at once, with the leader's name if known."""
        if request.function == "inspect":
            self.send(client, Reply(request.sequence, [self.leader, self.term]))
        elif self.role is not Role.LEADER:
            self.refuse_for_leader(client, request, self.leader)
        elif isinstance(request, OperatorRequest):
            self.on_membership(client, request)
        elif reason := objection(request, FUNCTIONS):
            self.refuse(client, request, ErrorCode.BAD_REQUEST, reason)
        elif (
            len(self.pending) + len(self.reads_asked) + len(self.reads_waiting) >= self.MAX_PENDING
        ):
            self.refuse_beyond_limit(client, request)
        elif self.heir is not None and request.function != "read":
            self.refuse(client, request, ErrorCode.OVERLOADED, f"{self.heir} is about to lead")
        elif request.function == "read":
            self.on_read(client, request)
        else:
            self.propose(client, request)

    def facts(self) -> dict[str, Json]:
        return {
            "role": self.role.value,
            "term": self.term,
            "leader": self.leader,
            "commit_index": self.commit_index,
            "last_index": self.log.last_index,
            "applied": self.applied,
            "voted_for": self.voted_for,
            "first_index": self.log.first_index,
            "members": list(self.members.voters),
        }


class RaftCompactsOften(Raft):
    """Takes snapshots so often, and of so small parts, that short runs are full of them."""

    COMPACT_AFTER = 12
    KEEP = 4
    PART_SIZE = 2
