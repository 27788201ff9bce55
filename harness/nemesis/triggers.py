"""Triggers: what a fault waits for, so that it strikes just after something happened.

    kill-one@election           a node leads in a higher term than any before
    pause-one@acknowledgement   a call that may have changed something was answered
    kill-one@members            a node tells another value of that fact than before
    isolate-one@role=candidate  a node tells that value of the fact, and did not before
    kill-one@follower.ballot    a node tells another value while it has that role
    kill-one@"became leader"    a node logs another line with that text

What is awaited happens at a node, and "one node" then means that one. A trigger looks again and
again: what comes and goes between two looks is missed. In the simulator nodes have no logs.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar, cast

from harness.clock import MILLISECOND_NS, SECOND_NS
from harness.cluster import Capability, Cluster
from harness.errors import UsageError
from harness.nemesis.fault import Fault, NotApplied
from systems_under_test.node import NodeId

LOOK_NS = 5 * MILLISECOND_NS
"""The pause between two looks."""

_FACT = re.compile(r"(?:([A-Za-z_]\w*)\.)?([A-Za-z_]\w*)(?:=([\w.-]+))?")
_LINE = re.compile(r'"([^"]+)"')


class Trigger(ABC):
    """Something that happens at a node."""

    needs: ClassVar[frozenset[Capability]] = frozenset()

    @property
    @abstractmethod
    def text(self) -> str:
        """How it is written behind the @."""

    @abstractmethod
    async def look(self, cluster: Cluster) -> dict[NodeId, Any]:
        """What there is to see now, by node; nothing of those that tell nothing."""

    @abstractmethod
    def fired(self, before: Mapping[NodeId, Any], now: Mapping[NodeId, Any]) -> NodeId | None:
        """The node at which it has happened, by what was seen last of each before, and now."""


@dataclass(frozen=True, slots=True)
class ElectionSeen(Trigger):
    """A node leads in a higher term than any that was seen."""

    text: ClassVar[str] = "election"

    async def look(self, cluster: Cluster) -> dict[NodeId, Any]:
        leads: dict[NodeId, int] = {}
        for node in cluster.nodes:
            status = await _status(cluster, node)
            if status is not None and status.leads is not None:
                leads[node] = status.leads
        return leads

    def fired(self, before: Mapping[NodeId, Any], now: Mapping[NodeId, Any]) -> NodeId | None:
        highest = max(before.values(), default=-1)
        newer = [node for node, term in now.items() if term > highest]
        return max(newer, key=lambda node: now[node], default=None)


@dataclass(frozen=True, slots=True)
class Acknowledgement(Trigger):
    """A call that may have changed something was answered."""

    text: ClassVar[str] = "acknowledgement"

    async def look(self, cluster: Cluster) -> dict[NodeId, Any]:
        node = cluster.changed_last
        return {} if node is None else {node: cluster.changes}

    def fired(self, before: Mapping[NodeId, Any], now: Mapping[NodeId, Any]) -> NodeId | None:
        latest = max(before.values(), default=0)
        return next((node for node, number in now.items() if number > latest), None)


@dataclass(frozen=True, slots=True)
class FactTold(Trigger):
    """A node, or one that has a role, tells another value of a fact than before: any, or a certain
    one."""

    fact: str
    value: str | None = None
    role: str | None = None

    @property
    def text(self) -> str:
        of = "" if self.role is None else f"{self.role}."
        return f"{of}{self.fact}" + ("" if self.value is None else f"={self.value}")

    async def look(self, cluster: Cluster) -> dict[NodeId, Any]:
        told: dict[NodeId, tuple[str, Any]] = {}
        for node in cluster.nodes:
            status = await _status(cluster, node)
            if status is not None and self.fact in status.facts:
                value = status.facts[self.fact]
                text = value if isinstance(value, str) else json.dumps(value)
                told[node] = text, status.facts.get("role")
        return told

    def fired(self, before: Mapping[NodeId, Any], now: Mapping[NodeId, Any]) -> NodeId | None:
        for node, (value, role) in now.items():
            changed = node in before and value != before[node][0]
            if changed and self.value in (None, value) and self.role in (None, role):
                return node
        return None


@dataclass(frozen=True, slots=True)
class LineLogged(Trigger):
    """A node logs another line with a text."""

    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.LOG})
    part: str

    @property
    def text(self) -> str:
        return f'"{self.part}"'

    async def look(self, cluster: Cluster) -> dict[NodeId, Any]:
        return {
            node: [line for line in (await cluster.logged(node)).splitlines() if self.part in line]
            for node in cluster.nodes
        }

    def fired(self, before: Mapping[NodeId, Any], now: Mapping[NodeId, Any]) -> NodeId | None:
        """Only the end of a log is seen, so that its first lines may be gone at the next look."""
        for node, lines in now.items():
            known = before.get(node, [])
            if lines and (len(lines) > len(known) or lines[-1] != known[-1]):
                return node
        return None


def read_trigger(text: str) -> Trigger:
    """The trigger that is written so; `UsageError` where none is."""
    for known in (ElectionSeen(), Acknowledgement()):
        if text == known.text:
            return known
    if line := _LINE.fullmatch(text):
        return LineLogged(line[1])
    if fact := _FACT.fullmatch(text):
        return FactTold(fact[2], fact[3], fact[1])
    raise UsageError(
        f"there is no trigger {text!r}; write election, acknowledgement, a fact that nodes tell "
        '(term, role=candidate) or a part of a line that they log ("became leader")'
    )


@dataclass(frozen=True, slots=True)
class Aimed(Fault):
    """A fault that waits for a trigger, and takes the node at which it happened for its target."""

    fault: Fault
    trigger: Trigger

    @property
    def name(self) -> str:
        return f"{self.fault.name}@{self.trigger.text}"

    @property
    def family(self) -> str:
        return self.fault.family

    @property
    def about(self) -> str:
        return f"{self.fault.about}, just after {self.trigger.text}"

    @property
    def needs(self) -> frozenset[Capability]:
        return self.fault.needs | self.trigger.needs

    @property
    def least_nodes(self) -> int:
        return self.fault.least_nodes

    @property
    def at_leader(self) -> bool:
        return self.fault.at_leader

    async def awaited(self, cluster: Cluster, until_ns: int) -> Cluster:
        clock = cluster.clock
        known = await self.trigger.look(cluster)
        while clock.now_ns() < until_ns:
            await clock.sleep_until_ns(min(until_ns, clock.now_ns() + LOOK_NS))
            now = await self.trigger.look(cluster)
            node = self.trigger.fired(known, now)
            if node is not None:
                return cast(Cluster, _Aiming(cluster, node))
            known |= now
        raise NotApplied(f"nothing: {self.trigger.text} did not come in time")

    async def inject(self, cluster: Cluster, random: Random) -> str:
        if cluster.aim is None:  # Nobody has waited for it.
            cluster = await self.awaited(cluster, cluster.clock.now_ns() + 5 * SECOND_NS)
        done = await self.fault.inject(cluster, random)
        return f"after {self.trigger.text} at {cluster.aim}: {done}"

    async def heal(self, cluster: Cluster) -> None:
        await self.fault.heal(cluster)


class _Aiming:
    """A cluster, with the node at which something has just happened."""

    def __init__(self, cluster: Cluster, aim: NodeId) -> None:
        self._cluster = cluster
        self.aim = aim

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)


async def _status(cluster: Cluster, node: NodeId) -> Any:
    state = cluster.state(node)
    return await cluster.status(node) if state.running and not state.paused else None
