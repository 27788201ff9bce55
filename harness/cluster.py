"""A cluster: the nodes of a run, the controls over them, and the way for clients to reach them.

Faults are written against this class alone, so that they work in every environment. An environment
that cannot do something leaves the capability out of `capabilities`, and the schedule says so.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

from checker.wording import plural
from harness.clock import MILLISECOND_NS, SECOND_NS, Clock
from harness.conditions import Conditions, Corruption
from harness.covering import cover
from harness.errors import EnvironmentFailed
from harness.machines import Capability, Effect, Machines, NodeState
from systems_under_test.node import NodeId
from systems_under_test.requests import Refusal, Reply, Request

__all__ = [
    "Capability",
    "Channel",
    "Cluster",
    "Effect",
    "Link",
    "NoAnswer",
    "NodeState",
    "Unreachable",
    "cover",
]

Link: TypeAlias = tuple[NodeId, NodeId]
"""One direction between two nodes: what the first sends to the second."""

WARM_UP, OPERATOR = -1, -2
"""Processes that are no client's: who asks before the calls, and the nemesis as an operator."""


HEEDS_WITHIN_NS = 5 * SECOND_NS
"""A process that waits for its disk ends, or stops, only when the disk has answered."""


class Unreachable(Exception):
    """The request was certainly never handed to the node: it can have had no effect."""


class NoAnswer(Exception):
    """The request was sent, wholly or in part, and it is unknown what became of it."""


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


