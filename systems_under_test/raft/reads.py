"""Reads that are linearizable and leave no entry in the log: ReadIndex (dissertation §6.4).

A leader may have been deposed without knowing it, and its state may be old. So before it answers a
read it asks the others, in a round of heartbeats, whether it still leads:

1. It waits until an entry of its own term is committed, the no-op at the latest. Before that it
   may not know which earlier entries are committed, and its state may lack acknowledged writes.
2. It sends heartbeats with the number of a new round, *after* the read has arrived.
3. Once a majority has answered that round in its term, no later leader had been elected when the
   read arrived: a later leader's majority has a node in common with this one, which would have
   answered with the later term. So whatever was acknowledged before the read arrived is committed
   here, and everything committed is applied: the state is recent enough to answer from.

One round serves all reads that had arrived when it began; those that come later wait for the next.
Nothing here depends on a clock, as leases would.
"""

from abc import abstractmethod

from systems_under_test.node import NodeId
from systems_under_test.raft.state import Role, State
from systems_under_test.requests import Reply, Request


class Reads(State):
    """The leader's rounds of confirmation, and the reads that wait for them."""

    @abstractmethod
    def send_heartbeats(self) -> None:
        """Send every peer a message that asks for an answer to the present round."""

    def on_read(self, client: NodeId, request: Request) -> None:
        self.reads_waiting.append((client, request))
        self.begin_read_round()

    def begin_read_round(self) -> None:
        """Ask for confirmation on behalf of all reads that wait, one round at a time."""
        if not self.reads_waiting or self.reads_asked or not self.has_committed_in_its_term():
            return
        self.reads_asked, self.reads_waiting = self.reads_waiting, []
        self.read_round += 1
        self.send_heartbeats()
        self.answer_confirmed_reads()

    def has_committed_in_its_term(self) -> bool:
        return self.log.term_at(self.commit_index) == self.term

    def answer_confirmed_reads(self) -> None:
        """Answer the reads of the round under way once a majority, with ourselves, took part."""
        if not self.reads_asked:
            return
        if not self.members.is_quorum(self.confirmed()):
            return
        for client, request in self.reads_asked:
            self.answer_read(client, request)
        self.reads_asked = []
        self.begin_read_round()

    def confirmed(self) -> set[NodeId]:
        """Who took part in the round under way: we did."""
        others = {peer for peer, it in self.progress.items() if it.read_round == self.read_round}
        return {self.node_id, *others}

    def answer_read(self, client: NodeId, request: Request) -> None:
        """Answer from what is applied."""
        assert self.role is Role.LEADER, f"a {self.role} answers a read"
        self.send(client, Reply(request.sequence, self.machine.read(request.key)))
