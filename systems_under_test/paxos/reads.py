"""Reads that are linearizable and take no slot: a quorum confirms the ballot first.

A leader may have been replaced without knowing it. So before it answers a read it asks the
acceptors, in a round of heartbeats that begins *after* the read has arrived, whether any of them
has promised a higher ballot. (Raft's ReadIndex, Ongaro's dissertation 6.4, is the same idea; "Paxos
Made Live" 5.2 uses leases, which rest on clocks.) Say the leader's ballot is b, and the first slot
that it did not know to be chosen when the round began is s.

1. *Nothing acknowledged was chosen in a ballot below b and is unknown here.* Its acceptors would
   have reported it in phase 1, which is why `may_read` waits until all that was reported is chosen
   and until phase 1 is complete for the acceptors of s.
2. *Nothing acknowledged was chosen by a ballot above b.* Its proposer would have completed phase 1
   for slot s before the read arrived. A quorum of the acceptors of s promised it that higher ballot
   and one of them is among the quorum that confirmed b afterwards, which it would not have done.
   It does not matter here who the acceptors of later slots are: to be acknowledged, a command
   needs every slot before its own chosen, s included.

So all that was acknowledged before the read arrived is chosen and applied here. The rounds are
those of `confirming`.
"""

from systems_under_test.node import Json, NodeId
from systems_under_test.paxos.acceptor import Acceptor
from systems_under_test.paxos.messages import Heartbeat, HeartbeatAnswer, Reject
from systems_under_test.paxos.single_decree import is_quorum
from systems_under_test.paxos.state import Role
from systems_under_test.requests import OperatorRequest, Reply, Request


class Reads(Acceptor):
    """The leader's heartbeats and rounds of confirmation, and the reads that wait for them."""

    # --- the leader -------------------------------------------------------------------------------

    def ask_for_confirmation(self) -> None:
        self.readers = self.members
        self.send_heartbeats()

    def may_read(self) -> bool:
        """Whether everything that was chosen in lower ballots is known here."""
        return self.chosen >= max(
            self.chosen_elsewhere, self.last_reported
        ) and self.has_quorum_of_promises(self.members)

    def has_quorum_of_promises(self, members: tuple[NodeId, ...]) -> bool:
        """Whether phase 1 of our ballot is complete for slots with these acceptors."""
        return self.is_quorum(self.promises, members)

    def is_quorum(self, nodes: set[NodeId], members: tuple[NodeId, ...]) -> bool:
        return is_quorum(nodes, members)

    def send_heartbeats(self) -> None:
        """Tell every node, members and others, that we lead, and what is chosen."""
        self.broadcast(Heartbeat(self.ballot, self.chosen, self.read_round))

    def on_heartbeat_answer(self, peer: NodeId, answer: HeartbeatAnswer) -> None:
        if self.role is not Role.LEADER or answer.ballot != self.ballot:
            return
        self.heard.add(peer)
        if answer.read_round > self.confirmed.get(peer, 0):
            self.confirmed[peer] = answer.read_round
            self.answer_confirmed_reads()

    def is_confirmed(self) -> bool:
        # Our own acceptor has promised nothing higher, or we would not lead any more.
        took_part = {self.node_id}
        took_part.update(p for p, r in self.confirmed.items() if r == self.read_round)
        return self.is_quorum(took_part, self.readers)

    def answer_read(self, client: NodeId, request: Request) -> None:
        assert self.role is Role.LEADER, f"a {self.role} answers a read"
        found: Json
        if isinstance(request, OperatorRequest):
            found = list(self.members)
        else:
            found = self.machine.read(request.key)
        self.send(client, Reply(request.sequence, found))

    # --- everybody else ---------------------------------------------------------------------------

    def on_heartbeat(self, leader: NodeId, beat: Heartbeat) -> None:
        """Confirm the ballot unless a higher one is promised, and learn what is chosen."""
        if not self.may_accept(beat.ballot):
            self.send(leader, Reject(beat.ballot, self.promised))
            return
        self.hear_of(beat.ballot)
        self.follow(leader)
        self.learn_from(beat.ballot, beat.chosen)
        self.send(leader, HeartbeatAnswer(beat.ballot, beat.read_round))
        if self.chosen < beat.chosen:
            # What is missing was sent before this heartbeat, and is lost, or was never sent to us.
            self.ask_for_chosen(self.random.choice(self.peers))
