"""Nodes as processes of this machine, on loopback: needs no container engine and no root.

Nodes listen on free ports that stay theirs for the whole run. Clients connect straight to them;
what nodes say to each other goes through `proxy`, where each directed link can be cut. Nodes and
proxy die with the harness: the kernel kills them on Linux, even stopped ones, and `leftovers`
finds what remains elsewhere.
"""

import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from harness.cluster import Capability, Link, NodeState
from harness.conditions import Conditions
from harness.database import Deployment, Place
from harness.environments.leftovers import remove_leftovers
from harness.environments.limits import LimitedProcesses
from harness.environments.tcp_cluster import PROCESSES_CAN, in_thread
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId

HOST = "127.0.0.1"

PROBE_S = 0.5
"""How long a connection over a link may last to be taken for one that was not refused."""


class LocalCluster(LimitedProcesses):
    """Node processes on loopback."""

    environment = "local"
    capabilities = PROCESSES_CAN

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment)
        if self.database.python is None:  # Programs that find each other by address need no proxy.
            # libfaketime would leave shared memory of killed programs in the host's /dev/shm.
            self.capabilities -= {Capability.CUT, Capability.PACKET, Capability.CLOCK}
        self._ports: dict[NodeId, tuple[int, ...]] = {}
        self._reserved: list[socket.socket] = []
        self._proxy: asyncio.subprocess.Process | None = None
        self._proxy_busy = asyncio.Lock()
        self._routes: dict[Link, int] = {}

    async def _prepare(self) -> None:
        await in_thread(remove_leftovers)
        self._open_told()
        for node in self.nodes:
            self._ports[node] = tuple(self._reserve_port() for _ in self._listed_ports())
            self.addresses[node] = (HOST, self._ports[node][0])
        if Capability.CUT in self.capabilities:
            await self._open_proxy()
        if self.database.python is None:  # Python nodes end with the harness by themselves.
            self._guard()
        for node in self.nodes:
            self.places[node] = self._place(node)

    async def close(self) -> None:
        try:
            self._end_all()
            self._groups.free()
            for reserved in self._reserved:
                reserved.close()
            self._reserved.clear()
            self._states = {node: NodeState(running=False) for node in self.nodes}
            proxy, self._proxy = self._proxy, None
            if proxy is not None:
                with contextlib.suppress(ProcessLookupError):
                    proxy.kill()
                await proxy.communicate()
        finally:  # Another Ctrl-C may end the closing.
            shutil.rmtree(self._data, ignore_errors=True)
            self._close_told()

    async def _cut(self, links: Sequence[Link]) -> None:
        await self._tell_proxy({"cut": links})

    async def _mend(self, but: Sequence[Link]) -> None:
        if Capability.CUT in self.capabilities:
            await self._tell_proxy({"mend": True, "cut": but})

    async def _disturb(self, links: Mapping[Link, Conditions]) -> None:
        if Capability.PACKET in self.capabilities:
            told = [[*link, asdict(conditions)] for link, conditions in links.items()]
            await self._tell_proxy({"conditions": told})

    async def in_force(self) -> list[str]:
        left = await super().in_force()
        if self._proxy is not None:
            seen = await self._tell_proxy({"count": True})
            left += [f"{seen[what]} links {what}" for what in ("cut", "disturbed") if seen[what]]
        return left

    async def met(self, capability: Capability) -> int | None:
        """The pieces of data that conditions of links held up."""
        if capability is not Capability.PACKET or self._proxy is None:
            return None
        return int((await self._tell_proxy({"count": True}))["met"])

    async def is_cut(self, links: Sequence[Link]) -> bool | None:
        """Connect over each link whose target lives: the proxy gives up what it may not pass on."""
        tried = [link for link in links if await self.life(link[1])]
        refused = await asyncio.gather(*map(self._refuses, tried))
        return all(refused) if tried else None

    async def _refuses(self, link: Link) -> bool:
        """Whether a connection over the link ends at once, rather than lead to the target."""
        reader, writer = await asyncio.open_connection(HOST, self._routes[link])
        try:
            async with asyncio.timeout(PROBE_S):
                return not await reader.read(1)
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        finally:
            writer.transport.abort()

    def describe(self) -> dict[str, Any]:
        can_cut = Capability.CUT in self.capabilities
        way = "a proxy process between the nodes" if can_cut else "none"
        held = "the proxy holds data up; what is lost is late by 0.2 s" if can_cut else "none"
        return {
            **super().describe(),
            "partitions": way,
            **self._ways(),
            "packets": held,
        }

    def _reserve_port(self) -> int:
        """A free port that nobody else is given while the run lasts.

        On Linux a socket that is bound but does not listen keeps others off the port, lets the
        node listen on it, and leaves connections refused while the node is down.
        """
        reserved = socket.socket()
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((HOST, 0))
        port: int = reserved.getsockname()[1]
        if sys.platform == "linux":
            self._reserved.append(reserved)
        else:
            reserved.close()
        return port

    def _place(self, node: NodeId) -> Place:
        """Its folder, and its peers at the ports of the proxy."""
        data = self._data / node
        data.mkdir(parents=True, exist_ok=True)
        others = self.addresses.items()
        return self.deployment.place(
            node,
            data,
            self.addresses,
            {peer: (HOST, self._routes.get((node, peer), port)) for peer, (_, port) in others},
            ports=self._ports[node],
            python=sys.executable,
            watched=True,
            told=self._told_files(node),
        )

    def _spawn(self, node: NodeId) -> None:
        command = self._command(node)
        with self._open_log(node) as log:
            self._processes[node] = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environment(node),
                start_new_session=True,  # Ctrl-C is for the harness, which then ends the nodes.
            )

    async def _open_proxy(self) -> None:
        self._proxy = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "harness.environments.proxy",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment(),
            start_new_session=True,
        )
        links = [[one, other, *self.addresses[other]] for one, other in self._links()]
        answer = await self._tell_proxy({"links": links})
        self._routes = {(one, other): port for one, other, port in answer.get("ports", ())}

    async def _tell_proxy(self, command: dict[str, Any]) -> dict[str, Any]:
        proxy = self._proxy
        if proxy is None or proxy.stdin is None or proxy.stdout is None:
            raise EnvironmentFailed("the cluster is not open: open it before cutting its links")
        async with self._proxy_busy:
            try:
                proxy.stdin.write(json.dumps(command).encode() + b"\n")
                answer: dict[str, Any] = json.loads(await proxy.stdout.readline())
            except (OSError, ValueError):
                raise EnvironmentFailed(
                    "the proxy between the nodes has ended: run again, and look at its error above"
                ) from None
        return answer
