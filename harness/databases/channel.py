"""How a client reaches nodes that listen on TCP: one connection a node, opened when first needed.

A request that gets no answer takes its connection with it, so that a late answer cannot be taken
for that of a later request (each session begins its sequences again). Only a request for which no
connection could be made was certainly never handed over: `Unreachable`. All else is `NoAnswer`.
Where this process has run out of something, that is neither: it ends the run (`harness.shortage`).
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from harness.clock import SECOND_NS, Clock
from harness.cluster import Channel, NoAnswer, Unreachable
from harness.database import Address
from harness.shortage import shortage
from systems_under_test.node import NodeId
from systems_under_test.requests import Refusal, Reply, Request, Status

CONNECT_LIMIT_S = 0.3
"""A kernel accepts connections within milliseconds, even for a node that is paused; an address
that nobody has answers nothing at all, and is not worth the whole time of a request."""

_STATUS_REQUEST = b'{"type":"StatusRequest"}\n'
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class TcpChannel(Channel):
    """One process's connections to the nodes at `addresses`."""

    def __init__(self, clock: Clock, addresses: Mapping[NodeId, Address]) -> None:
        self._clock = clock
        self._addresses = addresses
        self._connections: dict[NodeId, _Connection] = {}

    async def ask(self, node: NodeId, request: Request, until_ns: int) -> Reply | Refusal:
        line = _encode(
            {
                "type": type(request).__name__,
                "session": request.session,
                "sequence": request.sequence,
                "function": request.function,
                "key": request.key,
                "argument": request.argument,
            }
        )
        answer = await self._ask(node, line + b"\n", request.sequence, until_ns)
        sequence = request.sequence
        if answer["type"] == "Reply":
            return Reply(sequence, answer.get("result"))
        return Refusal(
            sequence, answer.get("error", ""), answer.get("leader"), answer.get("reason", "")
        )

    async def status(self, node: NodeId, until_ns: int) -> Status:
        """The node's facts and counters. Raises like `ask`."""
        answer = await self._ask(node, _STATUS_REQUEST, None, until_ns)
        return Status(answer["node"], answer["facts"], answer["counters"])

    async def close(self) -> None:
        for connection in self._connections.values():
            connection.abort()
        self._connections.clear()

    async def _ask(
        self, node: NodeId, line: bytes, sequence: int | None, until_ns: int
    ) -> dict[str, Any]:
        connection = self._connections.get(node)
        if connection is None or connection.lost:
            connection = await self._connect(node, until_ns)
        try:
            return await connection.ask(line, sequence, self._left_s(until_ns))
        except BaseException:
            connection.abort()
            self._connections.pop(node, None)
            raise

    async def _connect(self, node: NodeId, until_ns: int) -> "_Connection":
        loop = asyncio.get_running_loop()
        host, port = self._addresses[node]
        try:
            async with asyncio.timeout(min(CONNECT_LIMIT_S, self._left_s(until_ns))):
                _, connection = await loop.create_connection(_Connection, host, port)
        except TimeoutError:
            raise Unreachable(f"{node} took no connection in time") from None
        except OSError as error:
            if (own := shortage(error)) is not None:
                raise own from error
            raise Unreachable(f"{node}: {error.strerror or error}") from None
        self._connections[node] = connection
        return connection

    def _left_s(self, until_ns: int) -> float:
        return max(0.0, (until_ns - self._clock.now_ns()) / SECOND_NS)


class _Connection(asyncio.Protocol):
    """A client's connection to one node, with at most one request waiting for its answer."""

    def __init__(self) -> None:
        self.lost = False
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._rest = b""
        self._sequence: int | None = None
        self._answer: asyncio.Future[dict[str, Any]] | None = None

    async def ask(self, line: bytes, sequence: int | None, left_s: float) -> dict[str, Any]:
        """Send a line and return the answer of that sequence; None stands for a `Status`."""
        self._sequence = sequence
        self._answer = self._loop.create_future()
        timer = self._loop.call_later(left_s, self._fail, "no answer in time")
        try:
            self._transport.write(line)
            return await self._answer
        finally:
            timer.cancel()
            self._answer = None

    def abort(self) -> None:
        self.lost = True
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._fail(f"the connection broke: {error or 'closed by the node'}")

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n") if self._rest else data.split(b"\n")
        for line in lines:
            try:
                self._received(_decode(line))
            except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
                self._fail(f"the node answered with no known payload: {line[:80]!r}")

    def _received(self, answer: dict[str, Any]) -> None:
        """Hand on the answer that is waited for; one to an earlier request is thrown away."""
        kinds = ("Status",) if self._sequence is None else ("Reply", "Refusal")
        fits = answer["type"] in kinds and answer.get("sequence") == self._sequence
        if fits and self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def _fail(self, why: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(NoAnswer(why))
