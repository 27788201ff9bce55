"""What clusters of real processes have in common, wherever these run: addresses and states."""

import asyncio
import signal
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from harness.clock import MILLISECOND_NS
from harness.cluster import Capability, Channel, Cluster, Link, NodeState
from harness.conditions import Conditions, Corruption, Weakness
from harness.database import Address, Argv, Deployment, Place
from harness.databases.channel import SharedConnections
from harness.environments.clocks import WAY as CLOCKS
from harness.environments.clocks import Clocks
from harness.environments.faked_clocks import WAY as FAKED
from harness.environments.faked_clocks import (
    FakedClocks,
    faketime_library,
    has_loaded,
)
from harness.environments.journals import Journals
from harness.environments.node_files import NodeFiles
from harness.environments.weak_disks import WAY as WEAK_DISKS
from harness.environments.weak_disks import WeakDisks
from harness.errors import EnvironmentFailed, HarnessError
from harness.shortage import shortage
from systems_under_test.driver import Exit
from systems_under_test.node import NodeId
from systems_under_test.requests import Status

T = TypeVar("T")


PROCESSES_CAN = frozenset(
    {
        Capability.KILL,
        Capability.PAUSE,
        Capability.CUT,
        Capability.PACKET,
        Capability.CLOCK,
        Capability.LOG,
        Capability.WEAK_DISK,
        Capability.TERMINATE,
    }
)
"""What can be done to our own nodes, wherever they are processes."""


ENDS_WITHIN_S = 0.3
"""How long a node takes to end once its disk has failed."""


SILENT_NS = 500 * MILLISECOND_NS
"""How long nodes may say nothing to each other until conditions of their links count as unseen."""


