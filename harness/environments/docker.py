"""Nodes as containers on a network of their own, each with a fixed address and a volume.

Clients and nodes reach nodes by the containers' addresses. Links are cut by `links`, where it finds
a way; else the capability is missing. All that is made carries the owner's mark (`leftovers`).

Limits: the engine must run on this host and not rootless, since elsewhere its containers cannot be
reached by address. Not tried with engines in a virtual machine (macOS, Windows).
"""

import asyncio
import contextlib
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker

from harness.clock import MILLISECOND_NS
from harness.cluster import Capability, Link, NodeState
from harness.conditions import Conditions
from harness.database import Database, Deployment
from harness.environments.compose import read_services
from harness.environments.container_disks import ContainerDisks
from harness.environments.container_faults import ContainerFaults
from harness.environments.containers import Containers, Program
from harness.environments.control_groups import WAY as GROUPS
from harness.environments.disks import WAY as DISKS
from harness.environments.disks import disks_work
from harness.environments.engine import connect, engine_errors
from harness.environments.faked_clocks import (
    LIBRARY,
    FakedClocks,
    faketime_library,
    faking,
)
from harness.environments.image import Image, node_image, present_image
from harness.environments.lab import connects_from
from harness.environments.leftovers import remove_leftovers
from harness.environments.links import ContainerLinks
from harness.environments.loops import LoopDisks
from harness.environments.owner import this_process
from harness.environments.packages import can_assemble
from harness.environments.packets import WAY, Packets, host_packets
from harness.environments.programs import base_program
from harness.environments.tcp_cluster import (
    PROCESSES_CAN,
    in_thread,
)
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


TOLD_IN_CONTAINER = Path("/labrys")
"""Where a container sees the files by which its node is told of trouble."""


class DockerCluster(ContainerFaults):
    """Node containers on one network."""

    environment = "docker"
    capabilities = PROCESSES_CAN

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment)
        self._owner = this_process(uuid.uuid4().hex[:8])
        self._data = (self.folder / "data").resolve()
        self._image: Image | None = None
        self._run: dict[NodeId, list[Program]] = {}
        self._links_between: ContainerLinks | None = None
        if self.database.python is not None and disks_work():
            self.capabilities |= {Capability.POWER, Capability.DISK}
        self.capabilities |= {Capability.CORRUPT, Capability.CPU, Capability.MEMORY}
        if {Capability.POWER, Capability.DISK} & deployment.needs & self.capabilities:
            loops = LoopDisks(self.folder.resolve(), self._owner)
            self._disks = ContainerDisks(loops, self._data, self._process)
        self._packets: Packets | None = None
        self._packets_way = "none"
        self._engine: dict[str, Any] = {}

    async def open(self) -> None:
        await in_thread(remove_leftovers)
        try:
            self._open_told()
            with engine_errors("start nodes", "see to the system's command and image"):
                await in_thread(self._make)
            await self._all_serve()
        except BaseException:
            with contextlib.suppress(EnvironmentFailed):
                await self.close()
            raise

    async def close(self) -> None:
        await in_thread(self._remove)

    async def _cut(self, links: Sequence[Link]) -> None:
        await in_thread(self._opened_links().cut, links)

    async def _mend(self, but: Sequence[Link]) -> None:
        if self._links_between is not None:
            await in_thread(self._links_between.mend, but)

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
            **self._ways(),
            "packets": self._packets_way,
            "processors": f"{GROUPS}, by the engine",
            "memory": f"{GROUPS}, by the engine",
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
            told = {kind: TOLD_IN_CONTAINER / kind for kind in self._told}
            self.places[node] = self.deployment.place(
                node, data, self.addresses, ports=ports, told=told
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
            told = self._told_files(node).items()
            binds = [*base.binds, *(f"{file}:{TOLD_IN_CONTAINER / kind}:ro" for kind, file in told)]
            volumes = {"data": str(self._data / node)}
            disks = {}
            if self._disks is not None:
                disks["data"] = self._disks.make(node)
            made = replace(base, command=command, volumes=volumes, binds=binds, disks=disks)
            yield self._with_faked_clock(made)

    def _with_faked_clock(self, program: Program) -> Program:
        """The program with the library that sets its clock, where faults do."""
        library = faketime_library()
        if library is None or not isinstance(self._clocks, FakedClocks):
            return program
        inside = TOLD_IN_CONTAINER / LIBRARY
        environment = {**program.environment, **faking(inside, TOLD_IN_CONTAINER / "clock")}
        return replace(
            program, binds=[*program.binds, f"{library}:{inside}:ro"], environment=environment
        )

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
        if self._disks is not None:
            self._disks.close()
        shutil.rmtree(self._data, ignore_errors=True)
        shutil.rmtree(self._copies, ignore_errors=True)
        self._close_told()
        self._links_between = None
        self._states = {node: NodeState(running=False) for node in self.nodes}
        if failures:
            raise EnvironmentFailed(
                f"the Docker engine could not remove {'; '.join(failures)}: "
                "see to the engine, then run labrys clean"
            )

    def _connects(self, source: NodeId, target: NodeId) -> bool | None:
        """Whether the source can connect to the target, tried from within its network; None where
        that cannot be tried."""
        process = self._process(source)
        network = Path(f"/proc/{process}/ns/net")
        found = connects_from(network, self.addresses[target]) if process else None
        if found is not None or not process or self.database.python is None:
            return found
        try:
            return self._opened_links().connects(self._containers.of[source][0], target)
        except EnvironmentFailed:
            if self._process(source) == process:
                raise
            return None  # It has ended meanwhile.

    def _opened_links(self) -> ContainerLinks:
        if self._links_between is None:
            raise EnvironmentFailed("the cluster is not open: open it before cutting its links")
        return self._links_between
