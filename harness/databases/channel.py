"""How a client reaches nodes that listen on TCP: one connection a node, opened when first needed.

A client's own connections carry one request at a time. One that gets no answer takes its connection
with it, so that a late answer cannot be taken for that of a later request (each session begins its
sequences again). Connections that several clients share (`SharedConnections`) carry the requests of
all of them at once; there each request has a number on the wire that no other ever has.

Only a request for which no connection could be made was certainly never handed over: `Unreachable`.
All else is `NoAnswer`. Where this process has run out of something, that is neither: it ends the
run (`harness.shortage`).
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from harness.clock import SECOND_NS, Clock
from harness.cluster import Channel, NoAnswer, Unreachable
from harness.database import Address
from harness.shortage import shortage
from systems_under_test.connections import SILENCE_S, set_silence
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
        sequence = request.sequence
        answer = await self._ask(node, _line(request, sequence), sequence, until_ns)
        return _meant(answer, sequence)

    async def status(self, node: NodeId, until_ns: int) -> Status:
        """The node's facts and counters. Raises like `ask`."""
        answer = await self._ask(node, _STATUS_REQUEST, None, until_ns)
        return Status(answer["node"], answer["facts"], answer["counters"])

    async def close(self) -> None:
        for connection in self._connections.values():
            connection.abort()
        self._connections.clear()

    async def _ask(
        self, node: NodeId, line: bytes, number: int | None, until_ns: int
    ) -> dict[str, Any]:
        connection = self._connections.get(node)
        if connection is None or connection.lost:
            left_s = _left_s(self._clock, until_ns)
            connection = await _connect(node, self._addresses[node], left_s)
            self._connections[node] = connection
        try:
            return await connection.ask(line, number, _left_s(self._clock, until_ns))
        except BaseException:
            connection.abort()
            self._connections.pop(node, None)
            raise


class SharedConnections:
    """One connection to each of the nodes at `addresses`, for all clients that are given a channel.

    A request that gets no answer leaves the connection to the others. One whose other end is gone
    breaks as soon as the kernel knows, and after a second without a sign of life.
    """

    def __init__(self, clock: Clock, addresses: Mapping[NodeId, Address]) -> None:
        self._clock = clock
        self._addresses = addresses
        self._connections: dict[NodeId, _Connection] = {}
        self._opening: dict[NodeId, asyncio.Task[_Connection]] = {}
        self._numbers = 0
        self._channels = 0

    def channel(self) -> "SharedChannel":
        """The channel of one more client, which is to close it."""
        self._channels += 1
        return SharedChannel(self)

    def leave(self) -> None:
        """One client less; the last one takes the connections with it."""
        self._channels -= 1
        if not self._channels:
            for opening in self._opening.values():
                opening.cancel()
            for connection in self._connections.values():
                connection.abort()
            self._connections.clear()

    def next_number(self) -> int:
        """A number for a request, above all those before it."""
        self._numbers += 1
        return self._numbers

    async def ask(self, node: NodeId, line: bytes, number: int, until_ns: int) -> dict[str, Any]:
        """Send a line and return the answer of that number. Raises like a channel."""
        connection = self._connections.get(node)
        if connection is None or connection.lost:
            connection = await self._opened(node, _left_s(self._clock, until_ns))
            if connection.lost:
                raise Unreachable(f"{node} closed the connection at once")
        return await connection.ask(line, number, _left_s(self._clock, until_ns))

    async def _opened(self, node: NodeId, left_s: float) -> "_Connection":
        """A new connection to the node: all who need it meanwhile wait for the same one."""
        opening = self._opening.get(node)
        if opening is None:
            opening = self._opening[node] = asyncio.create_task(self._open(node))
            opening.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait([opening], timeout=left_s)
        if not opening.done():
            raise Unreachable(f"{node} took no connection in time")
        try:
            return opening.result()
        except Unreachable as error:  # Each of those who waited raises one of its own.
            raise Unreachable(str(error)) from None

    async def _open(self, node: NodeId) -> "_Connection":
        try:
            connection = await _connect(node, self._addresses[node], CONNECT_LIMIT_S)
            set_silence(connection.transport, SILENCE_S)
            self._connections[node] = connection
            return connection
        finally:
            del self._opening[node]


