"""Nodes as containers on a network of their own, each with a fixed address and a volume.

Clients and nodes reach nodes by the containers' addresses. Links are cut by `links`, where it finds
a way; else the capability is missing. All that is made carries the owner's mark (`leftovers`).

Limits: the engine must run on this host and not rootless, since elsewhere its containers cannot be
reached by address. Not tried with engines in a virtual machine (macOS, Windows).
"""

import asyncio
import contextlib
import signal
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound

from harness.clock import MILLISECOND_NS
from harness.cluster import Capability, Link, NodeState
from harness.database import Deployment
from harness.environments.engine import connect, engine_errors, reason_of
from harness.environments.image import Image, node_image
from harness.environments.leftovers import (
    OWNER_LABEL,
    remove_from_engine,
    remove_leftovers,
)
from harness.environments.links import ContainerLinks
from harness.environments.owner import this_process
from harness.environments.tcp_cluster import TcpCluster, crash, in_thread, last_words
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId

SILENT_NS = 300 * MILLISECOND_NS
"""How long nodes may send nothing over links that are cut until somebody else tries them."""
PROCESSES_MAX = 512
MEMORY_MAX = "2g"
"""What a node's container may take: a node that runs wild must not take the machine with it."""

_FIRST_HOST = 11
"""The last part of the first node's address; the network's gateway has a low one."""


def engine_answers() -> bool:
    """Whether a Docker engine answers, found out within a second."""
    client = connect()
    if client is not None:
        client.close()
    return client is not None


