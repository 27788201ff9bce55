"""A store that runs already: its addresses are given, and its processes are nobody's business here.

Clients call it and the history is judged, as anywhere. Faults are struck only by the commands that
its database gives (`harness.database.Faults`); whether a killed node is down is tried, and that a
pause or a cut did what it should is believed of a command that succeeds.
"""

import asyncio
import contextlib
import shlex
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.cluster import Channel, Link, NodeState
from harness.database import Deployment
from harness.environments.tcp_cluster import TcpCluster
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId
from systems_under_test.requests import Refusal, Reply, Request

COMMAND_LIMIT_S = 30.0
PROBE_S = 1.0


class ExistingCluster(TcpCluster):
    """Nodes that somebody else has started."""

    environment = "existing"
    capabilities = frozenset()

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment)
        self.capabilities |= self.database.faults.capabilities
        self._cut_links: set[Link] = set()
        self._run = uuid.uuid4().hex[:8]

    async def open(self) -> None:
        for node, address in zip(self.nodes, self.database.addresses, strict=True):
            host, _, port = address.rpartition(":")
            self.addresses[node] = (host.strip("[]"), int(port))
        for node, (_, number) in self.addresses.items():
            data = self.folder / "data" / node
            self.places[node] = self.deployment.place(node, data, self.addresses, ports=(number,))
            self._states[node] = NodeState()
        await self._all_serve()

    async def close(self) -> None:
        """Undo the faults that are still in force."""
        with contextlib.suppress(EnvironmentFailed):
            await self._mend(())
        for node, state in self._states.items():
            undo = self.resume if state.paused else self.start
            with contextlib.suppress(EnvironmentFailed):
                await undo([node])

    def channel(self, process: int) -> Channel:
        return _OwnKeys(super().channel(process), f"{self._run}:")

    async def start(self, nodes: Iterable[NodeId]) -> None:
        for node in nodes:
            if node in self.addresses and not self._states[node].running:
                await self._carry_out(self.database.faults.start, node=node)
                self._states[node] = NodeState()
                await self._serves(node)

    async def resume(self, nodes: Iterable[NodeId]) -> None:
        for node in nodes:
            if self._states[node].paused:
                await self._carry_out(self.database.faults.resume, node=node)
                self._states[node] = NodeState()

    async def _kill(self, nodes: Sequence[NodeId]) -> None:
        for node in nodes:
            if self._states[node].running:
                await self._carry_out(self.database.faults.kill, node=node)
                self._states[node] = NodeState(running=False)

    async def _pause(self, nodes: Sequence[NodeId]) -> None:
        for node in nodes:
            if self._states[node].running:
                await self._carry_out(self.database.faults.pause, node=node)
                self._states[node] = NodeState(paused=True)

    async def _cut(self, links: Sequence[Link]) -> None:
        for source, target in links:
            if (source, target) not in self._cut_links:
                self._cut_links.add((source, target))
                await self._carry_out(self.database.faults.cut, node=target, source=source)

    async def _mend(self, but: Sequence[Link]) -> None:
        for link in sorted(self._cut_links - {*but}):
            source, target = link
            await self._carry_out(self.database.faults.mend, node=target, source=source)
            self._cut_links.discard(link)
        await self._cut(but)

    async def life(self, node: NodeId) -> str:
        """Whether something takes connections there; which process it is nobody can tell."""
        try:
            async with asyncio.timeout(PROBE_S):
                _, writer = await asyncio.open_connection(*self.addresses[node])
        except (OSError, TimeoutError):
            return ""
        writer.transport.abort()
        host, port = self.addresses[node]
        return f"it takes connections at {host}:{port}"

    async def stopped(self, node: NodeId) -> bool:
        return True

    async def is_cut(self, links: Sequence[Link]) -> bool | None:
        return self._cut_links >= {*links} if links else None

    async def collect_logs(self, folder: Path) -> Sequence[Path]:
        return ()

    def crashes(self) -> Mapping[NodeId, str]:
        """A node that ended does not serve in the end, and is found out by that."""
        return {}

    def describe(self) -> dict[str, Any]:
        return {
            "addresses": {node: f"{host}:{port}" for node, (host, port) in self.addresses.items()},
            "faults": {name: line for name, line in vars(self.database.faults).items() if line},
            "keys": f"each begins with {self._run}, as the store has others",
            "leaders": dict(+self.leaders_by),
            "doubts": dict(self.doubts),
        }

    def _ended(self, node: NodeId) -> bool:
        return False

    def _log(self, node: NodeId) -> str:
        return ""

    async def _serves(self, node: NodeId) -> bool:
        limit_s, (host, port) = self.database.start_limit_s, self.addresses[node]
        try:
            return await super()._serves(node)
        except EnvironmentFailed as error:
            raise EnvironmentFailed(
                f"node {node} does not serve at {host}:{port} within {limit_s:g} s: start the "
                "store, or correct the address"
            ) from error

    async def _carry_out(self, line: str, node: NodeId, source: NodeId = "") -> None:
        """Carry out one of the database's commands, its words filled in."""
        fill = {"node": node, "host": self.addresses[node][0], "source": source}
        fill["source_host"] = self.addresses[source][0] if source else ""
        try:
            words = [word.format(**fill) for word in shlex.split(line)]
        except (KeyError, IndexError, ValueError) as error:
            raise EnvironmentFailed(
                f"the command {line!r} cannot be filled in ({error}): it may name "
                f"{', '.join(f'{{{name}}}' for name in fill)}"
            ) from error
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as error:
            raise EnvironmentFailed(
                f"the command {shlex.join(words)!r} cannot be run: {error.strerror}: correct it"
            ) from error
        try:
            async with asyncio.timeout(COMMAND_LIMIT_S):
                said, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()
            raise EnvironmentFailed(
                f"the command {shlex.join(words)!r} took more than {COMMAND_LIMIT_S:g} s: let it "
                "return at once"
            ) from None
        if process.returncode:
            end = said.decode("utf-8", "replace").strip()[-300:] or "(it said nothing)"
            raise EnvironmentFailed(
                f"the command {shlex.join(words)!r} ended with status {process.returncode}: {end}: "
                "correct it"
            )


class _OwnKeys(Channel):
    """A channel whose keys no other run has used: the store keeps what is written."""

    def __init__(self, channel: Channel, prefix: str) -> None:
        self._channel = channel
        self._prefix = prefix

    async def ask(self, node: NodeId, request: Request, until_ns: int) -> Reply | Refusal:
        request = replace(request, key=self._prefix + request.key)
        return await self._channel.ask(node, request, until_ns)

    async def close(self) -> None:
        await self._channel.close()
