"""Changes of membership under load: nodes removed and added by requests, as an operator would.

The requests are the nemesis's own and no part of the history; what they did stands in the spans of
the faults. Healing brings back the members that the cluster began with, as far as it can: while
another fault keeps the cluster from agreeing on anything, a change does not go through, and is
given up after a while. Whether it then happens all the same is nobody's concern but the system's.
"""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import ClassVar

from harness.clock import MILLISECOND_NS, SECOND_NS
from harness.cluster import Capability, Cluster, NoAnswer, Unreachable
from harness.nemesis.fault import Target, choose, told
from systems_under_test.node import NodeId
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request

PATIENCE_NS = 5 * SECOND_NS
"""How long a request is repeated until it counts as not done."""

PAUSE_NS = 50 * MILLISECOND_NS
PROCESS = -2
"""The nemesis as a client: no worker has this number."""


class Change(StrEnum):
    """What is asked for."""

    ADD = "add-node"
    REMOVE = "remove-node"
    REMOVE_LEADER = "remove-leader"


@dataclass(frozen=True, slots=True)
class Membership:
    """Ask for a change of members; healing asks for the members of the beginning."""

    change: Change
    family: ClassVar[str] = "membership"
    needs: ClassVar[frozenset[Capability]] = frozenset()

    @property
    def name(self) -> str:
        return self.change.value

    @property
    def least_nodes(self) -> int:
        """Removing one must leave two, so that there is still something to agree on."""
        return 1 if self.change is Change.ADD else 3

    @property
    def at_leader(self) -> bool:
        return self.change is Change.REMOVE_LEADER

    async def inject(self, cluster: Cluster, random: Random) -> str:
        operator = Operator(cluster)
        try:
            members = await operator.members()
            if members is None:
                return "nothing: nobody told who the members are"
            if self.change is Change.ADD:
                others = [node for node in cluster.nodes if node not in members]
                if not others:
                    return "nothing: every node is a member already"
                return await operator.change("add", random.choice(others))
            if len(members) < 3:
                return f"nothing: only {told(members)} are left"
            node = random.choice(members)
            if self.change is Change.REMOVE_LEADER:
                (leader,) = await choose(Target.LEADER, cluster, random)
                node = leader if leader in members else node
            return await operator.change("remove", node)
        finally:
            await operator.close()

    async def heal(self, cluster: Cluster) -> None:
        operator = Operator(cluster)
        try:
            members = await operator.members() or cluster.members
            for node in cluster.members:
                if node not in members:
                    await operator.change("add", node)
            for node in members:
                if node not in cluster.members:
                    await operator.change("remove", node)
        finally:
            await operator.close()


class Operator:
    """Somebody who asks the cluster for changes, and asks again."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._channel = cluster.channel(PROCESS)
        self._sequence = 0

    async def members(self) -> list[NodeId] | None:
        """The members, as the cluster tells them; None where it did not in time."""
        answer = await self._ask("members", None)
        return list(answer.result) if isinstance(answer, Reply) else None

    async def change(self, function: str, node: NodeId) -> str:
        """Ask for one node to be added or removed, and tell in a sentence what came of it."""
        answer = await self._ask(function, node)
        if isinstance(answer, Reply):
            verb = "added" if function == "add" else "removed"
            return f"{verb} {node}: the members are {told(answer.result)}"
        why = answer.reason or answer.error if answer is not None else "no answer"
        return f"asked to {function} {node}, in vain: {why}"

    async def close(self) -> None:
        await self._channel.close()

    async def _ask(self, function: str, node: NodeId | None) -> Reply | Refusal | None:
        """Ask one node after the other until one replies, or the last answer when time is up.

        To ask again is harmless: what is so already is not changed.
        """
        clock, nodes = self._cluster.clock, self._cluster.nodes
        until_ns = clock.now_ns() + PATIENCE_NS
        asked = nodes[0]
        answer: Reply | Refusal | None = None
        while clock.now_ns() < until_ns:
            self._sequence += 1
            request = Request(0, self._sequence, function, "", node)
            limit_ns = min(until_ns, clock.now_ns() + SECOND_NS)
            leader: NodeId | None = None
            try:
                answer = await self._channel.ask(asked, request, limit_ns)
            except (Unreachable, NoAnswer):
                pass
            else:
                if isinstance(answer, Reply) or _is_final(answer):
                    return answer
                leader = answer.leader
            if leader in nodes and leader != asked:
                asked = leader
            else:
                asked = nodes[(nodes.index(asked) + 1) % len(nodes)]
            await clock.sleep_until_ns(clock.now_ns() + PAUSE_NS)
        return answer


def _is_final(refusal: Refusal) -> bool:
    return ErrorCode.of(refusal.error) is ErrorCode.BAD_REQUEST
