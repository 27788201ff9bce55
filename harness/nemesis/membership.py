"""Changes of membership under load: nodes removed and added by requests, as an operator would.

The requests are the nemesis's own and no part of the history; what they did stands in the spans of
the faults. Healing brings back the members that the cluster began with, as far as it can: while
another fault keeps the cluster from agreeing on anything, a change does not go through, and is
given up after a while. Whether it then happens all the same is nobody's concern but the system's.
"""

from collections.abc import Sequence
from random import Random
from typing import ClassVar, NamedTuple

from harness.clock import MILLISECOND_NS, SECOND_NS
from harness.cluster import OPERATOR, Capability, Cluster, NoAnswer, Unreachable
from harness.nemesis.fault import NotApplied, Target, VariedFault, Variety, choose, listed
from harness.nemesis.partition import between
from systems_under_test.node import NodeId
from systems_under_test.quorum import majority
from systems_under_test.requests import ErrorCode, OperatorRequest, Refusal, Reply

PATIENCE_NS = 5 * SECOND_NS
"""How long a request is repeated until it counts as not done."""

PAUSE_NS = 50 * MILLISECOND_NS


class Change(Variety):
    """What is asked for."""

    ADD = "add-node", "a spare node is added"
    REMOVE = "remove-node", "a member is removed"
    REMOVE_LEADER = "remove-leader", "the leader is removed"
    REMOVE_UNREACHABLE = (
        "remove-unreachable",
        "the leader's side of a partition asks to remove the other one",
    )
    """Cut the leader off with less than half of the nodes, and have operators on that side, who
    take the others for dead, remove them all at the same time. It must not work."""
    REPLACE_EACH = "replace-each", "every member is removed and added again, in turn"
    """Remove every member and add it again, one after the other, as one does to renew them all."""


class MemberChange(VariedFault[Change]):
    """Ask for a change of members; healing asks for the members of the beginning."""

    family: ClassVar[str] = "membership"

    @property
    def needs(self) -> frozenset[Capability]:
        cuts = self.variety is Change.REMOVE_UNREACHABLE
        return frozenset({Capability.MEMBERS, *([Capability.CUT] if cuts else [])})

    @property
    def least_nodes(self) -> int:
        """Removing one must leave two, so that there is still something to agree on."""
        return 1 if self.variety is Change.ADD else 3

    @property
    def at_leader(self) -> bool:
        return self.variety in (Change.REMOVE_LEADER, Change.REMOVE_UNREACHABLE)

    async def inject(self, cluster: Cluster, random: Random) -> str:
        if self.variety is Change.REMOVE_UNREACHABLE:
            return await remove_unreachable(cluster, random)
        operator = Operator(cluster)
        try:
            members = await operator.members()
            if members is None:
                raise NotApplied("nothing: no node said who the members are")
            if self.variety is Change.REPLACE_EACH:
                return await replace_each(operator, random.sample(members, len(members)))
            if self.variety is Change.ADD:
                others = [node for node in cluster.nodes if node not in members]
                if not others:
                    raise NotApplied("nothing: every node is a member already")
                return await operator.make("add-member", random.choice(others))
            if len(members) < 3:
                raise NotApplied(f"nothing: only {listed(members)} are left")
            node = cluster.aim if cluster.aim in members else random.choice(members)
            if self.variety is Change.REMOVE_LEADER:
                (leader,) = await choose(Target.LEADER, cluster, random)
                node = leader if leader in members else node
            return await operator.make("remove-member", node)
        finally:
            await operator.close()

    async def heal(self, cluster: Cluster) -> None:
        """Ask for the first members; a partition that this fault made ends, with all others."""
        if self.variety is Change.REMOVE_UNREACHABLE:
            await cluster.mend()
        operator = Operator(cluster)
        try:
            members = await operator.members() or cluster.members
            for node in cluster.members:
                if node not in members:
                    await operator.change("add-member", node)
            for node in members:
                if node not in cluster.members:
                    await operator.change("remove-member", node)
        finally:
            await operator.close()


