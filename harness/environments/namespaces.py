"""Nodes as processes in namespaces of Linux: an address each, and no container engine.

Each node has a network namespace on a bridge (`lab`) and its processes a PID namespace, so that a
kill ends the whole tree, whatever it forked, and so does the end of the harness. Links are cut by
address (`firewall`), whatever ports and directions programs use. Bundled systems, which have one
connection for each direction, are cut by the target's port as well, so that the other way goes on.
"""

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import readlink
from pathlib import Path
from typing import Any

from harness.cluster import Capability, Link, NodeState
from harness.conditions import Conditions
from harness.database import Argv, Deployment
from harness.environments.disks import WAY as DISKS
from harness.environments.disks import Disks, disks_work
from harness.environments.faked_clocks import FakedClocks, faketime_library, faking
from harness.environments.firewall import Firewall, NftFailed, host_nft
from harness.environments.lab import Lab, answers
from harness.environments.leftovers import remove_leftovers
from harness.environments.limits import LimitedProcesses
from harness.environments.marks import send
from harness.environments.owner import process_began, process_stopped
from harness.environments.packets import WAY, Packets, input_rules
from harness.environments.processes import reap
from harness.environments.tcp_cluster import PROCESSES_CAN, in_thread
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId
from systems_under_test.serve import die_with_parent

MOST_TRIED = 5
"""Links of one cut that are tried, side by side."""


