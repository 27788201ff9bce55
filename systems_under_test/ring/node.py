"""The ring as a node: what comes in, and who handles it.

A store of registers, each on a few nodes that consistent hashing chooses, without any leader and
without a log. Every node coordinates every request: it asks the replicas of the key, and answers.

The class is written in layers, a file each, and each layer calls those below it:

    Ring          node.py           events, clients' requests, facts
    Linearizable  linearizable.py   reads and writes by ABD, changes by CASPaxos
    Rounds        rounds.py         asking replicas, time, giving up
    Replica       replica.py        what a replica holds, promises and answers; why it is safe
    State         state.py          registers, lives, the journal
"""

from typing import ClassVar

from systems_under_test.kv import equal, objection
from systems_under_test.node import Json, Message, NodeId, Payload
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request
from systems_under_test.ring.linearizable import UNCHANGED, Linearizable
from systems_under_test.ring.messages import PAYLOADS, Answer, Ask
from systems_under_test.ring.rounds import Operation, Steps


class Ring(Linearizable):
    """A node of the ring; every operation is linearizable."""

    payloads: ClassVar[tuple[type[Payload], ...]] = PAYLOADS

    def on_message(self, message: Message) -> None:
        payload = message.payload
        if isinstance(payload, Request):
            self.on_request(message.source, payload)
        elif message.source not in self.peers:
            return
        elif isinstance(payload, Ask):
            self.on_ask(message.source, payload)
        elif isinstance(payload, Answer):
            self.on_answer(message.source, payload)

    def on_request(self, client: NodeId, request: Request) -> None:
        if reason := objection(request):
            self.refuse(client, request, ErrorCode.BAD_REQUEST, reason)
        elif request.function == "open":
            # There are no sessions. A write is blind: sent again through another node it would
            # draw another tag, and could take effect twice, with others' writes in between.
            self.send(client, Reply(request.sequence, 0))
        elif len(self.operations) >= self.MAX_OPERATIONS:
            reason = f"{self.MAX_OPERATIONS} requests wait already: try again later"
            self.refuse(client, request, ErrorCode.OVERLOADED, reason)
        else:
            self.begin(client, request.sequence, lambda operation: self.steps(operation, request))

    def refuse(self, client: NodeId, request: Request, error: ErrorCode, reason: str = "") -> None:
        self.send(client, Refusal(request.sequence, error.word, reason=reason))

    def steps(self, operation: Operation, request: Request) -> Steps:
        """What is done to carry out a request."""
        key, argument = request.key, request.argument
        if request.function == "read":
            return self.read(key)
        if request.function == "write":
            return self.write(operation, key, argument)
        expected, new = argument
        return self.change(
            operation, key, lambda found: new if equal(found, expected) else UNCHANGED
        )

    def facts(self) -> dict[str, Json]:
        return {
            "role": "replica",
            "epoch": self.epoch,
            "members": [node for node, _ in self.members],
            "keys": len(self.copies),
            "operations": len(self.operations),
        }
