"""A cluster: the nodes of a run, the controls over them, and the way for clients to reach them.

Faults are written against this class alone, so that they work in every environment. An environment
that cannot do something leaves the capability out of `capabilities`, and the schedule says so.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

from harness.clock import Clock
from systems_under_test.node import NodeId
from systems_under_test.requests import Refusal, Reply, Request, Status

Link: TypeAlias = tuple[NodeId, NodeId]
"""One direction between two nodes: what the first sends to the second."""

WARM_UP, OPERATOR = -1, -2
"""Processes that are no client's: who asks before the calls, and the nemesis as an operator."""


class Capability(StrEnum):
    """What a fault may need of a cluster."""

    KILL = "kill"
    PAUSE = "pause"
    CUT = "cut"


class Unreachable(Exception):
    """The request was certainly never handed to the node: it can have had no effect."""


class NoAnswer(Exception):
    """The request was sent, wholly or in part, and nobody knows what became of it."""


class Channel(ABC):
    """One process's way to the nodes. It is used by one coroutine at a time."""

    @abstractmethod
    async def ask(self, node: NodeId, request: Request, until_ns: int) -> Reply | Refusal:
        """Send the request and wait for its answer until that moment of the run's clock.

        Raises `Unreachable` or `NoAnswer`. An answer to an earlier request is thrown away.
        """

    @abstractmethod
    async def close(self) -> None:
        """Give up the connections; harmless when there are none."""


@dataclass(frozen=True, slots=True)
class NodeState:
    """What the harness itself did to a node: the reason not to expect an answer of it."""

    running: bool = True
    paused: bool = False


class Cluster(ABC):
    """The nodes of one run: started by `async with cluster`, and nothing left behind after it."""

    environment: str
    """The environment's name: "simulated", "local" or "docker"."""

    capabilities: frozenset[Capability]
    nodes: tuple[NodeId, ...]
    members: tuple[NodeId, ...]
    """The nodes that the system begins with; the others are spares, which run and wait."""

    clock: Clock
    findings: Sequence[str] = ()
    """What the cluster itself found wrong with the system, in sentences."""

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @abstractmethod
    async def open(self) -> None:
        """Start every node and wait until each accepts connections, else `EnvironmentFailed`."""

    @abstractmethod
    async def close(self) -> None:
        """End every node and remove all that this cluster made, whatever state it is in."""

    @abstractmethod
    def channel(self, process: int) -> Channel:
        """A way for one process to reach every node. Clients are never cut off by partitions."""

    @abstractmethod
    async def start(self, nodes: Iterable[NodeId]) -> None:
        """Start nodes that were killed, on the journals that they left; others are left alone."""

    @abstractmethod
    async def kill(self, nodes: Iterable[NodeId]) -> None:
        """End nodes as SIGKILL does, paused ones too: what was not persisted is gone."""

    @abstractmethod
    async def pause(self, nodes: Iterable[NodeId]) -> None:
        """Stop nodes as SIGSTOP does: they forget nothing and answer nothing. Skips dead nodes."""

    @abstractmethod
    async def resume(self, nodes: Iterable[NodeId]) -> None:
        """Let paused nodes go on; others are left alone."""

    @abstractmethod
    async def cut(self, links: Iterable[Link]) -> None:
        """Let nothing more through these links, beside those that are cut already."""

    @abstractmethod
    async def mend(self, but: Iterable[Link] = ()) -> None:
        """Let everything through every link again, but for some, which are then the ones cut."""

    async def calm(self) -> None:  # noqa: B027
        """Let trouble end that is the world's own and no fault's, where the environment has any."""

    @abstractmethod
    async def status(self, node: NodeId) -> Status | None:
        """The node's facts and counters, or None if it does not answer within half a second."""

    @abstractmethod
    def state(self, node: NodeId) -> NodeState:
        """What the harness did to the node."""

    @abstractmethod
    async def collect_logs(self, folder: Path) -> Sequence[Path]:
        """Write each node's log to `folder/<node>.log`, and return the files written."""

    @abstractmethod
    def crashes(self) -> Mapping[NodeId, str]:
        """Nodes that ended though nobody killed them, each with the last words of its log."""

    def describe(self) -> dict[str, Any]:
        """What a report says of the environment: versions, image, addresses."""
        return {}

    async def leader(self) -> NodeId | None:
        """The node that leads in the highest term, as the nodes tell it; None where nobody does."""
        leaders: list[tuple[int, NodeId]] = []
        for node in self.nodes:
            state = self.state(node)
            status = await self.status(node) if state.running and not state.paused else None
            if status is not None and status.facts.get("role") == "leader":
                leaders.append((status.facts.get("term", 0), node))
        return max(leaders)[1] if leaders else None