class DockerCluster(TcpCluster):
    """Node containers on one network."""

    environment = "docker"
    capabilities = frozenset(Capability)

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment)
        self._owner = this_process(uuid.uuid4().hex[:8])
        self._labels = {"labrys.run": self._owner.run, OWNER_LABEL: self._owner.text()}
        self._client: docker.DockerClient | None = None
        self._network = f"labrys-{self._owner.run}"
        self._containers: dict[NodeId, str] = {}
        self._volumes: list[str] = []
        self._image: Image | None = None
        self._links_between: ContainerLinks | None = None
        self._engine: dict[str, Any] = {}
        # Faults of several families happen side by side, and the engine takes its time. Without
        # this a pause could find a node that is just being killed, and be noted after the kill.
        self._changing = asyncio.Lock()

    async def open(self) -> None:
        await in_thread(remove_leftovers)
        try:
            with engine_errors("start nodes"):
                await in_thread(self._make)
            await self._all_serve()
        except BaseException:
            with contextlib.suppress(EnvironmentFailed):
                await self.close()
            raise

    async def close(self) -> None:
        await in_thread(self._remove)

    async def start(self, nodes: Iterable[NodeId]) -> None:
        async with self._changing:
            started = [node for node in nodes if not self._states[node].running]
            await self._each(started, "start", lambda api, container: api.start(container))
            for node in started:
                self._states[node] = NodeState()
        for node in started:
            await self._serves(node)

    async def _kill(self, nodes: Sequence[NodeId]) -> None:
        async with self._changing:
            killed = [n for n in nodes if self._states[n].running and not self._ended(n)]
            await self._each(killed, "kill", _kill)
            for node in killed:
                self._states[node] = NodeState(running=False)

    async def _pause(self, nodes: Sequence[NodeId]) -> None:
        async with self._changing:
            paused = [node for node in nodes if self._states[node] == NodeState()]
            await self._each(paused, "pause", lambda api, container: api.pause(container))
            for node in paused:
                self._states[node] = NodeState(paused=True)

    async def resume(self, nodes: Iterable[NodeId]) -> None:
        async with self._changing:
            resumed = [node for node in nodes if self._states[node].paused]
            await self._each(resumed, "resume", lambda api, container: api.unpause(container))
            for node in resumed:
                self._states[node] = NodeState()

    async def _cut(self, links: Sequence[Link]) -> None:
        await in_thread(self._opened_links().cut, links)

    async def _mend(self, but: Sequence[Link]) -> None:
        if self._links_between is not None:
            await in_thread(self._links_between.mend, but)

    async def life(self, node: NodeId) -> str:
        if node not in self._containers:
            return ""
        state = await in_thread(self._inspect, node)
        return f"process {state['Pid']} of {state['StartedAt']}" if state["Running"] else ""

    async def stopped(self, node: NodeId) -> bool:
        return bool((await in_thread(self._inspect, node))["Paused"])

    async def is_cut(self, links: Sequence[Link]) -> bool | None:
        """Whether the rule has dropped something since it was asked to: what the nodes send to each
        other, or, where they are silent, an attempt to connect that is made in a container."""
        between = self._opened_links()
        before = await in_thread(between.dropped)
        until_ns = self.clock.now_ns() + SILENT_NS
        while self.clock.now_ns() < until_ns:
            await asyncio.sleep(0.02)
            if await in_thread(between.dropped) > before:
                return True
        for source, target in links:
            if self._states[source] == NodeState() and self._states[target].running:
                connected = await in_thread(between.connects, self._containers[source], target)
                if connected or await in_thread(between.dropped) > before:
                    return not connected
        return None

    async def met(self, capability: Capability) -> int | None:
        """The packets that cut links dropped."""
        if capability is not Capability.CUT or self._links_between is None:
            return None
        return await in_thread(self._links_between.dropped)

    async def collect_logs(self, folder: Path) -> Sequence[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for node in self.nodes:
            if node in self._containers:
                target = folder / f"{node}.log"
                text = await in_thread(self._log, node)
                target.write_text(text, encoding="utf-8")
                written.append(target)
        return written

    def crashes(self) -> Mapping[NodeId, str]:
        found = {}
        for node in self._containers:
            state = self._inspect(node) if self._states[node].running else {"Running": True}
            if not state["Running"]:
                status, killed = int(state.get("ExitCode", 0)), bool(state.get("OOMKilled"))
                words = last_words(self._log(node))
                found[node] = crash(node, -signal.SIGKILL if killed else status, words)
        return found

    def describe(self) -> dict[str, Any]:
        return {
            "engine": self._engine.get("ServerVersion"),
            "kernel": self._engine.get("KernelVersion"),
            "system": self._engine.get("OperatingSystem"),
            "image": self._image.tag if self._image else None,
            "base": self._image.base if self._image else None,
            "partitions": self._links_between.way if self._links_between else "none",
            "addresses": {node: f"{host}:{port}" for node, (host, port) in self.addresses.items()},
        }

    def _make(self) -> None:
        client = connect()
        if client is None:
            raise EnvironmentFailed(
                "no Docker engine answers: start one, or use the environment local"
            )
        if self.database.python is None:
            raise EnvironmentFailed(
                "the environment docker runs Python nodes alone, and this system is a program: "
                "use the environment namespaces or local"
            )
        self._client = client
        self._engine = client.info()
        self._image = node_image(client, self.database.python)
        base = self._make_network(client)
        for number, node in enumerate(self.nodes):
            self.addresses[node] = (str(base + _FIRST_HOST + number), self.database.ports[0])
        for node in self.nodes:
            data, ports = Path("/data"), self.database.ports
            self.places[node] = self.deployment.place(node, data, self.addresses, ports=ports)
            self._make_node(client, node, self._image)
        self._links_between = ContainerLinks(client, self._owner, self.addresses)
        self._links_between.open(self._image, f"{self._network}-helper", self._labels)
        if not self._links_between.can_cut:
            self.capabilities = frozenset(Capability) - {Capability.CUT}
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(client.api.start, self._containers.values()))
        self._states = {node: NodeState() for node in self.nodes}

    def _make_network(self, client: docker.DockerClient) -> Any:
        """Make the network, on a subnet that the engine holds for free; return its first address.

        The engine avoids the host's own routes only where it chooses the subnet, but gives fixed
        addresses only where the user chose it: so it chooses first, and then we choose the same.
        """
        for attempt in range(5):
            trial = client.api.create_network(f"{self._network}-trial", labels=self._labels)["Id"]
            subnet = client.api.inspect_network(trial)["IPAM"]["Config"][0]["Subnet"]
            client.api.remove_network(trial)
            pool = docker.types.IPAMPool(subnet=subnet)
            try:
                made = client.api.create_network(
                    self._network,
                    ipam=docker.types.IPAMConfig(pool_configs=[pool]),
                    labels=self._labels,
                )
            except APIError:
                if attempt == 4:  # Another run was quicker, five times over.
                    raise
                continue
            if not Path(f"/sys/class/net/br-{made['Id'][:12]}").exists():
                raise EnvironmentFailed(
                    "the Docker engine's containers cannot be reached by address from here "
                    "(it is rootless, or on another machine): use the environment local"
                )
            return ip_network(subnet).network_address
        raise AssertionError("unreachable")

    def _make_node(self, client: docker.DockerClient, node: NodeId, image: Image) -> None:
        host, _ = self.addresses[node]
        command = self._command(node)
        name = f"{self._network}-{node}"
        client.api.create_volume(name, labels=self._labels)
        self._volumes.append(name)
        endpoint = client.api.create_endpoint_config(ipv4_address=host)
        usr = ["/usr:/usr:ro"] if image.mounts_usr else []
        made = client.api.create_container(
            image.tag,
            command,
            name=name,
            hostname=node,
            labels=self._labels,
            volumes=["/data"],
            networking_config={"EndpointsConfig": {self._network: endpoint}},
            host_config=client.api.create_host_config(
                binds=[*usr, f"{name}:/data"],
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
                pids_limit=PROCESSES_MAX,
                mem_limit=MEMORY_MAX,
            ),
        )
        self._containers[node] = made["Id"]

    def _remove(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        containers = list(self._containers.values())
        if self._links_between is not None:
            self._links_between.close()
            if self._links_between.helper is not None:
                containers.append(self._links_between.helper)

        failures: list[str] = []

        def remove(kind: str, name: str) -> None:
            try:
                remove_from_engine(client, kind, name)
            except NotFound:
                pass
            except (DockerException, OSError) as error:
                failures.append(f"{kind} {name}: {reason_of(error)}")

        with contextlib.closing(client), ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: remove("container", name), containers))
            for network in (f"{self._network}-trial", self._network):
                remove("network", network)
            for volume in self._volumes:
                remove("volume", volume)
        self._links_between = None
        self._containers.clear()
        self._volumes.clear()
        self._states = {node: NodeState(running=False) for node in self.nodes}
        if failures:
            raise EnvironmentFailed(
                f"the Docker engine could not remove {'; '.join(failures)}: "
                "see to the engine, then run labrys clean"
            )

    async def _each(
        self, nodes: Sequence[NodeId], what: str, action: Callable[[Any, str], None]
    ) -> None:
        """Do something to the containers of these nodes side by side; see `_changing`."""
        api = self._open_client().api

        def act(node: NodeId) -> None:
            try:
                action(api, self._containers[node])
            except APIError:
                # A node that has ended by itself is a crash, which `crashes` tells. One that was
                # down before, and that the engine could not start, is none.
                if not self._states[node].running or not self._ended(node):
                    raise

        with engine_errors(f"{what} {', '.join(nodes)}"):
            await asyncio.gather(*(in_thread(act, node) for node in nodes))

    def _opened_links(self) -> ContainerLinks:
        if self._links_between is None:
            raise EnvironmentFailed("the cluster is not open: open it before cutting its links")
        return self._links_between

    def _open_client(self) -> docker.DockerClient:
        if self._client is None:
            raise EnvironmentFailed("the cluster is not open: open it before using its nodes")
        return self._client

    def _inspect(self, node: NodeId) -> dict[str, Any]:
        api = self._open_client().api
        with engine_errors(f"tell the state of {node}"):
            state: dict[str, Any] = api.inspect_container(self._containers[node])["State"]
        return state

    def _ended(self, node: NodeId) -> bool:
        return not self._inspect(node)["Running"]

    def _log(self, node: NodeId) -> str:
        api = self._open_client().api
        with engine_errors(f"give the log of {node}"):
            raw: bytes = api.logs(self._containers[node])
        return raw.decode(errors="replace")


def _kill(api: Any, container: str) -> None:
    """Kill, and return when the engine has seen the end, so that a start may follow at once."""
    api.kill(container, "SIGKILL")
    api.wait(container, timeout=10)
