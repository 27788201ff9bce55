"""Handing the leadership over to a chosen node (dissertation §3.10).

The leader takes no more writes, brings the other's log up to its own, and then tells it to stand
for election at once, without Pre-Vote, which would find that somebody leads. Its log is as complete
as any, so it wins as soon as it has heard a majority, and the old leader follows it. Nothing here
matters to safety: it is an election like any other. If it has not happened within an election
timeout, the leader gives up and takes writes again.
"""

from systems_under_test.led import SILENCE
from systems_under_test.node import NodeId
from systems_under_test.raft.election import Election
from systems_under_test.raft.messages import TimeoutNow
from systems_under_test.raft.state import Role


class Transfer(Election):
    """The one who is to lead next, if anybody is."""

    heir: NodeId | None = None

    def hand_over_to(self, peer: NodeId) -> None:
        self.heir = peer
        self.tell_heir()

    def tell_heir(self) -> None:
        """Let the heir stand for election once it holds all that we hold."""
        if self.heir is not None:
            progress = self.progress.get(self.heir)
            if progress is not None and progress.match_index == self.log.last_index:
                self.send(self.heir, TimeoutNow(self.term))

    def on_awaited_answer(self, peer: NodeId) -> None:
        """A peer has answered entries while an heir or a change of the members is waited for."""
        if peer == self.heir and self.role is Role.LEADER:
            self.tell_heir()

    def on_timeout_now(self, ask: TimeoutNow) -> None:
        """Stand for election as if the timeout had passed (dissertation §3.10)."""
        if ask.term == self.term and self.role is Role.FOLLOWER and self.may_lead:
            self.cancel_timer(SILENCE)
            self.leader = None
            self.become(Role.PRE_CANDIDATE)
            self.become_candidate()

    def on_quorum_due(self) -> None:
        self.heir = None
        super().on_quorum_due()

    def become_follower(self, term: int, leader: NodeId | None) -> None:
        self.heir = None
        super().become_follower(term, leader)