class SharedChannel(Channel):
    """One process's way to the nodes, over connections that it shares.

    A request keeps its number on the wire when it is sent again, and a later one has a higher one,
    as a session wants it (systems_under_test/requests.py).
    """

    def __init__(self, shared: SharedConnections) -> None:
        self._shared: SharedConnections | None = shared
        self._sequence = self._number = 0

    async def ask(self, node: NodeId, request: Request, until_ns: int) -> Reply | Refusal:
        assert self._shared is not None, "the channel was closed"
        if request.sequence != self._sequence:
            self._sequence, self._number = request.sequence, self._shared.next_number()
        line = _line(request, self._number)
        answer = await self._shared.ask(node, line, self._number, until_ns)
        return _meant(answer, request.sequence)

    async def close(self) -> None:
        if self._shared is not None:
            self._shared.leave()
            self._shared = None


def _line(request: Request, number: int) -> bytes:
    """The request as it goes over the wire, with that number as its sequence."""
    line: bytes = _encode(
        {
            "type": type(request).__name__,
            "session": request.session,
            "sequence": number,
            "function": request.function,
            "key": request.key,
            "argument": request.argument,
        }
    )
    return line + b"\n"


def _meant(answer: Mapping[str, Any], sequence: int) -> Reply | Refusal:
    """The node's answer to the request of that sequence."""
    if answer["type"] == "Reply":
        return Reply(sequence, answer.get("result"))
    return Refusal(
        sequence, answer.get("error", ""), answer.get("leader"), answer.get("reason", "")
    )


def _left_s(clock: Clock, until_ns: int) -> float:
    return max(0.0, (until_ns - clock.now_ns()) / SECOND_NS)


async def _connect(node: NodeId, address: Address, left_s: float) -> "_Connection":
    """A new connection to a node, made within that time, or `Unreachable`."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(min(CONNECT_LIMIT_S, left_s)):
            _, connection = await loop.create_connection(_Connection, *address)
    except TimeoutError:
        raise Unreachable(f"{node} took no connection in time") from None
    except OSError as error:
        if (own := shortage(error)) is not None:
            raise own from error
        raise Unreachable(f"{node}: {error.strerror or error}") from None
    return connection


class _Connection(asyncio.Protocol):
    """A connection to one node, and those who wait for answers of it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._waiting: dict[int | None, asyncio.Future[dict[str, Any]]] = {}

    async def ask(self, line: bytes, number: int | None, left_s: float) -> dict[str, Any]:
        """Send a line and return the answer of that number; None stands for a `Status`."""
        answer: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._waiting[number] = answer
        timer = self._loop.call_later(left_s, _fail, answer, "no answer in time")
        try:
            self.transport.write(line)
            return await answer
        finally:
            timer.cancel()
            del self._waiting[number]

    @property
    def lost(self) -> bool:
        """Whether it can carry nothing more, from the moment at which the kernel says so."""
        return self.transport.is_closing()

    def abort(self) -> None:
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._fail_all(f"the connection broke: {error or 'closed by the node'}")

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n") if self._rest else data.split(b"\n")
        for line in lines:
            try:
                self._received(_decode(line))
            except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
                self.abort()
                self._fail_all(f"the node answered with no known payload: {line[:80]!r}")

    def _received(self, answer: dict[str, Any]) -> None:
        """Hand on an answer that is waited for; one to an earlier request is thrown away."""
        kind, number = answer["type"], answer.get("sequence")
        if (number is None and kind == "Status") or kind in ("Reply", "Refusal"):
            waiting = self._waiting.get(number)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)

    def _fail_all(self, why: str) -> None:
        for waiting in self._waiting.values():
            _fail(waiting, why)


def _fail(answer: "asyncio.Future[Any]", why: str) -> None:
    if not answer.done():
        answer.set_exception(NoAnswer(why))
