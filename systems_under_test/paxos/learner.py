"""The learner: finds out what is chosen, and applies it in the order of the slots.

The leader counts the acceptors' answers and tells everybody how far slots are chosen ("Paxos Made
Simple" 2.3: acceptors answer a distinguished learner, which informs the others). A learner that
is missing values asks any other node for them, which needs no ballot: what is chosen stays chosen.
"""

from systems_under_test.node import NodeId
from systems_under_test.paxos.messages import Ballot, Learn, Learned, Value
from systems_under_test.paxos.state import State
from systems_under_test.requests import OperatorRequest, Refusal, Reply
from systems_under_test.sizes import BATCH_BYTES, fitting, weight


class Learner(State):
    """What is chosen, as far as this node knows."""

    def learn_from(self, ballot: Ballot, chosen: int) -> None:
        """The leader of that ballot says that all slots up to `chosen` are chosen.

        It says so once it has proposed in each of them itself, or knows what was chosen there in an
        earlier ballot. What we accepted in this very ballot is what it proposed, and so is what was
        chosen. What we accepted in an earlier ballot may be something else: there we have to ask.
        """
        while self.chosen < chosen:
            vote = self.accepted.get(self.chosen + 1)
            if vote is None or vote.ballot != ballot:
                return
            self.choose(vote.value)

    def choose(self, value: Value) -> None:
        """The value of the next slot is known: apply it."""
        self.chosen += 1
        self.accepted.pop(self.chosen, None)
        self.values.append(value)
        self.on_chosen(self.chosen, self.apply(self.chosen, value))

    def apply(self, slot: int, value: Value) -> Reply | Refusal | None:
        if value is None:
            return None
        if isinstance(value, OperatorRequest):
            members = self.membership.change(slot, value.function, value.argument)
            return Reply(value.sequence, list(members))
        return self.machine.apply(value)

    # --- catching up ------------------------------------------------------------------------------

    def ask_for_chosen(self, peer: NodeId) -> None:
        if self.incoming and self.incoming[0].chosen <= self.chosen:
            self.incoming = []  # Values came sooner than the snapshot.
        snapshot = self.incoming[0].chosen if self.incoming else 0
        self.send(peer, Learn(self.chosen + 1, snapshot, len(self.incoming)))

    def on_learn(self, peer: NodeId, ask: Learn) -> None:
        """Tell a peer what is chosen from that slot on, if we know more than it does."""
        begin = ask.first_slot - 1 - self.forgotten
        values = tuple(self.values[begin : begin + self.MAX_LEARNED])
        values = values[: fitting(values)]
        if values:
            self.send(peer, Learned(ask.first_slot, values))

    def on_learned(self, peer: NodeId, answer: Learned) -> None:
        """Take over what a peer knows to be chosen, and ask it for more.

        It is recorded, since later records count on it; nobody waits for that to be durable.
        """
        new = answer.values[self.chosen + 1 - answer.first_slot :]
        if answer.first_slot > self.chosen + 1 or not new:
            return
        self.persist(Learned(self.chosen + 1, new))
        for value in new:
            self.choose(value)
        known = sum(map(weight, answer.values))
        if len(answer.values) == self.MAX_LEARNED or known > BATCH_BYTES // 2:
            self.ask_for_chosen(peer)

    @property
    def last_known_slot(self) -> int:
        """The last slot whose acceptors are known: nobody may propose further ahead."""
        return self.chosen + self.WINDOW
