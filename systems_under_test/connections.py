"""A node's connections: one to each peer, one way, and those that peers and clients make to it.

What a peer does not read waits in a bounded queue that drops its oldest messages, which the node
contract allows, so that a slow peer never holds up the node. A client that does not read its
answers is read from no more, and cut off in the end. A line that is too long or malformed closes
its connection with a logged reason, and nothing else. Limits: see the constants below.
"""

import asyncio
import contextlib
import socket
import sys
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from systems_under_test.node import Message, NodeId, Received
from systems_under_test.requests import Request, StatusRequest
from systems_under_test.wire import Hello, Malformed

if TYPE_CHECKING:
    from systems_under_test.driver import Server

MAX_LINE = 16 * 2**20
"""A longer line, in bytes, closes the connection that it comes on."""
MAX_UNSENT = 16 * 2**20
"""Bytes of answers that may wait for a client that does not read; more close its connection."""
MAX_WAITING = 4 * 2**20
"""Bytes of messages that may wait for a peer; beyond them the oldest are dropped."""
SILENCE_S = 1.0
"""A connection to a peer on which nothing gets through for so long is given up and made again."""
CONNECT_S = 0.3
RETRY_S = 0.1
HALF_OPEN_S = 10.0
"""How long a client that has closed its own direction may wait for the answers still due."""

Address: TypeAlias = tuple[str, int]


class PeerLink(asyncio.Protocol):
    """The connection that carries this node's messages to one peer, and what waits for it."""

    def __init__(self, hello: bytes, peer: NodeId, address: Address) -> None:
        self._hello = hello
        self._peer = peer
        self._address = address
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._transport: asyncio.Transport | None = None
        self._full = False
        self._lost = asyncio.Event()
        self._up: asyncio.TimerHandle | None = None
        self._noted = False

    def send(self, line: bytes) -> None:
        self._waiting.append(line)
        self._size += len(line)
        while self._size > MAX_WAITING and len(self._waiting) > 1:
            self._size -= len(self._waiting.popleft())

    def flush(self) -> None:
        if self._waiting and self._transport is not None and not self._full:
            self._transport.write(b"".join(self._waiting))
            self._forget()

    async def keep_connected(self) -> None:
        """Connect, wait until the connection breaks, and begin again, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            self._lost.clear()
            try:
                async with asyncio.timeout(CONNECT_S):
                    await loop.create_connection(lambda: self, *self._address)
            except (OSError, TimeoutError):
                self._forget()  # What is older than an attempt to connect is not worth sending.
            else:
                await self._lost.wait()
            await asyncio.sleep(RETRY_S)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        set_silence(transport, SILENCE_S)
        transport.set_write_buffer_limits(2**20)
        transport.write(self._hello)
        self._transport = transport
        self._full = False
        # A proxy may accept and then find nobody behind it: what lasts is worth a line.
        self._up = asyncio.get_running_loop().call_later(RETRY_S, self._note)
        self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._lost.set()
        if self._up is not None:
            self._up.cancel()
        if self._noted:
            self._noted = False
            log(f"link to {self._peer} lost: {error or 'closed by the other end'}")

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self.flush()

    def _note(self) -> None:
        self._noted = True
        log(f"link to {self._peer} is up")

    def _forget(self) -> None:
        self._waiting.clear()
        self._size = 0


class Incoming(asyncio.Protocol):
    """A connection made to this node: a peer's if it begins with Hello, otherwise a client's."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._buffer = bytearray()
        self._transport: asyncio.Transport
        self._peer: NodeId | None = None
        self._client: NodeId | None = None
        self._unanswered = 0
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._client is not None:
            del self._server.clients[self._client]
        if self._peer is not None and self._server.inbound.get(self._peer) is self:
            del self._server.inbound[self._peer]
            log(f"{self._peer} disconnected")

    def data_received(self, data: bytes) -> None:
        self._server.counters["bytes_received"] += len(data)
        self._buffer += data
        lines = bytes(self._buffer).split(b"\n") if b"\n" in data else [b""]
        if len(lines) > 1:
            self._buffer = bytearray(lines.pop())
        else:
            lines = []
        for line in lines:
            if self._transport.is_closing():
                return
            try:
                self._receive(line)
            except Malformed as error:
                self._refuse(str(error))
        if len(self._buffer) > MAX_LINE:
            self._refuse(f"a line of more than {MAX_LINE} bytes")

    def eof_received(self) -> bool:
        """Keep the connection of a client that awaits answers, as `echo ... | nc` does."""
        self._ended = True
        if not self._unanswered:
            return False
        asyncio.get_running_loop().call_later(HALF_OPEN_S, self._transport.close)
        return True

    def send(self, line: bytes) -> None:
        """Answer a client's request."""
        self._transport.write(line)
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            log(f"closing {self._name()}: it does not read its answers")
            self._transport.abort()
        self._unanswered -= 1
        if self._ended and not self._unanswered:
            self._transport.close()

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def _receive(self, line: bytes) -> None:
        if len(line) > MAX_LINE:
            raise Malformed(f"a line of more than {MAX_LINE} bytes")
        server = self._server
        payload = server.codec.decode(line)
        if self._peer is not None:
            server.counters["messages_received"] += 1
            server.step(Received(Message(self._peer, server.node.node_id, payload)))
        elif isinstance(payload, Hello) and self._client is None:
            self._greet(payload.source)
        elif isinstance(payload, Request):
            server.counters["messages_received"] += 1
            self._unanswered += 1
            source = self._client or self._become_client()
            server.step(Received(Message(source, server.node.node_id, payload)))
        elif isinstance(payload, StatusRequest):
            self._unanswered += 1
            self.send(server.codec.encode(server.status()))
        else:
            raise Malformed(f"a {type(payload).__name__} is not for clients to send")

    def _greet(self, peer: NodeId) -> None:
        if peer not in self._server.links:
            raise Malformed(f"{peer!r} is not one of this node's peers")
        older = self._server.inbound.get(peer)
        self._peer = peer
        self._server.inbound[peer] = self
        log(f"{peer} connected")
        if older is not None:
            older._transport.abort()

    def _become_client(self) -> NodeId:
        self._client = self._server.client_name()
        self._server.clients[self._client] = self
        return self._client

    def _refuse(self, why: str) -> None:
        log(f"closing {self._name()}: {why}")
        self._transport.abort()

    def _name(self) -> str:
        address = self._transport.get_extra_info("peername") or ("?", 0)
        whose = self._peer or self._client or "someone"
        return f"the connection of {whose} at {address[0]}:{address[1]}"


def set_silence(transport: asyncio.Transport, seconds: float) -> None:
    """Have the kernel break a connection whose data is not acknowledged for that long.

    Without it TCP goes on for minutes, with ever longer pauses, so that a link would stay silent
    for seconds after a partition has healed. Kernels other than Linux do without.
    """
    with contextlib.suppress(AttributeError, OSError):
        transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000)
        )


def log(text: str) -> None:
    """One line on standard error, with the time of day in UTC."""
    moment = datetime.now(UTC).strftime("%H:%M:%S.%f")[:-3]
    print(f"{moment} {text}", file=sys.stderr, flush=True)