async def remove_unreachable(cluster: Cluster, random: Random) -> str:
    """Cut the leader and some others off from a majority, and ask them to remove that majority."""
    (leader,) = await choose(Target.LEADER, cluster, random)
    others = [node for node in random.sample(cluster.nodes, len(cluster.nodes)) if node != leader]
    fewer = len(others) - majority(len(cluster.nodes))
    side, unreachable = sorted([leader, *others[:fewer]]), sorted(others[fewer:])
    await cluster.cut(between(side, unreachable))
    said: dict[NodeId, str] = {}

    async def remove(node: NodeId) -> None:
        operator = Operator(cluster, [leader], SECOND_NS)
        try:
            said[node] = (await operator.change("remove-member", node)).sentence
        finally:
            await operator.close()

    await cluster.clock.together(*(remove(node) for node in unreachable))
    return f"{listed(side)} cut off from {listed(unreachable)}; " + "; ".join(said.values())


async def replace_each(operator: "Operator", members: Sequence[NodeId]) -> str:
    """Remove these members and add them again, in turn, as far as it goes."""
    for node in members:
        for function in ("remove-member", "add-member"):
            changed = await operator.change(function, node)
            if not changed.done:
                sentence = f"renewing {listed(members)} in turn, {changed.sentence}"
                if node == members[0] and function == "remove-member":
                    raise NotApplied(sentence)
                return sentence
    return f"renewed {listed(members)} in turn"


class Changed(NamedTuple):
    """Whether a change was made, and in a sentence what came of it."""

    done: bool
    sentence: str


class Operator:
    """Somebody who asks these nodes for changes, and asks again for some time."""

    def __init__(
        self,
        cluster: Cluster,
        nodes: Sequence[NodeId] | None = None,
        patience_ns: int = PATIENCE_NS,
    ) -> None:
        self._cluster = cluster
        self._nodes = nodes or cluster.nodes
        self._patience_ns = patience_ns
        self._channel = cluster.channel(OPERATOR)
        self._sequence = 0

    async def members(self) -> list[NodeId] | None:
        """The members, as the cluster tells them; None where it did not in time."""
        answer = await self._ask("members", None)
        return list(answer.result) if isinstance(answer, Reply) else None

    async def change(self, function: str, node: NodeId) -> Changed:
        """Ask for one node to be added or removed."""
        answer = await self._ask(function, node)
        if isinstance(answer, Reply):
            verb = "added" if function == "add-member" else "removed"
            told = f"{verb} {node}: the members are {listed(answer.result)}"
            self._cluster.members_changed(node, told)
            return Changed(True, told)
        why = answer.reason or answer.error if answer is not None else "no answer"
        return Changed(False, f"asked to {function.removesuffix('-member')} {node}, in vain: {why}")

    async def make(self, function: str, node: NodeId) -> str:
        """As `change`, told in a sentence; `NotApplied` where it was not made."""
        changed = await self.change(function, node)
        if not changed.done:
            raise NotApplied(changed.sentence)
        return changed.sentence

    async def close(self) -> None:
        await self._channel.close()

    async def _ask(self, function: str, node: NodeId | None) -> Reply | Refusal | None:
        """Ask one node after the other until one replies, or the last answer when time is up.

        To ask again is harmless: what is so already is not changed.
        """
        clock, nodes = self._cluster.clock, self._nodes
        until_ns = clock.now_ns() + self._patience_ns
        asked = nodes[0]
        answer: Reply | Refusal | None = None
        while clock.now_ns() < until_ns:
            self._sequence += 1
            request = OperatorRequest(0, self._sequence, function, "", node)
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
            if leader is not None and leader in nodes and leader != asked:
                asked = leader
            else:
                asked = nodes[(nodes.index(asked) + 1) % len(nodes)]
            await clock.sleep_until_ns(clock.now_ns() + PAUSE_NS)
        return answer


def _is_final(refusal: Refusal) -> bool:
    return ErrorCode.of(refusal.error) is ErrorCode.BAD_REQUEST
