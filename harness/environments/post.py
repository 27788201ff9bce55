"""The post between programs that speak Maelstrom's protocol, their clients and the services.

A line that a node writes is a message: the switchboard brings it to another node, a service answers
it, or it is the answer that one of our clients waits for. A node that writes anything else has
broken the protocol, and the run ends with that.
"""

import asyncio
import json
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from harness.clock import SECOND_NS, Clock
from harness.cluster import NoAnswer, Unreachable
from harness.databases.maelstrom import Body
from harness.environments.message_log import MessageLog
from harness.environments.services import services
from harness.environments.switchboard import Letter, Switchboard, Weather
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId

UNREAD_BYTES_MAX = 16 << 20
"""So much may wait for a node to read it; what comes on top is lost."""

RECENT_NS = SECOND_NS // 2
RECENT_MAX = 2_000
STARTER = "c0"
"""The client that has nodes begin."""


class _Line(msgspec.Struct):
    """A line of a node's output."""

    src: str
    dest: str
    body: dict[str, Any]


_decode = msgspec.json.Decoder(_Line).decode


class Post:
    """All that is sent in one run."""

    def __init__(
        self,
        weather: Weather,
        seed: int,
        clock: Clock,
        messages: Path,
        last_words: Callable[[NodeId], str],
    ) -> None:
        """Messages are written down at `messages`; `last_words` are the end of a node's log."""
        self.log = MessageLog(messages)
        self.switchboard = Switchboard(weather, seed, clock, self.log, self._deliver)
        self._clock = clock
        self._last_words = last_words
        self._services = services(seed)
        self._inputs: dict[NodeId, asyncio.WriteTransport | None] = {}
        self._waiting: dict[tuple[str, int], tuple[NodeId, asyncio.Future[Body]]] = {}
        self._callers = {STARTER: STARTER}
        self._asked = 0
        self._recent: deque[tuple[int, NodeId]] = deque(maxlen=RECENT_MAX)
        self._failed: EnvironmentFailed | None = None

    def caller(self, name: str) -> str:
        """A new client, by the name that the diagram has for it: its name in messages."""
        client = f"c{len(self._callers)}"
        self._callers[client] = name
        return client

    def attach(self, node: NodeId, into: asyncio.WriteTransport | None) -> None:
        """What a node is sent goes there from now on; None where it does not run."""
        self._inputs[node] = into

    def check(self) -> None:
        """Raise what is wrong with the programs, if anything is."""
        if self._failed is not None:
            raise self._failed

    def busiest(self) -> NodeId | None:
        """The node that has sent the others most messages in the last half second."""
        since_ns = self._clock.now_ns() - RECENT_NS
        counts = Counter(node for at_ns, node in self._recent if at_ns >= since_ns)
        return counts.most_common(1)[0][0] if counts else None

    async def ask(self, client: str, node: NodeId, body: Body) -> Body:
        """A client's question to a node; raises `Unreachable`, or `NoAnswer` if the node ends."""
        self.check()
        self._asked += 1
        number = self._asked
        answer: asyncio.Future[Body] = asyncio.get_running_loop().create_future()
        self._waiting[client, number] = (node, answer)
        try:
            letter = self._letter(client, node, {**body, "msg_id": number})
            if why := self._deliver(letter):
                raise Unreachable(f"{node}: {why}")
            self._note(letter)
            return await answer
        finally:
            del self._waiting[client, number]

    def said(self, node: NodeId, line: bytes) -> None:
        """A node has written a line."""
        if not line.strip():
            return
        try:
            message = _decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            self._fail(node, f"wrote what is not a message ({error}): {_start(line)}")
            return
        if message.src != node:
            self._fail(node, f"sent a message as {message.src!r}: {_start(line)}")
            return
        letter = Letter(node, message.dest, line, message.body, self._clock.now_ns())
        if letter.target in self._inputs:
            self._recent.append((letter.sent_ns, node))
            self.switchboard.send(letter)
        elif letter.target in self._services:
            self._note(letter)
            self._reply(letter, self._services[letter.target].answer(node, letter.body))
        elif letter.target in self._callers:
            self._answer(letter)
        else:
            self._note(letter, "nobody there")
            text = f"there is no node {letter.target!r}"
            self._reply(letter, {"type": "error", "code": 1, "text": text})

    def ended(self, node: NodeId) -> None:
        """A node has closed its output: clients that wait for an answer of it wait in vain."""
        for target, answer in self._waiting.values():
            if target == node and not answer.done():
                answer.set_exception(NoAnswer(f"{node} ended"))

    def _deliver(self, letter: Letter) -> str:
        """Hand a message to a node; why that cannot be, or ""."""
        into = self._inputs.get(letter.target)
        if into is None or into.is_closing():
            return "nobody there"
        if into.get_write_buffer_size() > UNREAD_BYTES_MAX:
            return "it does not read what it is sent"
        into.write(letter.line + b"\n")
        return ""

    def _answer(self, letter: Letter) -> None:
        """An answer to a client; one that comes too late is noted alone."""
        self._note(letter)
        number = letter.body.get("in_reply_to")
        waiting = self._waiting.get((letter.target, number)) if type(number) is int else None
        if waiting is not None and not waiting[1].done():
            waiting[1].set_result(letter.body)

    def _reply(self, letter: Letter, body: Body) -> None:
        """Answer a node's request, if it is one."""
        if "msg_id" in letter.body:
            body = {**body, "in_reply_to": letter.body["msg_id"]}
            answer = self._letter(letter.target, letter.source, body)
            self._note(answer, self._deliver(answer))

    def _letter(self, source: str, target: str, body: Body) -> Letter:
        line = json.dumps({"src": source, "dest": target, "body": body}).encode()
        return Letter(source, target, line, body, self._clock.now_ns())

    def _note(self, letter: Letter, lost: str = "") -> None:
        """Write down a message that takes no time, its client by the name that people know."""
        source = self._callers.get(letter.source, letter.source)
        target = self._callers.get(letter.target, letter.target)
        named = replace(letter, source=source, target=target)
        self.switchboard.note(named, None if lost else letter.sent_ns, lost)

    def _fail(self, node: NodeId, what: str) -> None:
        """The node broke the protocol: what waits for an answer, or asks next, ends the run."""
        if self._failed is None:
            self._failed = EnvironmentFailed(
                f"node {node} {what}; its log ends with: {self._last_words(node)}: write messages "
                "alone to standard output, and everything else to standard error"
            )
        for _, answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(self._failed)


def _start(line: bytes) -> str:
    return repr(line[:120].decode("utf-8", "replace"))
