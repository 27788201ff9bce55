"""Nodes as containers on a network of their own, each with a fixed address and a volume.

Clients and nodes reach nodes by the containers' addresses. Links are cut by `links`, where it finds
a way; else the capability is missing. All that is made carries the owner's mark (`leftovers`).

Limits: the engine must run on this host and not rootless, since elsewhere its containers cannot be
reached by address. Not tried with engines in a virtual machine (macOS, Windows).
"""

import asyncio
import contextlib
import shutil
import signal
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError

from harness.clock import MILLISECOND_NS
from harness.cluster import Capability, Link, NodeState
from harness.conditions import Conditions
from harness.database import Database, Deployment
from harness.environments.clocks import WAY as CLOCKS
from harness.environments.compose import read_services
from harness.environments.containers import Containers, Program
from harness.environments.disks import WAY as DISKS
from harness.environments.disks import disks_work, shut_down
from harness.environments.engine import connect, engine_errors
from harness.environments.image import Image, node_image, present_image
from harness.environments.lab import connects_from
from harness.environments.leftovers import remove_leftovers
from harness.environments.links import ContainerLinks
from harness.environments.loops import OPTIONS, LoopDisks
from harness.environments.owner import this_process
from harness.environments.packages import can_assemble
from harness.environments.packets import WAY, Packets, host_packets
from harness.environments.programs import base_program
from harness.environments.tcp_cluster import PROCESSES_CAN, TcpCluster, crash, in_thread, last_words
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId

SILENT_NS = 300 * MILLISECOND_NS
"""How long nodes may send nothing over links that are cut until somebody else tries them."""


def in_containers(database: Database) -> bool:
    """Whether the system can be run in containers here: something says what to make them of."""
    made_of = database.python or database.image or database.compose
    return bool(made_of or (database.packages and can_assemble()))


def engine_answers() -> bool:
    """Whether a Docker engine answers, found out within a second."""
    client = connect()
    if client is not None:
        client.close()
    return client is not None


CLOCK_IN_CONTAINER = Path("/labrys-clock")


