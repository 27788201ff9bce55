"""The bundled Raft as a program that speaks Maelstrom's protocol, here or in Maelstrom itself.

    labrys run examples.maelstrom_raft:Raft --environment maelstrom --nodes 3 --loss 5
    labrys run --program 'python -m examples.maelstrom_raft' --environment maelstrom --nodes 3

`Stale` answers reads without asking whether it still leads. Nothing is kept on a disk, so leave
kills out.
"""

import importlib
import json
import sys
import time
from queue import Empty, Queue
from random import Random
from threading import Thread
from typing import Any

from harness.database import Argv, Place
from harness.databases.maelstrom import Maelstrom
from systems_under_test.node import CancelTimer, Message, Node, Received, Send, SetTimer, Started
from systems_under_test.node import TimerFired as Fired
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request
from systems_under_test.wire import Codec


class Raft(Maelstrom):
    functions = ("read", "write", "cas")
    failover_s = 1.0
    node_class = "systems_under_test.raft.node:Raft"

    def command(self, at: Place) -> Argv:
        return [at.python, "-m", "examples.maelstrom_raft", self.node_class]


class Stale(Raft):
    node_class = "systems_under_test.raft.flawed:RaftStaleReads"


class Program:
    """A node that is driven from standard input."""

    def __init__(self, node: Node, codec: Codec) -> None:
        self.node, self.codec = node, codec
        self.timers: dict[str, int] = {}
        self.asked: dict[tuple[str, int], dict[str, Any]] = {}

    def step(self, event: Any) -> None:
        for effect in self.node.step(event, time.monotonic_ns()):
            match effect:
                case SetTimer(name, after_ns):
                    self.timers[name] = time.monotonic_ns() + after_ns
                case CancelTimer(name):
                    self.timers.pop(name, None)
                case Send(Message(_, target, (Reply() | Refusal()) as payload)):
                    request = self.asked.pop((target, payload.sequence))
                    self.say(target, {**answer(request, payload), "in_reply_to": payload.sequence})
                case Send(Message(_, target, payload)):
                    self.say(target, json.loads(self.codec.encode(payload)))

    def say(self, target: str, body: dict[str, Any]) -> None:
        print(json.dumps({"src": self.node.node_id, "dest": target, "body": body}), flush=True)

    def heard(self, source: str, body: dict[str, Any]) -> None:
        if source in self.node.peers:
            payload = self.codec.decode(json.dumps(body).encode())
        else:
            argument = [body["from"], body["to"]] if body["type"] == "cas" else body.get("value")
            number = body["msg_id"]
            self.asked[source, number] = body
            payload = Request(0, number, body["type"], str(body["key"]), argument)
        self.step(Received(Message(source, self.node.node_id, payload)))

    def fire(self) -> None:
        for name, due_ns in list(self.timers.items()):
            if due_ns <= time.monotonic_ns() and self.timers.pop(name, None) is not None:
                self.step(Fired(name))


def answer(request: dict[str, Any], payload: Reply | Refusal) -> dict[str, Any]:
    """What the protocol has for an answer of ours."""
    kind = request["type"]
    if isinstance(payload, Refusal):
        definite = ErrorCode.of(payload.error).definite
        return {"type": "error", "code": 11 if definite else 13, "text": payload.error}
    if payload.result is None and kind != "write":
        return {"type": "error", "code": 20, "text": "there is no such key"}
    if kind == "cas" and payload.result != request["from"]:
        return {"type": "error", "code": 22, "text": f"it is {payload.result}"}
    return {"type": f"{kind}_ok", **({"value": payload.result} if kind == "read" else {})}


def main() -> None:
    module, _, name = (sys.argv[1] if len(sys.argv) > 1 else Raft.node_class).partition(":")
    node_class: type[Node] = getattr(importlib.import_module(module), name)
    init = json.loads(sys.stdin.readline())
    me, body = init["body"]["node_id"], init["body"]
    peers = [node for node in body["node_ids"] if node != me]
    program = Program(node_class(me, peers, Random(me)), Codec(node_class.payloads))
    program.say(init["src"], {"type": "init_ok", "in_reply_to": body["msg_id"]})
    program.step(Started(()))
    lines: Queue[str] = Queue()
    Thread(target=lambda: [lines.put(line) for line in sys.stdin], daemon=True).start()
    while True:
        left_ns = min(program.timers.values(), default=1 << 62) - time.monotonic_ns()
        try:
            message = json.loads(lines.get(timeout=min(max(left_ns / 1e9, 0), 60)))
            program.heard(message["src"], message["body"])
        except Empty:
            pass
        program.fire()


if __name__ == "__main__":
    main()
