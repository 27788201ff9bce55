"""Watches the nodes from outside while clients call: who leads, and how much the nodes do.

A node's counters start over when it starts, so they are asked for again and again and added up: a
kill loses what the node did since the last question, half a second at most.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from harness.clock import MILLISECOND_NS, Clock
from harness.cluster import Cluster
from systems_under_test.node import NodeId
from systems_under_test.requests import Status

EVERY_NS = 500 * MILLISECOND_NS
LEADERS_MAX = 10_000
"""Changes of leader that are kept: enough for a week of one a minute."""


class Observer:
    """Asks every node now and then how it is, and remembers what changed."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._past: dict[NodeId, Counter[str]] = {node: Counter() for node in cluster.nodes}
        """What each node did in its former lives."""

        self._last: dict[NodeId, Mapping[str, int]] = {}
        """What each node had done in its present life when it was last looked at."""

        self._leading: tuple[NodeId, int] | None = None
        self.facts: dict[NodeId, Any] = {}
        self.leaders: list[dict[str, Any]] = []

    async def watch(self, until_ns: int) -> None:
        """Look until that moment; the last look is the caller's to take."""
        while self._clock.now_ns() < until_ns:
            await self.look()
            next_ns = self._clock.now_ns() + EVERY_NS
            await self._clock.sleep_until_ns(min(next_ns, until_ns))

    async def look(self) -> None:
        """Ask each node that should answer once."""
        leaders: list[tuple[int, NodeId]] = []
        for node in self._cluster.nodes:
            state = self._cluster.state(node)
            if not state.running or state.paused:
                continue
            status = await self._cluster.status(node)
            if status is None:
                continue
            self._count(node, status)
            if (term := status.leads) is not None:
                leaders.append((term, node))
        if leaders:
            term, node = max(leaders)
            self._lead(node, term)

    def counters(self) -> dict[NodeId, Any]:
        """What each node did in all, and the facts that it told last."""
        return {
            node: {
                **{name: past[name] + value for name, value in self._last[node].items()},
                "facts": self.facts[node],
            }
            for node, past in self._past.items()
            if node in self._last
        }

    def _count(self, node: NodeId, status: Status) -> None:
        """Note what the node did. Counters start over with each life, so one that fell tells of a
        restart."""
        last = self._last.get(node, {})
        if any(status.counters[name] < value for name, value in last.items()):
            self._past[node].update(last)
        self._last[node] = status.counters
        self.facts[node] = status.facts

    def _lead(self, node: NodeId, term: int) -> None:
        if (node, term) != self._leading and len(self.leaders) < LEADERS_MAX:
            self._leading = (node, term)
            self.leaders.append({"node": node, "term": term, "time_ns": self._clock.now_ns()})
