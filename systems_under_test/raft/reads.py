"""Reads that are linearizable and leave no entry in the log: ReadIndex (dissertation §6.4).

A leader may have been deposed without knowing it, and its state may be old. So before it answers a
read it asks the others, in a round of heartbeats, whether it still leads:

1. It waits until an entry of its own term is committed, the no-op at the latest. Before that it
   may not know which earlier entries are committed, and acknowledged writes may be missing from its
   state.
2. It sends heartbeats with the number of a new round, *after* the read has arrived.
3. Once a majority has answered that round in its term, no later leader had been elected when the
   read arrived: a later leader's majority has a node in common with this one, which would have
   answered with the later term. So whatever was acknowledged before the read arrived is committed
   here, and everything committed is applied: the state is recent enough to answer from.

Nothing here depends on a clock, as leases would. The rounds are those of `confirming`.
"""

from abc import abstractmethod

from systems_under_test.node import NodeId
from systems_under_test.raft.state import Role, State
from systems_under_test.requests import Reply, Request


class Reads(State):
    """When the leader may begin a round of confirmation, and who took part in it."""

    @abstractmethod
    def send_heartbeats(self) -> None:
        """Send every peer a message that asks for an answer to the present round."""

    def ask_for_confirmation(self) -> None:
        self.send_heartbeats()

    def may_read(self) -> bool:
        """Whether an entry of this term is committed."""
        return self.log.term_at(self.commit_index) == self.term

    def is_confirmed(self) -> bool:
        return self.members.is_quorum(self.confirmed())

    def confirmed(self) -> set[NodeId]:
        """Who took part in the round under way: we did."""
        others = {peer for peer, it in self.progress.items() if it.read_round == self.read_round}
        return {self.node_id, *others}

    def answer_read(self, client: NodeId, request: Request) -> None:
        assert self.role is Role.LEADER, f"a {self.role} answers a read"
        self.send(client, Reply(request.sequence, self.machine.read(request.key)))