class NamespaceCluster(LimitedProcesses):
    """Node processes, each node on a network of its own."""

    environment = "namespaces"
    capabilities = PROCESSES_CAN

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment)
        self._lab = Lab(self.nodes)
        self._firewall: Firewall | None = None
        self._packets = Packets(self._lab.hosts, deployment.seed, self._hand_over)
        self._programs: dict[NodeId, list[subprocess.Popen[bytes]]] = {}
        self._restoring = asyncio.Lock()
        self._disks: Disks | None = None
        self.capabilities |= {Capability.CORRUPT}
        if disks_work():
            self.capabilities |= {Capability.POWER, Capability.DISK}
            if deployment.needs & {Capability.POWER, Capability.DISK}:
                self._disks = Disks()

    async def _prepare(self) -> None:
        self._lab.open()
        # Threads from before are still in the host's network; new ones begin in ours.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
        await in_thread(remove_leftovers)
        self._open_told()
        self._make_places()
        if self._disks is not None:
            await in_thread(self._disks.open)
        if Capability.PACKET in self.deployment.needs:
            await in_thread(self._packets.open, tuple(map(self._lab.file, self.nodes)))

    async def close(self) -> None:
        self._end(self.nodes)
        self._groups.free()
        self._logs.end()
        self._states = {node: NodeState(running=False) for node in self.nodes}
        self._packets.close()
        if self._disks is not None:
            self._disks.close()
        self._lab.close()
        shutil.rmtree(self._data, ignore_errors=True)
        self._close_told()

    async def _kill(self, nodes: Sequence[NodeId]) -> None:
        async with self._restoring:
            pass  # A node that is losing its power counts as down, and is not yet.
        await super()._kill(nodes)

    async def _terminate(self, nodes: Sequence[NodeId], grace_ns: int) -> Sequence[NodeId]:
        async with self._restoring:
            pass
        return await super()._terminate(nodes, grace_ns)

    async def start(self, nodes: Iterable[NodeId]) -> None:
        async with self._restoring:
            pass  # A node must not start before its disk is there again.
        await super().start(nodes)

    async def _lose_power(self, nodes: Sequence[NodeId]) -> None:
        disks = self._disks
        if disks is None:
            raise EnvironmentFailed("this cluster has no disks: say that its faults need power")

        def lose() -> None:
            for node in nodes:
                disks.cut(node)
            for node in nodes:
                self._end([node])
                disks.restore(node)

        async with self._restoring:
            for node in nodes:
                self._states[node] = NodeState(running=False)
            await in_thread(lose)

    def _folder(self, node: NodeId) -> Path:
        disks = self._disks
        return disks.seen(node) if disks is not None and disks.has(node) else super()._folder(node)

    async def _fill(self, node: NodeId) -> bool:
        if self._disks is None:
            raise EnvironmentFailed("this cluster has no disks: say that its faults need them")
        async with self._restoring:
            return await in_thread(self._disks.fill, node)

    async def _emptied(self) -> Iterable[NodeId]:
        disks = self._disks
        if disks is None:
            return ()
        async with self._restoring:
            return [node for node in self.nodes if disks.free(node)]

    async def _pids(self, node: NodeId) -> Iterable[int]:
        return [*self._tree(node)]

    async def _cut(self, links: Sequence[Link]) -> None:
        self._change(lambda firewall: firewall.cut(links))

    async def _mend(self, but: Sequence[Link]) -> None:
        if self._firewall is not None:
            self._change(lambda firewall: firewall.mend(but))

    async def life(self, node: NodeId) -> str:
        found = [f"{pid} of {process_began(pid)}" for pid in self._inits(node)]
        return f"process {', '.join(found)}" if found else ""

    async def stopped(self, node: NodeId) -> bool:
        pids = list(self._tree(node))
        return bool(pids) and all(map(process_stopped, pids))

    async def is_cut(self, links: Sequence[Link]) -> bool | None:
        """Try to connect from each source to each target, from within the source's network."""
        tried = [link for link in links if await self.life(link[1])][:MOST_TRIED]
        if not tried:
            return None
        return not any(await asyncio.gather(*(in_thread(self._connects, *link) for link in tried)))

    async def _disturb(self, links: Mapping[Link, Conditions]) -> None:
        await in_thread(self._packets.disturb, links)

    async def is_disturbed(self, links: Mapping[Link, Conditions]) -> bool | None:
        """Whether packets were held up since: what nodes send, or else an attempt to connect."""
        before = self._packets.met
        for link in list(links)[:MOST_TRIED]:
            await in_thread(self._connects, *link)
            if await in_thread(self._packets.count) > before:
                return True
        return None

    def _hand_over(self, links: Iterable[Link]) -> None:
        sources: dict[NodeId, list[str]] = {node: [] for node in self.nodes}
        for source, target in links:
            sources[target].append(self._lab.hosts[source])
        for node, own in sources.items():
            self._lab.run(node, "iptables-restore", input_rules(own))

    async def met(self, capability: Capability) -> int | None:
        """The packets that cut links dropped, or that conditions of links held up."""
        if capability is Capability.PACKET and Capability.PACKET in self.deployment.needs:
            return await in_thread(self._packets.count)
        dropped: list[int] = []
        if capability is Capability.CUT and self._firewall is not None:
            self._change(lambda firewall: dropped.append(firewall.dropped()))
        return dropped[0] if dropped else None

    async def in_force(self) -> list[str]:
        left = await super().in_force()
        if self._firewall is not None and await in_thread(self._firewall.holds):
            left.append("links cut")
        return left + (["links disturbed"] if self._packets.disturbed else [])

    def describe(self) -> dict[str, Any]:
        way = "nftables in a network namespace of its own"
        return {
            **super().describe(),
            "partitions": way,
            **self._ways(),
            "packets": WAY,
            "power": DISKS if disks_work() else "none (it takes root, and mkfs.ext4)",
        }

    def _make_places(self) -> None:
        ports = self._listed_ports()
        self.addresses.update({node: (host, ports[0]) for node, host in self._lab.hosts.items()})
        for node in self.nodes:
            data = self._data / node
            data.mkdir(parents=True, exist_ok=True)
            self.places[node] = self.deployment.place(
                node,
                data,
                self.addresses,
                ports=ports,
                python=sys.executable,
                told=self._told_files(node),
            )
        by_port = self.database.python is not None
        self._firewall = Firewall(host_nft, self._owner, self.addresses, by_port=by_port)
        self._change(lambda firewall: firewall.create())

    def _spawn(self, node: NodeId) -> None:
        """Start the node's programs; the first of them stands for the node."""
        alone = [shutil.which("unshare") or "unshare", "--pid", "--fork", "--kill-child"]
        commands = self._commands(node)  # Prepares its folder, which then is on its disk.
        if self._disks is not None:
            self._disks.make(node, self.places[node].data)
            alone = [*self._disks.inside(), *alone]
        with self._open_log(node) as log:
            self._programs[node] = [
                subprocess.Popen(
                    [*self._lab.inside(node), *alone, "--", *self._with_faked_clock(node, command)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._environment(node),
                    pass_fds=(self._lab.file(node),),
                    preexec_fn=die_with_parent,
                    start_new_session=True,
                )
                for command in commands
            ]
        self._processes[node] = self._programs[node][0]

    def _with_faked_clock(self, node: NodeId, command: Argv) -> Argv:
        """The command with the library that sets its clock, where faults do. The library's shared
        memory is in a folder of the node's own, and goes with it."""
        library, clocks = faketime_library(), self._clocks
        if library is None or not isinstance(clocks, FakedClocks):
            return command
        variables = [
            f"{name}={value}" for name, value in faking(library, clocks.files[node]).items()
        ]
        apart = ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c"]
        script = 'mount -t tmpfs none /dev/shm && exec env "$@"'
        return [*apart, script, "sh", *variables, *command]

    def _end(self, nodes: Sequence[NodeId]) -> None:
        """Kill the first process of each PID namespace, and with it all others."""
        for node in nodes:
            for pid in self._inits(node):
                send(pid, signal.SIGKILL)
            for program in self._programs.get(node, ()):
                if not self._children(program.pid):
                    program.kill()
                reap(program)

    def _signal(self, node: NodeId, number: signal.Signals) -> None:
        """Reach every process of the node, those too that are forked meanwhile."""
        reached: set[int] = set()
        while left := set(self._tree(node)) - reached:
            for pid in sorted(left):
                send(pid, number)
            reached |= left

    def _inits(self, node: NodeId) -> list[int]:
        """The first process of each of the node's PID namespaces, where it lives."""
        programs = self._programs.get(node, ())
        found = [pid for program in programs for pid in self._children(program.pid)]
        return [pid for pid in found if process_began(pid)]

    def _tree(self, node: NodeId) -> Iterator[int]:
        """All living processes of the node's PID namespaces."""
        inits = self._inits(node)
        spaces = {space for pid in inits if (space := _space(pid))}
        for entry in Path("/proc").glob("[0-9]*") if spaces else ():
            pid = int(entry.name)
            if _space(pid) in spaces and process_began(pid):
                yield pid

    def _children(self, pid: int) -> list[int]:
        try:
            text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        except OSError:
            return []
        return [int(word) for word in text.split()]

    def _connects(self, source: NodeId, target: NodeId) -> bool:
        return self._lab.as_if_in(source, lambda: answers(self.addresses[target]))

    def _change(self, action: Any) -> None:
        try:
            action(self._firewall)
        except NftFailed as error:
            raise EnvironmentFailed(
                f"the links could not be changed ({error}): see whether nftables works here, or "
                "use the environment docker or local"
            ) from error


def _space(pid: int) -> str:
    """The PID namespace of a process, "" where it is gone."""
    try:
        return readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""
