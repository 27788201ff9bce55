"""What clusters of real processes have in common, wherever these run: addresses and states."""

import asyncio
import signal
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from harness.clock import MILLISECOND_NS
from harness.cluster import Capability, Channel, Cluster, Link, NodeState
from harness.conditions import Conditions
from harness.database import Address, Argv, Deployment, Place
from harness.environments.clocks import Clocks
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
    }
)
"""What can be done to our own nodes, wherever they are processes."""


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
        self._clocks: Clocks | None = None
        if Capability.CLOCK in deployment.needs and self.database.python is not None:
            self._clocks = Clocks((self.folder / "clocks").resolve(), self.nodes)
        self.addresses: dict[NodeId, Address] = {}
        self.places: dict[NodeId, Place] = {}
        self.leaders_by: Counter[str] = Counter()
        """How often a leader was found for a fault, by the way in which it was."""

        self._prepared: set[NodeId] = set()
        self._states = {node: NodeState(running=False) for node in self.nodes}

    def _clock_file(self, node: NodeId) -> Path | None:
        return None if self._clocks is None else self._clocks.files[node]

    async def _skew(self, offsets_ns: Mapping[NodeId, int]) -> None:
        if self._clocks is not None:
            self._clocks.set(offsets_ns)

    async def is_disturbed(self, links: Mapping[Link, Conditions]) -> bool | None:
        """Whether something that the nodes say to each other meets these conditions, soon."""
        before, until_ns = await self.met(Capability.PACKET), self.clock.now_ns() + SILENT_NS
        while self.clock.now_ns() < until_ns:
            if await self.met(Capability.PACKET) != before:
                return True
            await asyncio.sleep(0.02)
        return None

    def channel(self, process: int) -> Channel:
        return self.database.channel(self.clock, self.places, self.doubts)

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
