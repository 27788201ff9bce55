"""What the Docker engine makes for a run: one network, and each node's containers and volumes.

A node of several programs is several containers that share the first one's network and volumes. All
that is made carries the owner's mark, so that it is found again however the run ends.
"""

import contextlib
import io
import tarfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.types import LogConfig

from harness.clock import SECOND_NS
from harness.environments.control_groups import CPU, MEMORY, PERIOD_US, ControlGroup, group_of
from harness.environments.engine import reason_of
from harness.environments.leftovers import OWNER_LABEL, remove_from_engine
from harness.environments.owner import Owner
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId

PROCESSES_MAX = 512
MEMORY_MAX = "2g"
"""What a container may take: a node that runs wild must not take the machine with it."""

ATTEMPTS = 8
MEMORY_LEAST = 6 << 20
"""The least that the engine limits a container to, and how often a limit is tried to be set."""

LOGS_MAX = LogConfig(type="json-file", config={"max-size": "16m", "max-file": "2"})
"""What the engine keeps of what a container writes."""

FROZEN_WITHIN_S = 5.0
_FIRST_HOST = 11
"""The last part of the first node's address; the network's gateway has a low one."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What one container runs.

    Of what is None or empty the image has its own. `volumes` are the places in the container that
    outlive a kill, by name; `disks` says how the engine mounts some of them. One that is `trusted`
    keeps the rights which the engine gives by default, as images need that begin as root and become
    somebody else.
    """

    image: str
    command: Sequence[str] = ()
    entrypoint: Sequence[str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    disks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    binds: Sequence[str] = ()
    user: str | None = None
    folder: str | None = None
    hostname: str | None = None
    aliases: Sequence[str] = ()
    trusted: bool = False


class Containers:
    """All that one run made."""

    def __init__(self, client: docker.DockerClient, owner: Owner) -> None:
        self.client = client
        self._api = client.api
        self.name = f"labrys-{owner.run}"
        self.labels = {"labrys.run": owner.run, OWNER_LABEL: owner.text()}
        self.of: dict[NodeId, list[str]] = {}
        """The containers of each node, in the order in which they start."""

        self._volumes: list[str] = []
        self._short: set[tuple[NodeId, str]] = set()
        self._limited: dict[tuple[NodeId, str], tuple[ControlGroup, int]] = {}
        """The groups that have a limit now, and how often they had met one before."""

    def make_network(self, nodes: Sequence[NodeId]) -> dict[NodeId, str]:
        """Make the network, on a subnet that the engine holds for free; the nodes' addresses.

        The engine avoids the host's own routes only where it chooses the subnet, but gives fixed
        addresses only where the user chose it: so it chooses first, and then we choose the same.
        """
        for attempt in range(5):
            trial = self._api.create_network(f"{self.name}-trial", labels=self.labels)["Id"]
            subnet = self._api.inspect_network(trial)["IPAM"]["Config"][0]["Subnet"]
            self._api.remove_network(trial)
            pool = docker.types.IPAMPool(subnet=subnet)
            ipam = docker.types.IPAMConfig(pool_configs=[pool])
            try:
                made = self._api.create_network(self.name, ipam=ipam, labels=self.labels)
            except APIError:
                if attempt == 4:  # Another run was quicker, five times over.
                    raise
                continue
            if not Path(f"/sys/class/net/br-{made['Id'][:12]}").exists():
                raise EnvironmentFailed(
                    "the Docker engine's containers cannot be reached by address from here "
                    "(it is rootless, or on another machine): use the environment local"
                )
            base = ip_network(subnet).network_address
            assert isinstance(base, IPv4Address)
            return {node: str(base + _FIRST_HOST + i) for i, node in enumerate(nodes)}
        raise AssertionError("unreachable")

    def make_node(self, node: NodeId, host: str, programs: Sequence[Program]) -> None:
        """Make the containers of one node, not started; the first one has the address."""
        made = self.of[node] = []
        for number, program in enumerate(programs):
            made.append(self._make(node, number, program, None if number else host))

    def fill(self, node: NodeId, folder: Path) -> None:
        """Put the folder, if there is something in it, into the same place in the node's
        containers."""
        if any(folder.iterdir()):
            self._api.put_archive(self.of[node][0], "/", _archive(folder, folder))

    def fetch(self, node: NodeId, place: Path, folder: Path) -> None:
        """Copy the files in a folder of a node that is down to one of ours."""
        chunks, _ = self._api.get_archive(self.of[node][0], str(place))
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
            for member in tar:
                content = tar.extractfile(member)  # Of a folder, None.
                if content is not None:
                    (folder / Path(member.name).name).write_bytes(content.read())

    def put(self, node: NodeId, file: Path, place: Path) -> None:
        """Copy a file of ours to that place of a node that is down."""
        self._api.put_archive(self.of[node][0], "/", _archive(file, place))

    def start(self) -> None:
        """Start all nodes side by side."""
        with ThreadPoolExecutor(len(self.of)) as pool:
            list(pool.map(self.start_node, self.of))

    def start_node(self, node: NodeId) -> None:
        """Start, with as much of a processor and of memory as it likes: with little it would not be
        ready in time, and a limit is of the life that it struck."""
        if (node, CPU) in self._short:
            self.limit_node(node, None)
        if (node, MEMORY) in self._short:
            self.limit_memory(node, None)
        for container in self.of[node]:
            self._api.start(container)

    def kill_node(self, node: NodeId) -> None:
        """Kill, and return when the engine has seen the end, so that a start may follow at once."""
        killed = self._running(node)
        for container in killed:
            self._api.kill(container, "SIGKILL")
        for container in killed:
            self._api.wait(container, timeout=10)

    def stop_node(self, node: NodeId, grace_ns: int) -> bool:
        """Ask the node to end, and kill it if it has not after a while; whether it ended itself."""
        itself = True
        for container in self._running(node):
            self._api.kill(container, "SIGTERM")
            try:
                self._api.wait(container, timeout=max(1, round(grace_ns / SECOND_NS)))
            except (requests.exceptions.RequestException, DockerException):
                itself = False
                self._api.kill(container, "SIGKILL")
                self._api.wait(container, timeout=10)
        return itself

    def limit_node(self, node: NodeId, share: float | None) -> None:
        """Leave the node's containers that share of a processor, or as much as they like."""
        quota_us = -1 if share is None else int(share * PERIOD_US)
        self._update(node, CPU, share is not None, cpu_period=PERIOD_US, cpu_quota=quota_us)

    def limit_memory(self, node: NodeId, room: int | None) -> None:
        """Leave each of the node's containers this many bytes beside what its first one has, or as
        much as any container. One that does not run has nothing, and is left alone.

        The kernel refuses a limit that is used up before it is set: then it is a larger one."""
        if room is None:
            self._update(node, MEMORY, limited=False, mem_limit=MEMORY_MAX)
            return
        for attempt in range(ATTEMPTS):
            group = self._group(node, MEMORY)
            if group is None:
                return
            size = max(MEMORY_LEAST, group.used() + (room << attempt))
            try:
                self._update(node, MEMORY, limited=True, mem_limit=size)
                return
            except APIError as error:
                if "current usage" not in str(error) or attempt == ATTEMPTS - 1:
                    raise

    def _update(self, node: NodeId, controller: str, limited: bool, **options: Any) -> None:
        (self._short.add if limited else self._short.discard)((node, controller))
        self._limited.pop((node, controller), None)
        for container in self.of[node]:
            self._api.update_container(container, **options)
        group = self._group(node, controller) if limited else None
        if group is not None:
            self._limited[node, controller] = group, group.met()

    def _group(self, node: NodeId, controller: str) -> ControlGroup | None:
        """The control group of the node's first container, where it runs and is seen."""
        (state, *_) = self.states(node)
        return group_of(state["Pid"], controller) if state["Running"] else None

    def met(self, node: NodeId, controller: str) -> int | None:
        """How often a node met its present limit, where its control group is seen."""
        try:
            group, before = self._limited[node, controller]
            return group.met() - before
        except (KeyError, OSError):  # Not limited; or ended, and its group with it.
            return None

    def pause_node(self, node: NodeId) -> None:
        """Pause; a container with a process that waits for its disk is not frozen at once."""
        until = time.monotonic() + FROZEN_WITHIN_S
        for container in self._running(node):
            while True:
                try:
                    self._api.pause(container)
                    break
                except APIError as error:
                    if "stopped container" in str(error):
                        break  # It has ended, which the engine has not noticed yet.
                    if "freeze" not in str(error) or time.monotonic() > until:
                        raise

    def resume_node(self, node: NodeId) -> None:
        for container in self._running(node):
            self._api.unpause(container)

    def states(self, node: NodeId) -> list[dict[str, Any]]:
        """What the engine says of each of the node's containers."""
        return [self._api.inspect_container(name)["State"] for name in self.of[node]]

    def log(self, node: NodeId) -> str:
        """All that the node's programs have written, one program after the other."""
        texts: list[bytes] = [self._api.logs(container) for container in self.of[node]]
        return b"".join(texts).decode(errors="replace")

    def remove(self, others: Sequence[str] = ()) -> list[str]:
        """Remove everything, and these other containers; sentences about what would not go."""
        failures: list[str] = []

        def remove(kind: str, name: str) -> None:
            try:
                remove_from_engine(self.client, kind, name)
            except NotFound:
                pass
            except (DockerException, OSError) as error:
                failures.append(f"{kind} {name}: {reason_of(error)}")

        containers = [*(name for own in self.of.values() for name in reversed(own)), *others]
        with contextlib.closing(self.client), ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: remove("container", name), containers))
            for network in (f"{self.name}-trial", self.name):
                remove("network", network)
            for volume in self._volumes:
                remove("volume", volume)
        self.of.clear()
        self._volumes.clear()
        return failures

    def _running(self, node: NodeId) -> list[str]:
        """The node's containers whose program lives: one of several may have ended by itself."""
        states = zip(self.of[node], self.states(node), strict=True)
        return [container for container, state in states if state["Running"]]

    def _make(self, node: NodeId, number: int, program: Program, host: str | None) -> str:
        """Make one container; without an address of its own it has that of the node's first."""
        binds = [*program.binds, *self._make_volumes(node, program)]
        rights: Any = {} if program.trusted else {"cap_drop": ["ALL"]}
        network: dict[str, Any] = {}
        if host is None:
            rights["network_mode"] = f"container:{self.of[node][0]}"
        else:
            aliases = list(program.aliases)
            end = self._api.create_endpoint_config(ipv4_address=host, aliases=aliases)
            network["hostname"] = program.hostname or node
            network["networking_config"] = {"EndpointsConfig": {self.name: end}}
        made = self._api.create_container(
            program.image,
            list(program.command) or None,
            name=f"{self.name}-{node}" + (f"-{number}" if number else ""),
            entrypoint=None if program.entrypoint is None else list(program.entrypoint),
            environment=dict(program.environment),
            user=program.user,
            working_dir=program.folder,
            labels=self.labels,
            volumes=list(program.volumes.values()),
            host_config=self._api.create_host_config(
                binds=binds,
                security_opt=["no-new-privileges"],
                pids_limit=PROCESSES_MAX,
                mem_limit=MEMORY_MAX,
                log_config=LOGS_MAX,
                **rights,
            ),
            **network,
        )
        return str(made["Id"])

    def _make_volumes(self, node: NodeId, program: Program) -> list[str]:
        binds = []
        for volume, place in program.volumes.items():
            name = f"{self.name}-{node}-{volume}"
            if name not in self._volumes:
                self._volumes.append(name)
                options = dict(program.disks.get(volume, {}))
                self._api.create_volume(name, driver_opts=options, labels=self.labels)
            binds.append(f"{name}:{place}")
        return binds


def _archive(ours: Path, place: Path) -> bytes:
    """A folder or file as a tar file, at that place and such that all may write: an image may run
    as any user."""

    def opened(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mode |= 0o777 if entry.isdir() else 0o666
        return entry

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.add(ours, str(place.relative_to("/")), filter=opened)
    return out.getvalue()