class TcpCluster(Cluster):
    """A cluster whose nodes are processes that clients reach at `addresses`."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__()
        self.database = deployment.database
        self.deployment = deployment
        self.nodes = deployment.nodes
        self.members = deployment.members or self.nodes
        self.folder = deployment.folder
        self.clock = deployment.clock
        if self.database.changes_members:
            self.capabilities |= {Capability.MEMBERS}
        folder = (self.folder / "told").resolve()
        if self.database.python is None:
            self.capabilities -= {Capability.WEAK_DISK}
            if not self.database.clock_can_be_faked or faketime_library() is None:
                self.capabilities -= {Capability.CLOCK}
        self._journals = Journals(self.database.journals)
        if self.database.journals and self.database.compose is None:
            self.capabilities |= {Capability.DAMAGE}
        needs = deployment.needs & self.capabilities
        clocks = FakedClocks if self.database.python is None else Clocks
        self._clocks = clocks(folder, self.nodes) if Capability.CLOCK in needs else None
        weakens = Capability.WEAK_DISK in needs
        self._weak_disks = WeakDisks(folder, self.nodes) if weakens else None
        told = {"clock": self._clocks, "disk": self._weak_disks}
        self._told: dict[str, NodeFiles] = {kind: own for kind, own in told.items() if own}
        """What our own nodes are told of trouble, by the kind of it."""

        self._spoilt: set[NodeId] = set()
        """Nodes that may have ended of a disk that was full or failing, or for want of memory."""

        self.addresses: dict[NodeId, Address] = {}
        self.places: dict[NodeId, Place] = {}
        self.leaders_by: Counter[str] = Counter()
        """How often a leader was found for a fault, by the way in which it was."""

        self._prepared: set[NodeId] = set()
        self._shared: list[SharedConnections] = []
        self._states = {node: NodeState(running=False) for node in self.nodes}

    def _told_files(self, node: NodeId) -> dict[str, Path]:
        """The files by which a node is told of trouble, by kind."""
        return {kind: own.files[node] for kind, own in self._told.items()}

    def _open_told(self) -> None:
        for own in self._told.values():
            own.open()

    def _close_told(self) -> None:
        for own in self._told.values():
            own.close()

    async def _skew(self, offsets_ns: Mapping[NodeId, int]) -> None:
        if self._clocks is not None:
            self._clocks.skew(offsets_ns)

    async def offset_ns(self, node: NodeId) -> int | None:
        """By the node's own word; of a program, by the library that its processes have loaded."""
        clocks = self._clocks
        if not isinstance(clocks, FakedClocks):
            return await super().offset_ns(node)
        pids = await self._pids(node)
        return clocks.offsets_ns.get(node, 0) if any(map(has_loaded, pids)) else None

    async def _pids(self, node: NodeId) -> Iterable[int]:
        """The processes of a node, where they are seen."""
        return ()

    def _ways(self) -> dict[str, str]:
        """How clocks and disks are troubled, or why they cannot be."""
        program = self.database.python is None
        clocks = (FAKED if program else CLOCKS) if Capability.CLOCK in self.capabilities else None
        why = "its class does not say that libfaketime moves its clock"
        if self.database.clock_can_be_faked:
            why = "it takes libfaketime, and the environment namespaces or docker"
        return {
            "clocks": clocks or f"none ({why})",
            "weak disks": "none (a program has no such journal)" if program else WEAK_DISKS,
        }

    async def _weaken(self, weaknesses: Mapping[NodeId, Weakness]) -> None:
        if self._weak_disks is None:
            raise EnvironmentFailed("this cluster's disks are sound: say that faults weaken them")
        self._spoilt |= {node for node, weakness in weaknesses.items() if weakness.failing}
        self._weak_disks.weaken(weaknesses)

    async def free(self) -> None:
        if self._weak_disks is not None:
            self._weak_disks.weaken({})
        self._spoilt |= set(await self._emptied())
        await self._start_spoilt()

    async def _start_spoilt(self) -> None:
        """A node that ended of its disk, or for want of memory, is started, and is no crash."""
        if self._spoilt:
            await asyncio.sleep(ENDS_WITHIN_S)  # One whose disk has just failed is still to end.
        running = [node for node in sorted(self._spoilt) if self._states[node].running]
        ended = [node for node in running if self._ended(node)]
        for node in ended:
            self._states[node] = NodeState(running=False)
        await self.start(ended)

    async def _harm(self, node: NodeId, damage: Corruption) -> str:
        done = await self._damage_journal(node, damage)
        if not done:
            return ""
        await self._start_on_damage(node)  # It lives: another fault may strike it.
        if await self._serves(node):
            self._journals.keep(node)
            return f"{done}; and it serves on that"
        self._states[node] = NodeState(running=False)
        refused = (Exit.JOURNAL_DAMAGED, -signal.SIGKILL)
        if self.database.python is not None and self._exit_status(node) not in refused:
            self._states[node] = NodeState()  # It did not refuse, but crashed.
        return (
            f"{done}; and it refuses to start: {last_words(self._log(node)).rpartition(' | ')[2]}"
        )

    async def _damage_journal(self, node: NodeId, damage: Corruption) -> str:
        """Kill a node and damage its journal, before anybody starts it; what was done, or ""."""
        raise NotImplementedError

    async def _start_on_damage(self, node: NodeId) -> None:
        """Start a node whose journal is damaged."""
        raise NotImplementedError

    async def _restore_journal(self, node: NodeId) -> None:
        """Put back what was in a node's journal."""
        raise NotImplementedError

    def _exit_status(self, node: NodeId) -> int | None:
        """With which status a node has ended; a signal's number, negative, where one ended it."""
        raise NotImplementedError

    async def repair(self) -> None:
        nodes = self._journals.damaged
        for node in nodes:
            await self._restore_journal(node)
        await self.start(nodes)

    async def in_force(self) -> list[str]:
        damaged = [f"the journal of {node} damaged" for node in self._journals.damaged]
        return [*await super().in_force(), *damaged]

    async def _emptied(self) -> Iterable[NodeId]:
        """Give full disks their space back; the nodes that have them."""
        return ()

    async def is_disturbed(self, links: Mapping[Link, Conditions]) -> bool | None:
        """Whether something that the nodes say to each other meets these conditions, soon."""
        before, until_ns = await self.met(Capability.PACKET), self.clock.now_ns() + SILENT_NS
        while self.clock.now_ns() < until_ns:
            if await self.met(Capability.PACKET) != before:
                return True
            await asyncio.sleep(0.02)
        return None

    def channel(self, process: int) -> Channel:
        many = self.deployment.connections
        if process < 0 or not many:
            return self.database.channel(self.clock, self.places, self.doubts)
        if not self._shared:
            addresses = next(iter(self.places.values())).addresses
            self._shared = [SharedConnections(self.clock, addresses) for _ in range(many)]
        return self._shared[process % many].channel()

    async def status(self, node: NodeId) -> Status | None:
        return await self.database.status(self.clock, self.places[node])

    async def leader(self) -> NodeId | None:
        """As the nodes tell it; of programs that tell nothing, the one that made a change last."""
        told = await super().leader()
        if told is not None or self.database.python is not None:
            self.leaders_by["as the nodes say"] += told is not None
            return told
        self.leaders_by["who made a change last"] += self.changed_last is not None
        return self.changed_last

    def state(self, node: NodeId) -> NodeState:
        return self._states[node]

    @abstractmethod
    def _ended(self, node: NodeId) -> bool:
        """Whether the node's process has ended, for whatever reason."""

    def _how_it_ended(self, node: NodeId) -> str:
        """What is known of the end of a node's process, beside its log."""
        return ""

    @abstractmethod
    def _log(self, node: NodeId) -> str:
        """The end of what the node has logged in this run."""

    async def logged(self, node: NodeId) -> str:
        return await in_thread(self._log, node)

    async def _all_serve(self) -> None:
        """Wait until every node is ready, and make one cluster of them, or `EnvironmentFailed`."""
        for node in self.nodes:
            if not await self._serves(node):
                how = self._how_it_ended(node)
                raise EnvironmentFailed(
                    f"node {node} ended at its start{f' ({how})' if how else ''}: "
                    f"{last_words(self._log(node))}: see to that first"
                )
        await self.database.assemble([self.places[node] for node in self.nodes])

    async def _serves(self, node: NodeId) -> bool:
        """Wait until the node is ready; False if it ended before it was."""
        limit_s = self.database.start_limit_s
        try:
            async with asyncio.timeout(limit_s):
                while not self._ended(node):
                    try:
                        if await self.database.ready(self.places[node]):
                            return True
                    except OSError as error:
                        if (own := shortage(error)) is not None:
                            raise own from error
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise EnvironmentFailed(
                f"node {node} was not ready within {limit_s:g} s of its start: "
                f"{last_words(self._log(node))}: look at its log in {self.folder}"
            ) from None
        return False

    def _listed_ports(self) -> tuple[int, ...]:
        if not self.database.ports:
            raise EnvironmentFailed("the database names no ports: list those it listens on")
        return self.database.ports

    def _commands(self, node: NodeId) -> list[Argv]:
        """The programs of a node; before its first start its folder is prepared."""
        place, kind = self.places[node], type(self.database).__name__
        try:
            if node not in self._prepared:
                self._prepared.add(node)
                self.database.prepare(place)
            commands: Any = self.database.command(place)
        except HarnessError:
            raise
        except Exception as error:
            if (own := shortage(error)) is not None:
                raise own from error
            raise EnvironmentFailed(
                f"{kind} cannot prepare {node} or name its program: "
                f"{type(error).__name__}: {error}; mend the class"
            ) from error
        if not isinstance(commands, (list, tuple)):
            raise EnvironmentFailed(
                f"command() of {kind} gives {commands!r}: give a list of words, or of such lists"
            )
        several: Any = commands if commands and isinstance(commands[0], list) else [commands]
        return [[str(word) for word in command] for command in several]

    def _command(self, node: NodeId) -> Argv:
        """The one program of a node, where the environment can run but one."""
        first, *others = self._commands(node)
        if others:
            raise EnvironmentFailed(
                f"the environment {self.environment} runs one program a node, and this system has "
                f"{1 + len(others)}: use the environment namespaces"
            )
        return first

    def _links(self) -> list[tuple[NodeId, NodeId]]:
        return [(one, other) for one in self.nodes for other in self.nodes if one != other]


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Run a function in a thread; when cancelled, wait for its end all the same.

    Nobody can stop a thread, and one that still makes things must not run beside their removal.
    """
    work = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


def crash(node: NodeId, status: int, words: str) -> str:
    """What is said of a node that ended though the harness did not kill it.

    Raises `EnvironmentFailed` where that was not the system's doing: its disk failed, or somebody
    else killed it, as the kernel does when memory runs out.
    """
    if status == Exit.JOURNAL_FAILED:
        raise EnvironmentFailed(f"the disk of {node} failed: {words}: make room, then run again")
    if status == -signal.SIGKILL:
        raise EnvironmentFailed(
            f"{node} was killed, and not by the harness: see whether this machine ran out of "
            "memory, then run again"
        )
    return f"exit status {status}: {words}"


def last_words(log: str) -> str:
    """The end of a node's log, short enough for a report."""
    lines = log.strip().splitlines()[-3:]
    return " | ".join(line.strip()[:300] for line in lines) or "(an empty log)"
