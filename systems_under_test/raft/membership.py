"""Nodes join and leave while the cluster serves: joint consensus (§6, dissertation §4.3).

A change has these steps, each under the leader of the moment:

1. A node that is to be added is sent the log without having a vote, until it is nearly as long as
   the leader's (dissertation §4.2.1). Else commits might have to wait for it afterwards.
2. The leader appends an entry with the old and the new members. Every node acts by the latest such
   entry in its log, committed or not, so from here on each decision needs both majorities.
3. Once that entry is committed, no majority of the old members alone can decide anything, since one
   of them at least asks for both. The leader appends an entry with the new members.
4. Once that is committed, those who are no members any more are not needed for anything. A leader
   among them led until now without counting itself, and steps down.

A new leader goes on from whatever stands in its log. There is one change at a time.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from systems_under_test.node import NodeId
from systems_under_test.raft.members import Members
from systems_under_test.raft.messages import TimeoutNow
from systems_under_test.raft.state import Role
from systems_under_test.raft.transfer import Transfer
from systems_under_test.requests import (
    OPERATOR_FUNCTIONS,
    ErrorCode,
    OperatorRequest,
    Refusal,
    Reply,
    Request,
)

MEMBERSHIP = (*OPERATOR_FUNCTIONS, "transfer-leadership")


@dataclass(slots=True)
class Asked:
    """The change that a client asked for and waits for."""

    client: NodeId
    request: Request
    members: tuple[NodeId, ...]
    """Those who will be members in the end."""

    learner: NodeId | None = None
    """The node that is sent the log and has no vote yet."""

    seen: tuple[int, int] = (0, 0)
    """How far the learner was at the last heartbeat, in entries and in parts of a snapshot."""

    waited: int = 0
    """Heartbeats since it came further."""


class Membership(Transfer):
    """The requests `add`, `remove`, `members` and `transfer`, and what follows from them."""

    PATIENCE = 50
    """Heartbeats without progress after which a node that does not catch up is given up."""

    asked: Asked | None = None

    def on_membership(self, client: NodeId, request: OperatorRequest) -> None:
        """Serve such a request as the leader."""
        function, node = request.function, request.argument
        current = self.members.current
        if reason := request.objection(MEMBERSHIP):
            self.refuse(client, request, ErrorCode.BAD_REQUEST, reason)
        elif function == "members":
            self.on_read(client, request)
        elif node not in (self.node_id, *self.peers):
            reason = f"{node!r} is no node of this cluster: name one that it was started with"
            self.refuse(client, request, ErrorCode.BAD_REQUEST, reason)
        elif wait := self.reason_to_wait():
            self.refuse(client, request, ErrorCode.CHANGE_UNDER_WAY, wait)
        elif function == "transfer-leadership":
            self.on_transfer(client, request)
        elif (node in current) == (function == "add-member"):
            self.on_read(client, request)  # So it is already; to say so we must still lead.
        elif current == (node,):
            reason = f"{node} is the last member: add another one first"
            self.refuse(client, request, ErrorCode.BAD_REQUEST, reason)
        elif function == "add-member":
            self.asked = Asked(client, request, tuple(sorted((*current, node))), learner=node)
            self.follow_members(self.log.last_index)
            self.replicate((node,))
        else:
            left = tuple(member for member in current if member != node)
            self.asked = Asked(client, request, left)
            self.change_members(left)

    def reason_to_wait(self) -> str:
        """Why no change may begin now; empty where none is under way.

        A change that is not committed may still be taken back, and a second one on top of it would
        make two steps one.
        """
        if self.asked is not None:
            return f"{self.asked.request.function} {self.asked.request.argument} is under way"
        if self.members.joint or not self.change_is_committed:
            return "an earlier change is under way"
        return ""

    def on_transfer(self, client: NodeId, request: Request) -> None:
        """The answer says that it was begun: whether it succeeds, nobody promises."""
        if request.argument not in self.members.current:
            reason = f"{request.argument} is not a member, so it cannot lead"
            self.refuse(client, request, ErrorCode.BAD_REQUEST, reason)
            return
        self.send(client, Reply(request.sequence, request.argument))
        if request.argument != self.node_id:
            self.hand_over_to(request.argument)

    def answer_read(self, client: NodeId, request: Request) -> None:
        if request.function == "read":
            super().answer_read(client, request)
        else:
            # A change that is not committed may still be taken back.
            members = self.members_at(self.commit_index).current
            self.send(client, Reply(request.sequence, list(members)))

    # --- catching up ------------------------------------------------------------------------------

    def receivers(self) -> set[NodeId]:
        """A node that catches up is sent entries as well."""
        receivers = super().receivers()
        if self.asked is not None and self.asked.learner is not None:
            receivers.add(self.asked.learner)
        return receivers

    def on_awaited_answer(self, peer: NodeId) -> None:
        super().on_awaited_answer(peer)
        if self.asked is None or self.asked.learner != peer or peer not in self.progress:
            return
        if self.log.last_index - self.progress[peer].match_index <= self.MAX_BATCH:
            self.asked.learner = None
            self.change_members(self.asked.members)

    def on_heartbeat_due(self) -> None:
        super().on_heartbeat_due()
        asked = self.asked
        if asked is None or asked.learner is None:
            return
        progress = self.progress[asked.learner]
        seen = (progress.match_index, progress.next_part)
        asked.waited = asked.waited + 1 if seen == asked.seen else 0
        asked.seen = seen
        if asked.waited >= self.PATIENCE:
            self.asked = None
            self.follow_members(self.log.last_index)
            reason = f"{asked.learner} does not catch up: see that it runs, and try again"
            self.refuse(asked.client, asked.request, ErrorCode.OVERLOADED, reason)

    # --- changing ---------------------------------------------------------------------------------

    def change_members(self, members: Iterable[NodeId]) -> None:
        """Begin the joint phase."""
        self.append_to_own_log(Members(self.members.current, tuple(members)))

    def commit(self, index: int) -> None:
        before = self.commit_index
        super().commit(index)
        changed_at, members = self.changes[-1]
        if self.role is Role.LEADER and changed_at <= self.commit_index:
            if members.joint:
                self.append_to_own_log(Members(members.following))
            elif before < changed_at:
                self.on_changed(members.current)

    def on_changed(self, members: tuple[NodeId, ...]) -> None:
        """The new members are committed: nobody else is needed any more."""
        asked, self.asked = self.asked, None
        if asked is not None:
            self.send(asked.client, Reply(asked.request.sequence, list(members)))
        before = dict(self.progress)
        self.follow_members(self.log.last_index)
        for peer in sorted(before.keys() - self.progress.keys()):
            # Let those who are removed hear that it is so, if this arrives: nobody waits for them.
            if before[peer].match_index >= self.log.base_index:
                self.send(peer, self.entries_after(before[peer].match_index, self.MAX_BATCH))
        if self.node_id not in members:
            # "The leader steps down [...] once it has committed the C-new log entry" (§6). Whoever
            # holds the most of our log may stand at once.
            heir = max(sorted(self.progress), key=lambda peer: self.progress[peer].match_index)
            self.send(heir, TimeoutNow(self.term))
            self.become_follower(self.term, None)
        self.answer_confirmed_reads()  # Fewer confirmations may be enough now.

    def release_clients(self, leader: NodeId | None) -> None:
        """As for other requests: refused for certain as long as nothing stands in the log."""
        super().release_clients(leader)
        asked, self.asked = self.asked, None
        if asked is None:
            return
        if asked.learner is not None:
            self.refuse_for_leader(asked.client, asked.request, leader)
        else:
            error = ErrorCode.LEADERSHIP_LOST.word
            self.send(asked.client, Refusal(asked.request.sequence, error, leader))
