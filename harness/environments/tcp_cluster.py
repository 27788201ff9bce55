"""What clusters of real processes have in common, wherever these run: addresses and states."""

import asyncio
import signal
from abc import abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from harness.clock import MILLISECOND_NS, Clock
from harness.cluster import Channel, Cluster, NoAnswer, NodeState, Unreachable
from harness.environments.channel import Address, TcpChannel
from harness.errors import EnvironmentFailed
from harness.shortage import shortage
from systems_under_test.driver import Exit
from systems_under_test.node import NodeId
from systems_under_test.requests import Status

T = TypeVar("T")

_STATUS_LIMIT_NS = 500 * MILLISECOND_NS
START_LIMIT_S = 10.0
"""How long a node may take from its start to its first accepted connection."""


class TcpCluster(Cluster):
    """A cluster whose nodes listen on TCP at `addresses`."""

    def __init__(
        self,
        *,
        system: str,
        nodes: Iterable[NodeId],
        seed: int,
        folder: Path,
        clock: Clock,
        members: Iterable[NodeId] | None = None,
    ) -> None:
        """`system` is "module:Class"; the run's files go to `folder`, which is made if need be.

        `members` are the nodes that the system begins with: all, unless they are given.
        """
        super().__init__()
        self.system = system
        self.nodes = tuple(nodes)
        self.members = self.nodes if members is None else tuple(members)
        self.seed = seed
        self.folder = folder
        self.clock = clock
        self.addresses: dict[NodeId, Address] = {}
        self._states = {node: NodeState(running=False) for node in self.nodes}

    def channel(self, process: int) -> Channel:
        return TcpChannel(self.clock, self.addresses)

    async def status(self, node: NodeId) -> Status | None:
        channel = TcpChannel(self.clock, self.addresses)
        try:
            return await channel.status(node, self.clock.now_ns() + _STATUS_LIMIT_NS)
        except (Unreachable, NoAnswer):
            return None
        finally:
            await channel.close()

    def state(self, node: NodeId) -> NodeState:
        return self._states[node]

    @abstractmethod
    def _ended(self, node: NodeId) -> bool:
        """Whether the node's process has ended, for whatever reason."""

    @abstractmethod
    def _log(self, node: NodeId) -> str:
        """All that the node has logged in this run."""

    async def _all_accept(self) -> None:
        """Wait until every node accepts connections, else `EnvironmentFailed`."""
        for node in self.nodes:
            if not await self._accepts(node):
                raise EnvironmentFailed(
                    f"node {node} ended at its start: {last_words(self._log(node))}: "
                    "see to that first"
                )

    async def _accepts(self, node: NodeId) -> bool:
        """Wait until the node accepts connections; False if it ended before it did."""
        try:
            async with asyncio.timeout(START_LIMIT_S):
                while not self._ended(node):
                    try:
                        _, writer = await asyncio.open_connection(*self.addresses[node])
                    except OSError as error:
                        if (own := shortage(error)) is not None:
                            raise own from error
                        await asyncio.sleep(0.02)
                    else:
                        writer.transport.abort()
                        return True
        except TimeoutError:
            raise EnvironmentFailed(
                f"node {node} took no connection within {START_LIMIT_S:.0f} s of its start: "
                f"look at its log in {self.folder}"
            ) from None
        return False

    def _members_option(self) -> list[str]:
        """What tells a node the members, where they are not all nodes."""
        return [] if self.members == self.nodes else ["--members", ",".join(self.members)]

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
