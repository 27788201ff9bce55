"""Links that can be cut without root: a process through which every message between nodes passes.

For each directed link there is a listener; what it is sent goes on to the link's target. A cut
link is silent, as one whose packets a network drops: bytes on their way are kept unread, and go on
if the link mends in time; after `SILENCE_S` its connections are given up, as TCP gives up a
connection whose data nobody acknowledges for as long as nodes allow (`TCP_USER_TIMEOUT`). So stale
bytes of at most that age arrive late, which a real network does as well. New connections over a cut
link are refused. Nodes' connections carry messages one way, so a link may be cut one way.

It is a process of its own, since on a small machine the harness's loop is busy with clients. It
speaks lines of JSON on standard input and output, and ends when its input does:
`{"links": [[source, target, host, port], ...]}` is answered with the ports to use instead,
`{"cut": [[source, target], ...]}` and `{"mend": true}` with `{}` once they are in force. Of both in
one command, the first says which links are not mended. `{"conditions": [[source, target, {...}]]}`
replaces all conditions of links, and `{"count": true}` is answered with how many pieces of data met
any, and how many links are cut or under some. There are no packets here: what is lost is held up
for as long as TCP takes to send it again.
"""

import asyncio
import json
import os
import sys
from random import Random
from typing import Any

from systems_under_test.connections import SILENCE_S, set_silence
from systems_under_test.serve import die_with_parent

SENT_AGAIN_S = 0.2
"""How long Linux waits at least until it sends again what was not acknowledged."""

HELD_MAX = 1 << 18
"""In bytes: a connection of which more is held up is read from no more."""


class Link:
    """One directed link: its listener, and the connections that go through it."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.is_cut = False
        self.flows: dict[Inlet, None] = {}
        self.conditions: dict[str, Any] | None = None
        self.met = 0
        self._random = Random(port)
        self._free_s = 0.0

    def late_s(self, size: int, now_s: float) -> float:
        """How long data of that size is held up."""
        conditions, draw = self.conditions, self._random.random
        if conditions is None:
            return 0.0
        self.met += 1
        late_s: float = conditions["delay_ns"] + conditions["jitter_ns"] * (2 * draw() - 1)
        late_s = max(0.0, late_s / 1e9)
        if draw() < conditions["loss"]:
            late_s += SENT_AGAIN_S
        if conditions["rate"]:
            self._free_s = max(self._free_s, now_s) + size / conditions["rate"]
            late_s += self._free_s - now_s
        return late_s

    async def listen(self) -> int:
        """Listen on a free port of the loopback, and return it."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Inlet(self), "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def cut(self) -> None:
        if self.is_cut:
            return
        self.is_cut = True
        for flow in self.flows:
            flow.stall()

    def mend(self) -> None:
        self.is_cut = False
        for flow in self.flows:
            flow.go_on()


class Inlet(asyncio.Protocol):
    """The source's end of a connection through a link; reads only while its bytes may go on."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._source: asyncio.Transport
        self._target: asyncio.Transport | None = None
        self._target_full = False
        self._giving_up: asyncio.TimerHandle | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._held = 0
        self._latest_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._source = transport
        # Paused a moment later: Python 3.11.2 begins to read after this method, whatever it says.
        self._loop.call_soon(self._flow)
        if self._link.is_cut:
            transport.abort()
            return
        self._link.flows[self] = None
        self._connecting = self._loop.create_task(self._connect())

    def connection_lost(self, error: Exception | None) -> None:
        self._link.flows.pop(self, None)
        if self._giving_up is not None:
            self._giving_up.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
        if self._target is not None:
            self._target.close()

    def data_received(self, data: bytes) -> None:
        assert self._target is not None
        now_s = self._loop.time()
        late_s = self._link.late_s(len(data), now_s)
        if not late_s and not self._held:
            self._target.write(data)
            return
        self._held += len(data)
        self._latest_s = max(self._latest_s, now_s + late_s)
        self._loop.call_at(self._latest_s, self._pass_on, data)
        self._flow()

    def _pass_on(self, data: bytes) -> None:
        """Let data go that was held up; over a cut link nothing goes."""
        if self._target is None or self._target.is_closing():
            return
        if self._link.is_cut:
            self._loop.call_later(SENT_AGAIN_S, self._pass_on, data)
            return
        self._held -= len(data)
        self._target.write(data)
        self._flow()

    def stall(self) -> None:
        self._flow()
        self._giving_up = self._loop.call_later(SILENCE_S, self._source.abort)

    def go_on(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
        self._flow()

    def outlet_lost(self) -> None:
        self._source.abort()

    def outlet_full(self, full: bool) -> None:
        self._target_full = full
        self._flow()

    async def _connect(self) -> None:
        try:
            await self._loop.create_connection(lambda: Outlet(self), *self._link.target)
        except OSError:
            self._source.abort()

    def outlet_made(self, transport: asyncio.Transport) -> None:
        if self._source.is_closing():
            transport.abort()
            return
        self._target = transport
        self._flow()

    def _flow(self) -> None:
        """Read on or not: only to a target that is connected and takes more, over a whole link."""
        if self._target is None or self._target_full or self._link.is_cut or self._held > HELD_MAX:
            self._source.pause_reading()
        else:
            self._source.resume_reading()


class Outlet(asyncio.Protocol):
    """The target's end of a connection through a link."""

    def __init__(self, inlet: Inlet) -> None:
        self._inlet = inlet

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        set_silence(transport, SILENCE_S)
        self._inlet.outlet_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._inlet.outlet_lost()

    def pause_writing(self) -> None:
        self._inlet.outlet_full(True)

    def resume_writing(self) -> None:
        self._inlet.outlet_full(False)


class Proxy:
    """All links of a run, and the commands that the harness gives."""

    def __init__(self) -> None:
        self._links: dict[tuple[str, str], Link] = {}

    async def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        ports = []
        for source, target, host, port in command.get("links", ()):
            link = self._links[source, target] = Link(host, port)
            ports.append([source, target, await link.listen()])
        cut = [self._links[source, target] for source, target in command.get("cut", ())]
        for link in cut:
            link.cut()
        if command.get("mend"):
            for link in self._links.values():
                if link not in cut:
                    link.mend()
        if "conditions" in command:
            given = {(source, target): how for source, target, how in command["conditions"]}
            for ends, link in self._links.items():
                link.conditions = given.get(ends)
        if command.get("count"):
            links = self._links.values()
            return {
                "met": sum(link.met for link in links),
                "cut": sum(link.is_cut for link in links),
                "disturbed": sum(link.conditions is not None for link in links),
            }
        return {"ports": ports} if ports else {}


async def main() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    proxy = Proxy()
    while line := await reader.readline():
        print(json.dumps(await proxy.obey(json.loads(line))), flush=True)
    os._exit(0)


if __name__ == "__main__":
    die_with_parent()
    asyncio.run(main())
