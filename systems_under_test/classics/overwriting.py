"""A proposer that overwrites every node whose ballot is not higher, and asks for no quorum.

It looks like Paxos at a glance: there are proposers, ballots, and nodes that compare them. What is
missing is everything that makes Paxos safe, on purpose: ballots are not unique, nobody promises
anything, nobody reports what was accepted before, and a proposer waits for no answers. Anomalies:
reads of old values, writes that vanish, and two compare-and-sets that both succeed.

It comes in two forms. In `Overwriting` the proposer asks for a node's ballot and then overwrites
the node, whatever has happened in between. In `OverwritingIfNotHigher` the node itself compares, so
that asking and overwriting is one step; that changes nothing.
"""

from dataclasses import dataclass
from typing import ClassVar

from systems_under_test.kv import objection
from systems_under_test.node import Json, Message, Node, NodeId, Payload
from systems_under_test.objects import equal
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request


@dataclass(frozen=True, slots=True)
class Ask(Payload):
    """What is your ballot for that key? I would overwrite it with this."""

    key: str
    ballot: int
    value: Json


@dataclass(frozen=True, slots=True)
class Told(Payload):
    """My ballot for the key is that one; what you would have overwritten it with is this."""

    highest: int
    ask: Ask


@dataclass(frozen=True, slots=True)
class Overwrite(Payload):
    """Your value of the key is this one now: a message, and the record of every journal."""

    key: str
    ballot: int
    value: Json


class Overwriting(Node):
    """Everybody proposes, everybody reads its own values."""

    shows = ("stale read", "lost write", "lost update", "dirty read", "not linearizable")

    payloads: ClassVar[tuple[type[Payload], ...]] = (Ask, Told, Overwrite)

    def set_up(self) -> None:
        super().set_up()
        self.values: dict[str, tuple[int, Json]] = {}

    def on_start(self, stored: tuple[Payload, ...]) -> None:
        for record in stored:
            assert isinstance(record, Overwrite), f"the journal holds {record}"
            self.values[record.key] = (record.ballot, record.value)

    def on_timer(self, name: str) -> None:
        """It sets none."""

    def on_message(self, message: Message) -> None:
        match message.payload:
            case Request() as request:
                self.on_request(message.source, request)
            case Ask() as ask:
                self.send(message.source, Told(self.ballot_of(ask.key), ask))
            case Told(highest, ask):
                if highest <= ask.ballot:
                    self.send(message.source, Overwrite(ask.key, ask.ballot, ask.value))
            case Overwrite() as order:
                self.on_overwrite(order)

    def on_overwrite(self, order: Overwrite) -> None:
        self.store(order)

    def store(self, order: Overwrite) -> None:
        self.persist(order)
        self.values[order.key] = (order.ballot, order.value)

    def ballot_of(self, key: str) -> int:
        return self.values.get(key, (0, None))[0]

    def on_request(self, client: NodeId, request: Request) -> None:
        if reason := objection(request):
            self.send(client, Refusal(request.sequence, ErrorCode.BAD_REQUEST.word, reason=reason))
            return
        _, found = self.values.get(request.key, (0, None))
        result = found
        if request.function == "open":
            result = self.random.getrandbits(48)
        elif request.function == "write":
            result = request.argument
            self.propose(request.key, request.argument)
        elif request.function == "cas" and equal(found, request.argument[0]):
            self.propose(request.key, request.argument[1])
        self.send(client, Reply(request.sequence, result))

    def propose(self, key: str, value: Json) -> None:
        ballot = self.ballot_of(key) + 1
        self.store(Overwrite(key, ballot, value))
        self.send_proposal(key, ballot, value)

    def send_proposal(self, key: str, ballot: int, value: Json) -> None:
        self.broadcast(Ask(key, ballot, value))

    def facts(self) -> dict[str, Json]:
        return {"role": "proposer", "keys": len(self.values)}


class OverwritingIfNotHigher(Overwriting):
    """The node that is to be overwritten compares the ballots itself."""

    def send_proposal(self, key: str, ballot: int, value: Json) -> None:
        self.broadcast(Overwrite(key, ballot, value))

    def on_overwrite(self, order: Overwrite) -> None:
        if order.ballot >= self.ballot_of(order.key):
            self.store(order)
