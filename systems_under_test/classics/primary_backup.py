"""A primary with asynchronous backups: how a store loses writes that it has acknowledged.

The primary is the first node by name of those heard lately. It carries a request out, makes it
durable, answers, and tells the others afterwards. There are no terms, no quorum and no log to
compare. What is wrong with it, on purpose:

- A write is acknowledged before anybody else has it, so it is lost when the primary fails.
- Cut off from each other, two nodes believe to be the primary, and both serve.
- A primary that returns goes on from where it was, without what others did meanwhile.
"""

from dataclasses import dataclass
from typing import ClassVar

from systems_under_test.kv import KeyValueMachine, objection
from systems_under_test.node import Json, Message, Node, NodeId, Payload
from systems_under_test.requests import ErrorCode, Refusal, Request


@dataclass(frozen=True, slots=True)
class Copy(Payload):
    """The primary has carried out this request."""

    request: Request


@dataclass(frozen=True, slots=True)
class Alive(Payload):
    """The sender is up."""


TICK = "tick"


class PrimaryBackup(Node):
    """A key-value store whose primary acknowledges first and replicates later."""

    shows = ("stale read", "lost write", "lost update", "dirty read", "not linearizable")

    TICK_NS = 60_000_000
    MISSED_TICKS = 5
    """A node that was silent for this many ticks counts as gone."""

    payloads: ClassVar[tuple[type[Payload], ...]] = (Copy, Alive)

    def set_up(self) -> None:
        super().set_up()
        self.machine = KeyValueMachine()
        self.silent_ticks = dict.fromkeys(self.peers, 0)

    @property
    def primary(self) -> NodeId:
        heard = [peer for peer, ticks in self.silent_ticks.items() if ticks < self.MISSED_TICKS]
        return min(self.node_id, *heard, self.node_id)

    def on_start(self, stored: tuple[Payload, ...]) -> None:
        for request in stored:
            assert isinstance(request, Request), f"the journal holds {request}, no request"
            self.machine.apply(request)
        self.set_timer(TICK, self.TICK_NS)

    def on_timer(self, name: str) -> None:
        self.set_timer(TICK, self.TICK_NS)
        self.broadcast(Alive())
        for peer in self.peers:
            self.silent_ticks[peer] += 1

    def on_message(self, message: Message) -> None:
        if message.source in self.silent_ticks:
            self.silent_ticks[message.source] = 0
        match message.payload:
            case Copy(request):
                self.persist(request)
                self.machine.apply(request)
            case Request() as request:
                self.on_request(message.source, request)

    def on_request(self, client: NodeId, request: Request) -> None:
        if self.primary != self.node_id:
            error = ErrorCode.NOT_LEADER.word
            self.send(client, Refusal(request.sequence, error, leader=self.primary))
            return
        changes = request.function != "read" and not objection(request)
        if changes:
            self.persist(request)
        self.send(client, self.machine.apply(request))
        if changes:
            self.broadcast(Copy(request))

    def facts(self) -> dict[str, Json]:
        role = "leader" if self.primary == self.node_id else "follower"
        return {"role": role, "term": 1, "leader": self.primary}
