"""Programs on standard input and output that speak Maelstrom's protocol; we are their network.

Each node is a process. What it writes on standard error is its log, and each line that it writes on
standard output is a message (`post`). Real processes keep real time: the seed decides the calls,
the faults and the network's dice, and the run is not exactly repeatable.
"""

import asyncio
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.clock import SECOND_NS
from harness.cluster import (
    OPERATOR,
    WARM_UP,
    Capability,
    Channel,
    Link,
    NoAnswer,
    NodeState,
    Unreachable,
)
from harness.conditions import Conditions
from harness.database import Deployment
from harness.databases.maelstrom import Body, Rpc, answered, asked, grid, said
from harness.environments.leftovers import remove_leftovers
from harness.environments.post import STARTER, Post
from harness.environments.processes import ProcessCluster
from harness.environments.switchboard import Weather
from harness.environments.tcp_cluster import in_thread, last_words
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request, Status

LINE_BYTES_MAX = 16 << 20
"""A line that is longer is no message."""

_LOOK_S = 0.05


class MaelstromCluster(ProcessCluster):
    """Node processes that talk by standard input and output."""

    environment = "maelstrom"
    capabilities = frozenset(
        {
            Capability.KILL,
            Capability.PAUSE,
            Capability.CUT,
            Capability.PACKET,
            Capability.DUPLICATE,
            Capability.LOG,
        }
    )

    def __init__(
        self, deployment: Deployment, protocol: Mapping[str, Rpc], weather: Weather, messages: Path
    ) -> None:
        """`protocol` is how the workload's calls are made; `messages` is where they are logged."""
        super().__init__(deployment)
        self._protocol = protocol
        self._post = Post(weather, deployment.seed, self.clock, messages, self._last_words)
        self._pipes: dict[NodeId, tuple[asyncio.WriteTransport, asyncio.BaseTransport]] = {}
        self._keys: dict[str, int] = {}

    async def _prepare(self) -> None:
        await in_thread(remove_leftovers)
        self._guard()
        for node in self.nodes:
            data = self._data / node
            data.mkdir(parents=True, exist_ok=True)
            self.places[node] = self.deployment.place(node, data, {node: (node, 0)}, ports=())
            self._post.attach(node, None)

    async def close(self) -> None:
        try:
            self._end_all()
            for node in list(self._pipes):
                self._disconnect(node)
            self._post.log.close()
            self._states = {node: NodeState(running=False) for node in self.nodes}
        finally:
            shutil.rmtree(self._data, ignore_errors=True)

    def channel(self, process: int) -> Channel:
        known = {WARM_UP: "warm-up", OPERATOR: "operator"}
        name = known.get(process, f"process {process}")
        return MaelstromChannel(self, self._post.caller(name))

    def _spawn(self, node: NodeId) -> None:
        with self._open_log(node) as log:
            self._processes[node] = subprocess.Popen(
                self._command(node),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment(node),
                start_new_session=True,
            )

    async def _serves(self, node: NodeId) -> bool:
        """Take the node up into the network; False if it ended before it answered `init`."""
        await self._connect(node)
        body: Body = {"type": "init", "node_id": node, "node_ids": list(self.nodes)}
        if not await self._begins(node, body):
            return False
        if "broadcast" not in self._protocol:
            return True
        return await self._begins(node, {"type": "topology", "topology": grid(self.nodes)})

    async def _begins(self, node: NodeId, body: Body) -> bool:
        """Have a node that starts answer a request within its time; a pause does not count."""
        asking = asyncio.ensure_future(self._post.ask(STARTER, node, body))
        limit_s = left_s = self.database.start_limit_s
        while left_s > 0 and not (await asyncio.wait([asking], timeout=_LOOK_S))[0]:
            left_s -= 0 if self._states[node].paused else _LOOK_S
            if self._ended(node):  # Though something that it has forked may hold its output open.
                asking.cancel()
                return False
        if not asking.done():
            asking.cancel()
            raise EnvironmentFailed(
                f"node {node} did not answer {body['type']!r} within {limit_s:g} s: "
                f"{self._last_words(node)}: see whether it reads standard input by lines, and "
                "flushes what it writes"
            )
        try:
            answer = asking.result()
        except (NoAnswer, Unreachable):
            # The node ends, or another fault has ended it.
            await in_thread(self._processes[node].wait)
            return False
        if answer.get("type") != f"{body['type']}_ok":
            raise EnvironmentFailed(
                f"node {node} answered {body['type']!r} with {answer}: answer {body['type']}_ok"
            )
        return True

    async def _connect(self, node: NodeId) -> None:
        process, loop = self._processes[node], asyncio.get_running_loop()
        self._disconnect(node)
        into, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.stdin)
        out, _ = await loop.connect_read_pipe(lambda: _Output(self._post, node), process.stdout)
        self._pipes[node] = (into, out)
        self._post.attach(node, into)
        self._changed(node, "up")

    def _disconnect(self, node: NodeId) -> None:
        self._post.attach(node, None)
        if node in self._pipes:
            into, out = self._pipes.pop(node)
            if not into.is_closing():
                into.abort()
            out.close()

    async def _cut(self, links: Sequence[Link]) -> None:
        self._post.switchboard.cut |= {*links}

    async def _mend(self, but: Sequence[Link]) -> None:
        self._post.switchboard.cut = {*but}

    async def is_cut(self, links: Sequence[Link]) -> bool | None:
        """Nothing gets through but by our own hands."""
        return self._post.switchboard.cut >= {*links} if links else None

    async def _disturb(self, links: Mapping[Link, Conditions]) -> None:
        self._post.switchboard.conditions = dict(links)

    async def is_disturbed(self, links: Mapping[Link, Conditions]) -> bool | None:
        return self._post.switchboard.conditions == links

    async def met(self, capability: Capability) -> int | None:
        """The messages that were stopped by cuts, or were under conditions."""
        board = self._post.switchboard
        return {Capability.CUT: board.stopped, Capability.PACKET: board.met}.get(capability)

    async def in_force(self) -> list[str]:
        board = self._post.switchboard
        held = [f"{one} to {other}" for one, other in sorted(board.cut | {*board.conditions})]
        return [*await super().in_force(), *held]

    async def calm(self) -> None:
        """No message is lost or doubled any more."""
        self._post.switchboard.calm()

    async def ask(self, client: str, node: NodeId, request: Request, until_ns: int) -> Body | None:
        """A client's question to a node; None where the protocol cannot ask it."""
        rpc = self._protocol[request.function]
        body = asked(rpc, self._keys.setdefault(request.key, len(self._keys)), request)
        if body is None:
            return None
        left_s = max(0.0, (until_ns - self.clock.now_ns()) / SECOND_NS)
        try:
            async with asyncio.timeout(left_s):
                return await self._post.ask(client, node, body)
        except (NoAnswer, TimeoutError) as error:
            why = str(error) or "timeout"
            self.doubts[why] += 1
            raise NoAnswer(why) from None

    def meant(self, request: Request, answer: Body) -> Reply | Refusal:
        """What a node's answer means; why it leaves the call in doubt is counted."""
        reply = answered(self._protocol[request.function], request, answer)
        if isinstance(reply, Refusal) and reply.error == ErrorCode.INTERNAL.word:
            self.doubts[said(answer)] += 1
        return reply

    async def status(self, node: NodeId) -> Status | None:
        """The protocol has no question for it."""
        self._post.check()
        return None

    async def leader(self) -> NodeId | None:
        node = self._post.busiest()
        self.leaders_by["who sent the others most messages in the last half second"] += bool(node)
        return node

    def describe(self) -> dict[str, Any]:
        board = self._post.switchboard
        return {
            **super().describe(),
            "partitions": "the harness hands on every message, but those of links that are cut",
            "messages": {"sent": board.sent, "lost": board.lost, "doubled": board.doubled},
        }

    def _changed(self, node: NodeId, into: str) -> None:
        if into == "down":
            self._disconnect(node)
        self._post.log.mark(node, into, self.clock.now_ns())

    def _last_words(self, node: NodeId) -> str:
        return last_words(self._log(node))