class Cluster(Machines):
    """The nodes of one run: started by `async with cluster`, and nothing left behind after it.

    What the harness asked for is not what happened. `kill`, `pause` and `cut` therefore look, by
    `life`, `stopped` and `is_cut`, whether the environment shows the effect; where it shows that
    there was none they raise `EnvironmentFailed`. `effects` keeps what was shown.
    """

    environment: str
    """The environment's name: "simulated", "local" or "docker"."""

    capabilities: frozenset[Capability]
    nodes: tuple[NodeId, ...]
    members: tuple[NodeId, ...]
    """The nodes that the system begins with; the others are spares, which run and wait."""

    clock: Clock
    aim: NodeId | None = None
    """The node that a fault is aimed at, where something has just happened at one."""

    findings: Sequence[str] = ()
    """What the cluster itself found wrong with the system, in sentences."""

    def __init__(self) -> None:
        super().__init__()
        self.doubts: Counter[str] = Counter()
        """Why calls were left in doubt, in the words of the one that said so."""

        self._mendings = 0
        self._unseen_cuts: tuple[Link, ...] = ()
        """The links cut last, where nothing could be tried: their nodes were down."""

        self._unseen_conditions: tuple[Mapping[Link, Conditions], int | None] = {}, None
        """Those of links that nothing has met yet, and how often any were met before."""

        self.changed_last: NodeId | None = None
        """The node that answered a call last which may have changed something."""

        self.changes = 0
        """How many such calls were answered."""

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

    async def kill(self, nodes: Iterable[NodeId]) -> None:
        """End nodes as SIGKILL does, paused ones too: what was not persisted is gone."""
        lives = {node: await self.life(node) for node in nodes}
        await self._kill(tuple(lives))
        for node in await self._ended_of(lives):
            self._show(Capability.KILL, [node], f"{lives[node]} ended")

    async def lose_power(self, nodes: Iterable[NodeId]) -> None:
        """End nodes as a loss of power does: what was not synced is gone, though the kernel had it.
        Dead nodes lose what they left unsynced."""
        lives = {node: await self.life(node) for node in nodes}
        await self._lose_power(tuple(lives))
        for node in await self._ended_of(lives):
            seen = f"{lives[node]} ended, its disk without what was not synced"
            self._show(Capability.POWER, [node], seen)

    async def terminate(self, nodes: Iterable[NodeId], grace_ns: int) -> None:
        """Ask nodes to end as SIGTERM does, and kill those that have not after a while."""
        lives = {node: await self.life(node) for node in nodes}
        forced = await self._terminate(tuple(lives), grace_ns)
        for node in await self._ended_of(lives):
            how = "had to be killed" if node in forced else "ended"
            self._show(Capability.TERMINATE, [node], f"{lives[node]} {how} when asked to end")

    async def _terminate(self, nodes: Sequence[NodeId], grace_ns: int) -> Sequence[NodeId]:
        """Do it, and return those that had to be killed."""
        raise NotImplementedError

    async def _ended_of(self, lives: Mapping[NodeId, str]) -> list[NodeId]:
        """The nodes whose lives have ended, or `EnvironmentFailed` where one goes on.

        Who kills by a command of somebody's own knows only that the signal was sent.
        """
        until_ns, pause_ns = self.clock.now_ns() + HEEDS_WITHIN_NS, MILLISECOND_NS
        for node, life in lives.items():
            while life and await self.life(node) == life:
                if self.clock.now_ns() > until_ns:
                    raise EnvironmentFailed(
                        f"{node} was killed and goes on living ({life}): see what keeps the "
                        f"harness from ending processes of the {self.environment} environment"
                    )
                await self.clock.sleep_until_ns(self.clock.now_ns() + pause_ns)
                pause_ns *= 2
        return [node for node, life in lives.items() if life]

    async def _lose_power(self, nodes: Sequence[NodeId]) -> None:
        """Do it, and return when the environment knows that they ended."""
        raise NotImplementedError

    async def pause(self, nodes: Iterable[NodeId]) -> None:
        """Stop nodes as SIGSTOP does: they forget nothing and answer nothing. Skips dead nodes."""
        lives = {node: await self.life(node) for node in nodes}
        await self._pause(tuple(lives))
        for node, life in lives.items():
            if life and await self._stops(node, life):
                self._show(Capability.PAUSE, [node], f"{life} stopped")

    async def _stops(self, node: NodeId, life: str) -> bool:
        """Wait until the node has stopped; False if another fault ended or resumed it first."""
        until_ns = self.clock.now_ns() + HEEDS_WITHIN_NS
        while not await self.stopped(node):
            if await self.life(node) != life or not self.state(node).paused:
                return False
            if self.clock.now_ns() > until_ns:
                raise EnvironmentFailed(
                    f"{node} was paused and runs on ({life}): see what keeps the harness from "
                    f"stopping processes of the {self.environment} environment"
                )
            await self.clock.sleep_until_ns(self.clock.now_ns() + MILLISECOND_NS)
        return True

    @abstractmethod
    async def resume(self, nodes: Iterable[NodeId]) -> None:
        """Let paused nodes go on; others are left alone."""

    async def cut(self, links: Iterable[Link]) -> None:
        """Let nothing more through these links, beside those that are cut already."""
        links, before = sorted(links), self._mendings
        await self._cut(links)
        seen = await self.is_cut(links)
        if seen is False and self._mendings == before:
            cut = "1 link was" if len(links) == 1 else f"{len(links)} links were"
            raise EnvironmentFailed(
                f"{cut} cut and messages still get through: see what became of "
                f"the rules or the proxy of the {self.environment} environment"
            )
        if seen:
            self._show_cut(links)
        elif self._mendings == before:
            self._unseen_cuts = tuple(links)

    def _show_cut(self, links: Sequence[Link]) -> None:
        told = f"nothing passes {plural(len(links), 'link')}"
        self._show(Capability.CUT, cover(links), told)

    async def look_again(self, capabilities: Iterable[Capability]) -> None:
        capabilities = frozenset(capabilities)
        await super().look_again(capabilities)
        cuts, (conditions, before) = self._unseen_cuts, self._unseen_conditions
        if Capability.CUT in capabilities and cuts and await self.is_cut(cuts):
            self._unseen_cuts = ()
            self._show_cut(cuts)
        unmet = Capability.PACKET in capabilities and conditions
        if unmet and await self.met(Capability.PACKET) != before:
            self._unseen_conditions = {}, None
            self._show_disturbed(conditions)

    async def mend(self, but: Iterable[Link] = ()) -> None:
        """Let everything through every link again, but for some, which are then the ones cut."""
        self._mendings += 1
        self._unseen_cuts = ()
        await self._mend(sorted(but))

    async def damage(self, damages: Mapping[NodeId, Corruption]) -> list[str]:
        """Kill these nodes, damage their journals, and start them on what is left; what was done
        to each and what it did, in words. Those that refuse stay down."""
        await self.kill(damages)
        told = []
        for node, damage in damages.items():
            if seen := await self._harm(node, damage):
                self._show(Capability.DAMAGE, [node], seen)
                told.append(seen)
        return told

    async def repair(self) -> None:
        """Put back what was in the journals of nodes that refused theirs, and start these."""

    async def _harm(self, node: NodeId, damage: Corruption) -> str:
        """Do it to a dead node; what was done and seen, or "" where it has no journal yet."""
        raise NotImplementedError

    async def disturb(self, links: Mapping[Link, Conditions]) -> None:
        """Put these links under conditions, and all others under none."""
        before = await self.met(Capability.PACKET)
        await self._disturb(links)
        self._unseen_conditions = {}, None
        if links and await self.is_disturbed(links):
            self._show_disturbed(links)
        elif links:
            self._unseen_conditions = links, before

    def _show_disturbed(self, links: Mapping[Link, Conditions]) -> None:
        everywhere = len(links) == len(self.nodes) * (len(self.nodes) - 1)
        nodes = self.nodes if everywhere else cover(links)
        self._show(Capability.PACKET, nodes, f"{len(links)} links hold packets up")

    async def _disturb(self, links: Mapping[Link, Conditions]) -> None:
        """Do it; in force at the return."""
        if links:
            raise NotImplementedError

    async def is_disturbed(self, links: Mapping[Link, Conditions]) -> bool | None:
        """Whether something met these conditions, sent over the links if need be; None where
        nothing could be tried."""
        return None

    @abstractmethod
    async def _kill(self, nodes: Sequence[NodeId]) -> None:
        """Kill, and return when the environment knows that they ended."""

    @abstractmethod
    async def _pause(self, nodes: Sequence[NodeId]) -> None:
        """Stop those that live."""

    @abstractmethod
    async def _cut(self, links: Sequence[Link]) -> None:
        """Cut; in force at the return."""

    @abstractmethod
    async def _mend(self, but: Sequence[Link]) -> None:
        """Mend; in force at the return."""

    @abstractmethod
    async def stopped(self, node: NodeId) -> bool:
        """Whether the kernel or the engine holds the node's process stopped."""

    @abstractmethod
    async def is_cut(self, links: Sequence[Link]) -> bool | None:
        """Whether nothing gets through these links, found out by sending something over them.

        None where nothing could be tried, as with links to nodes that are all dead.
        """

    async def met(self, capability: Capability) -> int | None:
        """How often a fault of this kind has met something so far, as the environment counts it:
        the packets that a rule dropped, say. None where nothing counts."""
        return None

    async def in_force(self) -> list[str]:
        """What is still in force of all that faults can do, in words; asked after healing."""
        struck = {effect.capability for effect in self.effects}
        held, wrong = [], []
        for node in self.nodes:
            if Capability.PAUSE in struck and await self.life(node) and await self.stopped(node):
                held.append(node)
            if Capability.CLOCK in struck and await self.offset_ns(node):
                wrong.append(node)
        return [
            *([f"{', '.join(held)} stopped"] if held else []),
            *([f"the clock of {', '.join(wrong)} wrong"] if wrong else []),
        ]

    async def calm(self) -> None:
        """Let trouble end that is the world's own and no fault's, where the environment has any."""

    async def logged(self, node: NodeId) -> str:
        """The end of what the node has logged."""
        raise NotImplementedError

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
            if status is not None and status.leads is not None:
                leaders.append((status.leads, node))
        return max(leaders)[1] if leaders else None
