"""Small systems for tests of drivers and environments."""

from dataclasses import dataclass
from random import Random
from typing import Any

from systems_under_test.node import Message, Node, Payload
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request


@dataclass(frozen=True, slots=True)
class Stored(Payload):
    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Beat(Payload):
    count: int


class Tiny(Node):
    """Keeps what it is told, durably, on its own; and beats to its peers ten times a second.

    `read` answers a stored value, `write` stores one, `heard` tells which beat of the node `key`
    was the last to arrive, `break` fails an assertion.
    """

    payloads = (Stored, Beat)

    def __init__(self, node_id: str, peers: Any, random: Random) -> None:
        super().__init__(node_id, peers, random)
        self.values: dict[str, Any] = {}
        self.heard: dict[str, int] = {}
        self.beats = 0

    def on_start(self, stored: tuple[Payload, ...]) -> None:
        for record in stored:
            assert isinstance(record, Stored)
            self.values[record.key] = record.value
        self.set_timer("beat", 0)

    def on_timer(self, name: str) -> None:
        self.beats += 1
        self.broadcast(Beat(self.beats))
        self.set_timer("beat", 20_000_000)

    def on_message(self, message: Message) -> None:
        match message.payload:
            case Beat(count):
                self.heard[message.source] = count
            case Request(_, sequence, "read", key):
                self.send(message.source, Reply(sequence, self.values.get(key)))
            case Request(_, sequence, "heard", key):
                self.send(message.source, Reply(sequence, self.heard.get(key, 0)))
            case Request(_, sequence, "write", key, value):
                self.values[key] = value
                self.persist(Stored(key, value))
                self.send(message.source, Reply(sequence, value))
            case Request(_, _, "break"):
                raise AssertionError("two leaders in one term")
            case Request(_, sequence):
                self.send(message.source, Refusal(sequence, ErrorCode.BAD_REQUEST.word))

    def facts(self) -> dict[str, Any]:
        leads = self.node_id == min((self.node_id, *self.peers))
        return {"role": "leader" if leads else "follower", "term": 1}