class _Output(asyncio.Protocol):
    """What one process of a node writes, by lines."""

    def __init__(self, post: Post, node: NodeId) -> None:
        self._post = post
        self._node = node
        self._rest = bytearray()

    def data_received(self, data: bytes) -> None:
        self._rest += data
        if b"\n" in data:
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                self._post.said(self._node, bytes(line))
        if len(self._rest) > LINE_BYTES_MAX:
            self._post.said(self._node, bytes(self._rest[:200]))
            self._rest.clear()

    def connection_lost(self, error: Exception | None) -> None:
        self._post.ended(self._node)


class MaelstromChannel(Channel):
    """One process's way to the nodes: a client of the protocol, with a name of its own."""

    def __init__(self, cluster: MaelstromCluster, name: str) -> None:
        self._cluster = cluster
        self._name = name

    async def ask(self, node: NodeId, request: Request, until_ns: int) -> Reply | Refusal:
        if request.function == "open":
            return Reply(request.sequence, 0)
        answer = await self._cluster.ask(self._name, node, request, until_ns)
        if answer is None:
            why = "the protocol has no cas of a key without a value"
            return Refusal(request.sequence, ErrorCode.REFUSED.word, None, why)
        return self._cluster.meant(request, answer)

    async def close(self) -> None:
        """There is nothing to give up."""
