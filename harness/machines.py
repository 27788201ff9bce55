"""What can be done to the machines that nodes run on: their disks, clocks and processors.

What the harness asked for is not what happened, so each looks whether the environment, or the node
itself, shows the effect.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from checker.wording import plural
from harness.clock import MILLISECOND_NS, SECOND_NS, Clock
from harness.conditions import Weakness
from systems_under_test.node import NodeId
from systems_under_test.requests import Status

MET_WITHIN_NS = SECOND_NS
"""How long a node may sync nothing until its weak disk counts as not met."""


class Capability(StrEnum):
    """What a fault may need of a cluster."""

    KILL = "kill"
    PAUSE = "pause"
    CUT = "cut"
    POWER = "cut power"
    DISK = "fill disks"
    DAMAGE = "damage journals"
    LOG = "read logs"
    CLOCK = "set clocks"
    PACKET = "disturb packets"
    DUPLICATE = "duplicate messages"
    MEMBERS = "change members"
    WEAK_DISK = "weaken disks"
    TERMINATE = "ask nodes to end"
    CORRUPT = "corrupt packets"
    CPU = "limit processors"
    MEMORY = "limit memory"


@dataclass(frozen=True, slots=True)
class Effect:
    """What the environment showed of something that the harness asked it to do.

    `nodes` are those that it struck; `seen` says how it was seen.
    """

    capability: Capability
    nodes: tuple[NodeId, ...]
    seen: str


@dataclass(frozen=True, slots=True)
class NodeState:
    """What the harness itself did to a node: the reason not to expect an answer of it."""

    running: bool = True
    paused: bool = False


class Machines(ABC):
    """The machines of a cluster; all that is undone here may be undone twice."""

    nodes: tuple[NodeId, ...]
    clock: Clock

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self._unseen_offsets_ns: dict[NodeId, int] = {}
        """The clocks that were set off and did not show it: their nodes were down, or busy."""

        self._unmet_limits: dict[Capability, dict[NodeId, Callable[[NodeId], Awaitable[str]]]] = {}
        """The nodes that have not met the limits last set, with how each is looked at."""

    @abstractmethod
    async def life(self, node: NodeId) -> str:
        """The node's present process, told apart from all before it; "" where none lives.

        The kernel or the engine is asked, not what this object remembers.
        """

    @abstractmethod
    async def status(self, node: NodeId) -> Status | None:
        """The node's facts and counters, or None if it does not answer within half a second."""

    @abstractmethod
    def state(self, node: NodeId) -> NodeState:
        """What the harness did to the node."""

    def members_changed(self, node: NodeId, told: str) -> None:
        """A node was added or removed by the cluster's own word, which is `told`."""
        self._show(Capability.MEMBERS, [node], told)

    def _show(self, capability: Capability, nodes: Iterable[NodeId], seen: str) -> None:
        """Keep that the environment showed an effect."""
        self.effects.append(Effect(capability, tuple(nodes), seen))

    async def fill(self, nodes: Iterable[NodeId]) -> None:
        """Leave no space on the disks of these nodes."""
        for node in nodes:
            if await self._fill(node):
                self._show(Capability.DISK, [node], f"the disk of {node} without space")

    async def free(self) -> None:  # noqa: B027
        """Let every disk be sound and have space, and start the nodes that ended of theirs."""

    async def weaken(self, nodes: Iterable[NodeId], weakness: Weakness) -> None:
        """Let the disks of these nodes be weak, and all others sound."""
        lives = {node: await self.life(node) for node in nodes}
        before = {node: await self.weakness_met(node) or 0 for node in lives}
        await self._weaken(dict.fromkeys(lives, weakness))
        left = {node for node, life in lives.items() if life}
        until_ns = self.clock.now_ns() + MET_WITHIN_NS
        while left and self.clock.now_ns() < until_ns:
            await self.clock.sleep_until_ns(self.clock.now_ns() + 20 * MILLISECOND_NS)
            for node in sorted(left):
                met = await self.weakness_met(node)
                if met is not None and met > before[node]:
                    seen = f"a sync of {node} that was slow, by its own word"
                elif weakness.failing and await self.life(node) != lives[node]:
                    seen = f"{lives[node]} ended, as its disk failed"
                else:
                    continue
                self._show(Capability.WEAK_DISK, [node], seen)
                left.discard(node)

    async def _weaken(self, weaknesses: Mapping[NodeId, Weakness]) -> None:
        """Do it; in force at the return."""
        raise NotImplementedError

    async def weakness_met(self, node: NodeId) -> int | None:
        """How many writes and syncs of a node were slow or failed, asked of the node."""
        state = self.state(node)
        status = await self.status(node) if state.running and not state.paused else None
        met = None if status is None else status.facts.get("disk_met")
        return met if isinstance(met, int) else None

    async def _fill(self, node: NodeId) -> bool:
        """Do it; whether the disk was seen full."""
        raise NotImplementedError

    async def limit_processors(self, nodes: Iterable[NodeId], share: float | None) -> None:
        """Leave these nodes so much of a processor, or None for as much as they like."""
        nodes = tuple(nodes)
        await self._limit_processors(nodes, share)
        limited = nodes if share is not None else ()
        await self._await_limit(limited, Capability.CPU, self.held_back, "held back")

    async def limit_memory(self, nodes: Iterable[NodeId], room: int | None) -> None:
        """Leave these nodes this many bytes of memory beside what they have, or None for as much as
        they like; those that ended for want of it are started with that."""
        nodes = tuple(nodes)
        await self._limit_memory(nodes, room)
        limited = nodes if room is not None else ()
        await self._await_limit(limited, Capability.MEMORY, self.out_of_memory, "out of memory")

    async def _await_limit(
        self,
        nodes: Iterable[NodeId],
        capability: Capability,
        met: Callable[[NodeId], Awaitable[int | None]],
        said: str,
    ) -> None:
        """Look for a while whether nodes meet a limit; later once more (`look_again`)."""

        async def look(node: NodeId) -> str:
            times = await met(node)
            return f"{node} {said} {plural(times, 'time')}, by its control group" if times else ""

        self._unmet_limits[capability] = dict.fromkeys(nodes, look)
        until_ns = self.clock.now_ns() + MET_WITHIN_NS
        while self._unmet_limits[capability] and self.clock.now_ns() < until_ns:
            await self.clock.sleep_until_ns(self.clock.now_ns() + 50 * MILLISECOND_NS)
            await self._look_at_limits(capability)

    async def _look_at_limits(self, capability: Capability) -> None:
        unmet = self._unmet_limits.get(capability, {})
        for node, look in list(unmet.items()):
            if (seen := await look(node)) and node in unmet:
                del unmet[node]
                self._show(capability, [node], seen)

    async def _limit_processors(self, nodes: Sequence[NodeId], share: float | None) -> None:
        """Do it; in force at the return."""
        if share is not None:
            raise NotImplementedError

    async def _limit_memory(self, nodes: Sequence[NodeId], room: int | None) -> None:
        """Do it; in force at the return."""
        if room is not None:
            raise NotImplementedError

    async def out_of_memory(self, node: NodeId) -> int | None:
        """How often the node's processes met the present limit of their memory; None if unknown."""
        return None

    async def held_back(self, node: NodeId) -> int | None:
        """How often the node's processes were held back by the present limit; None if unknown."""
        return None

    async def skew(self, offsets_ns: Mapping[NodeId, int]) -> None:
        """Set the wall clocks of these nodes ahead by so much, and all others right."""
        await self._skew(offsets_ns)
        self._unseen_offsets_ns = {node: by_ns for node, by_ns in offsets_ns.items() if by_ns}
        for node in list(self._unseen_offsets_ns):
            await self._look_at_clock(node)

    async def look_again(self, capabilities: Iterable[Capability]) -> None:
        """Look once more at what is in force and did not show at first."""
        for capability in capabilities:
            await self._look_at_limits(capability)
        if Capability.CLOCK in capabilities:
            await self.clock.together(*map(self._look_at_clock, list(self._unseen_offsets_ns)))

    async def _look_at_clock(self, node: NodeId) -> None:
        offset_ns = self._unseen_offsets_ns.get(node)
        if offset_ns is None or await self.offset_ns(node) != offset_ns:
            return
        if self._unseen_offsets_ns.pop(node, None) == offset_ns:
            told = f"the clock of {node} {offset_ns / SECOND_NS:+g} s off, by its own word"
            self._show(Capability.CLOCK, [node], told)

    async def _skew(self, offsets_ns: Mapping[NodeId, int]) -> None:
        """Do it; in force at the return."""
        if offsets_ns:
            raise NotImplementedError

    async def offset_ns(self, node: NodeId) -> int | None:
        """How far ahead the node's wall clock is, asked of the node; None where it says nothing."""
        state = self.state(node)
        status = await self.status(node) if state.running and not state.paused else None
        offset_ns = None if status is None else status.facts.get("clock_offset_ns")
        return offset_ns if isinstance(offset_ns, int) else None
