"""Who proposes, and when: nothing here bears on safety, all of it on progress.

Any node may propose at any time, but two that compete can hold each other up for ever ("Paxos Made
Simple" 2.4). So a node proposes only when it has heard no leader for a while, after a time drawn at
random, and it *canvasses* first: it goes on only if a quorum knows of no leader either. A node that
was cut off therefore does not return with a high ballot that deposes a leader at work. ("Paxos Made
Live" 5.2 describes that trouble, and has the leader raise its ballot from time to time. Ongaro's
Pre-Vote, dissertation 9.6, avoids it in this way.) A leader that hears no quorum gives up, so that
its clients go elsewhere.
"""

from systems_under_test.led import HEARTBEAT, QUORUM
from systems_under_test.node import NodeId
from systems_under_test.paxos.messages import Canvass, CanvassAnswer
from systems_under_test.paxos.proposer import Proposer
from systems_under_test.paxos.state import Role


class Leadership(Proposer):
    """Seeking to lead, going on, and giving up."""

    def on_election_due(self) -> None:
        """No leader was heard of for long enough: see whether we should lead.

        Who is not a member leaves that to those who are. But it may be one by now, or who tried in
        vain may have asked those who are none any more, and perhaps only a node that was removed
        knows so: it is asked what else is chosen.
        """
        if self.peers and (not self.is_member or self.role is not Role.FOLLOWER):
            self.ask_for_chosen(self.random.choice(self.peers))
        if not self.is_member:
            self.await_leader()
            return
        self.become(Role.CANVASSING)
        self.leader = None
        self.await_leader()
        self.ballot = self.new_ballot()
        self.granted = {self.node_id}
        self.broadcast(Canvass(self.ballot))
        self.prepare_if_granted()

    def on_canvass(self, peer: NodeId, ask: Canvass) -> None:
        self.send(peer, CanvassAnswer(ask.ballot, self.leader is None, self.promised))

    def on_canvass_answer(self, peer: NodeId, answer: CanvassAnswer) -> None:
        self.hear_of(answer.promised)
        if self.role is Role.CANVASSING and answer.ballot == self.ballot and answer.granted:
            self.granted.add(peer)
            self.prepare_if_granted()

    def prepare_if_granted(self) -> None:
        if self.is_quorum(self.granted, self.members):
            self.prepare()

    # --- leading ----------------------------------------------------------------------------------

    def on_heartbeat_due(self) -> None:
        """Tell everybody that we lead, and send again what was lost."""
        self.set_timer(HEARTBEAT, self.HEARTBEAT_NS)
        self.send_heartbeats()
        for batch in self.batches.values():
            if batch.overdue:
                for member in batch.members:
                    if member not in batch.votes and member != self.node_id:
                        self.send(member, batch.accept)
            batch.overdue = True
        if not all(map(self.has_quorum_of_promises, self.known_members())):
            self.ask_for_promises()
        if self.chosen < self.chosen_elsewhere:
            self.ask_for_chosen(self.random.choice(self.peers))

    def on_quorum_due(self) -> None:
        """Lead on only if a quorum has answered since the last check, and if we are a member.

        Nor does one lead on who waits in vain for what phase 1 said was chosen: those who knew that
        may have forgotten it, or be gone for ever. A new phase 1 reports what was accepted there,
        and it is proposed again.
        """
        waits = self.chosen < self.chosen_elsewhere
        stuck = waits and self.chosen == self.chosen_before
        self.chosen_before = self.chosen
        if not self.has_heard_quorum() or not self.is_member or stuck:
            self.follow(None)
            return
        self.heard = set()
        self.set_timer(QUORUM, self.ELECTION_TIMEOUT_NS)

    def has_heard_quorum(self) -> bool:
        return self.is_quorum(self.heard | {self.node_id}, self.members)