class DockerCluster(TcpCluster):
    """Node containers on one network."""

    environment = "docker"
    capabilities = PROCESSES_CAN

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment)
        self._owner = this_process(uuid.uuid4().hex[:8])
        self._data = (self.folder / "data").resolve()
        self._made: Containers | None = None
        self._image: Image | None = None
        self._run: dict[NodeId, list[Program]] = {}
        self._links_between: ContainerLinks | None = None
        if self.database.python is None:
            self.capabilities -= {Capability.CLOCK}
        elif disks_work():
            self.capabilities |= {Capability.POWER}
        self._loops: LoopDisks | None = None
        if Capability.POWER in deployment.needs & self.capabilities:
            self._loops = LoopDisks(self.folder.resolve(), self._owner)
        self._packets: Packets | None = None
        self._packets_way = "none"
        self._engine: dict[str, Any] = {}
        # Faults of several families happen side by side, and the engine takes its time. Without
        # this a pause could find a node that is just being killed, and be noted after the kill.
        self._changing = asyncio.Lock()

    async def open(self) -> None:
        await in_thread(remove_leftovers)
        try:
            if self._clocks is not None:
                self._clocks.open()
            with engine_errors("start nodes", "see to the system's command and image"):
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
            await self._each(started, "start", self._containers.start_node)
            for node in started:
                self._states[node] = NodeState()
        for node in started:
            await self._serves(node)

    async def _kill(self, nodes: Sequence[NodeId]) -> None:
        async with self._changing:
            killed = [n for n in nodes if self._states[n].running and not self._ended(n)]
            await self._each(killed, "kill", self._containers.kill_node)
            for node in killed:
                self._states[node] = NodeState(running=False)

    async def _lose_power(self, nodes: Sequence[NodeId]) -> None:
        """A dead node's disk is unmounted, and so has nothing that is not synced."""
        async with self._changing:
            lost = [n for n in nodes if self._states[n].running and not self._ended(n)]
            for node in lost:
                (state, *_) = await in_thread(self._inspect, node)
                seen = Path(f"/proc/{state['Pid']}/root{self._data / node}")
                await in_thread(shut_down, seen, node)
            await self._each(lost, "kill", self._containers.kill_node)
            for node in lost:
                self._states[node] = NodeState(running=False)

    async def _pause(self, nodes: Sequence[NodeId]) -> None:
        async with self._changing:
            paused = [node for node in nodes if self._states[node] == NodeState()]
            await self._each(paused, "pause", self._containers.pause_node)
            for node in paused:
                self._states[node] = NodeState(paused=True)

    async def resume(self, nodes: Iterable[NodeId]) -> None:
        async with self._changing:
            resumed = [node for node in nodes if self._states[node].paused]
            await self._each(resumed, "resume", self._containers.resume_node)
            for node in resumed:
                self._states[node] = NodeState()

    async def _cut(self, links: Sequence[Link]) -> None:
        await in_thread(self._opened_links().cut, links)

    async def _mend(self, but: Sequence[Link]) -> None:
        if self._links_between is not None:
            await in_thread(self._links_between.mend, but)

    async def life(self, node: NodeId) -> str:
        if self._made is None or node not in self._made.of:
            return ""
        found = [state for state in await in_thread(self._inspect, node) if state["Running"]]
        lives = (f"{state['Pid']} of {state['StartedAt']}" for state in found)
        return f"process {', '.join(lives)}" if found else ""

    async def stopped(self, node: NodeId) -> bool:
        states = await in_thread(self._inspect, node)
        return all(state["Paused"] for state in states if state["Running"])

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
                connected = await in_thread(self._connects, source, target)
                if connected:
                    return False
                if connected is False or await in_thread(between.dropped) > before:
                    return True
        return None

    async def _disturb(self, links: Mapping[Link, Conditions]) -> None:
        if self._packets is not None:
            await in_thread(self._packets.disturb, links)

    async def met(self, capability: Capability) -> int | None:
        """The packets that cut links dropped, or that conditions of links held up."""
        if capability is Capability.PACKET and self._packets is not None:
            return await in_thread(self._packets.count)
        if capability is not Capability.CUT or self._links_between is None:
            return None
        return await in_thread(self._links_between.dropped)

    async def in_force(self) -> list[str]:
        left = await super().in_force()
        if self._links_between is not None and await in_thread(self._links_between.hold):
            left.append("links cut")
        disturbed = self._packets is not None and self._packets.disturbed
        return left + (["links disturbed"] if disturbed else [])

    async def collect_logs(self, folder: Path) -> Sequence[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for node in self.nodes:
            if self._made is not None and node in self._made.of:
                target = folder / f"{node}.log"
                text = await in_thread(self._log, node)
                target.write_text(text, encoding="utf-8")
                written.append(target)
        return written

    def crashes(self) -> Mapping[NodeId, str]:
        found = {}
        for node in self._containers.of:
            states = self._inspect(node) if self._states[node].running else []
            for state in (one for one in states if not one["Running"]):
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
            "images": sorted({one.image for own in self._run.values() for one in own}),
            "commands": {node: [[*one.command] for one in own] for node, own in self._run.items()},
            "doubts": dict(self.doubts),
            "leaders": dict(+self.leaders_by),
            "partitions": self._links_between.way if self._links_between else "none",
            "clocks": CLOCKS if self.database.python is not None else "none (for programs)",
            "packets": self._packets_way,
            "power": DISKS if Capability.POWER in self.capabilities else "none (it takes root)",
            "addresses": {node: f"{host}:{port}" for node, (host, port) in self.addresses.items()},
        }

    def _make(self) -> None:
        client = connect()
        if client is None:
            raise EnvironmentFailed(
                "no Docker engine answers: start one, or use the environment local"
            )
        made = self._made = Containers(client, self._owner)
        self._engine = client.info()
        hosts, ports = made.make_network(self.nodes), self._listed_ports()
        self.addresses.update({node: (host, ports[0]) for node, host in hosts.items()})
        for node in self.nodes:
            data = self._data / node
            data.mkdir(parents=True, exist_ok=True)
            clock = None if self._clocks is None else CLOCK_IN_CONTAINER
            self.places[node] = self.deployment.place(
                node, data, self.addresses, ports=ports, clock=clock
            )
        self._run = self._programs(client)
        for node, programs in self._run.items():
            made.make_node(node, hosts[node], programs)
            made.fill(node, self._data / node)
        shutil.rmtree(self._data)  # The containers have it now.
        self._links_between = ContainerLinks(
            client, self._owner, self.addresses, by_port=self.database.python is not None
        )
        self._links_between.open(self._helper_image, f"{made.name}-helper", made.labels)
        if not self._links_between.can_cut:
            self.capabilities -= {Capability.CUT}
        self._open_packets(hosts)
        made.start()
        self._states = {node: NodeState() for node in self.nodes}

    def _programs(self, client: docker.DockerClient) -> dict[NodeId, list[Program]]:
        """What runs in each node's containers, with its images made or pulled."""
        database = self.database
        if database.compose is not None:
            read = read_services(Path(database.compose), database.services, self.nodes)
            for node, program in zip(self.nodes, read, strict=True):
                present_image(client, program.image)
                self._commands(node)  # Prepares its files; what runs is what the service says.
            return {node: [one] for node, one in zip(self.nodes, read, strict=True)}
        base, self._image = base_program(client, database)
        return {node: [*self._programs_of(node, base)] for node in self.nodes}

    def _programs_of(self, node: NodeId, base: Program) -> Iterator[Program]:
        for command in self._commands(node):
            file = self._clock_file(node)
            clock = [] if file is None else [f"{file}:{CLOCK_IN_CONTAINER}:ro"]
            binds = [*base.binds, *clock]
            volumes = {"data": str(self._data / node)}
            disks = {}
            if self._loops is not None:
                disks["data"] = {**OPTIONS, "device": self._loops.make(node)}
            yield replace(base, command=command, volumes=volumes, binds=binds, disks=disks)

    def _helper_image(self) -> Image:
        """An image with this host's programs, for a container that may change its rules."""
        client = self._containers.client
        return self._image or node_image(client, "systems_under_test.single:Single")

    def _open_packets(self, hosts: Mapping[NodeId, str]) -> None:
        """Find a way to disturb packets, where a fault of the run needs one."""
        if Capability.PACKET not in self.deployment.needs:
            return
        try:
            self._packets = host_packets(hosts, self.deployment.seed, self._owner.text())
        except EnvironmentFailed as error:
            self.capabilities -= {Capability.PACKET}
            self._packets_way = f"none ({error})"
        else:
            self._packets_way = WAY

    def _remove(self) -> None:
        made, self._made = self._made, None
        if made is None:
            return
        helpers: list[str] = []
        if self._packets is not None:
            with contextlib.suppress(EnvironmentFailed):
                self._packets.disturb({})
            self._packets.close()
            self._packets = None
        if self._links_between is not None:
            self._links_between.close()
            if self._links_between.helper is not None:
                helpers.append(self._links_between.helper)
        failures = made.remove(helpers)
        if self._loops is not None:
            self._loops.close()
        shutil.rmtree(self._data, ignore_errors=True)
        if self._clocks is not None:
            self._clocks.close()
        self._links_between = None
        self._states = {node: NodeState(running=False) for node in self.nodes}
        if failures:
            raise EnvironmentFailed(
                f"the Docker engine could not remove {'; '.join(failures)}: "
                "see to the engine, then run labrys clean"
            )

    async def _each(
        self, nodes: Sequence[NodeId], what: str, action: Callable[[NodeId], None]
    ) -> None:
        """Do something to the containers of these nodes side by side; see `_changing`."""

        def act(node: NodeId) -> None:
            try:
                action(node)
            except APIError:
                # A node that has ended by itself is a crash, which `crashes` tells. One that was
                # down before, and that the engine could not start, is none.
                if not self._states[node].running or not self._ended(node):
                    raise

        with engine_errors(f"{what} {', '.join(nodes)}"):
            await asyncio.gather(*(in_thread(act, node) for node in nodes))

    def _connects(self, source: NodeId, target: NodeId) -> bool | None:
        """Whether the source can connect to the target, tried from within its network; None where
        that cannot be tried."""
        made = self._containers
        if self.database.python is not None:
            return self._opened_links().connects(made.of[source][0], target)
        pid = self._inspect(source)[0]["Pid"]
        return connects_from(Path(f"/proc/{pid}/ns/net"), self.addresses[target])

    def _opened_links(self) -> ContainerLinks:
        if self._links_between is None:
            raise EnvironmentFailed("the cluster is not open: open it before cutting its links")
        return self._links_between

    @property
    def _containers(self) -> Containers:
        if self._made is None:
            raise EnvironmentFailed("the cluster is not open: open it before using its nodes")
        return self._made

    def _inspect(self, node: NodeId) -> list[dict[str, Any]]:
        with engine_errors(f"tell the state of {node}"):
            return self._containers.states(node)

    def _ended(self, node: NodeId) -> bool:
        """Whether the node's first program, which stands for it, has ended."""
        return not self._inspect(node)[0]["Running"]

    def _log(self, node: NodeId) -> str:
        with engine_errors(f"give the log of {node}"):
            return self._containers.log(node)
