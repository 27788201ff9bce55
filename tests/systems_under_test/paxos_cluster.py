"""A Paxos cluster in a test's hands (`held_cluster.py`)."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from systems_under_test.node import Effect, Payload, Send
from systems_under_test.paxos.messages import (
    NO_BALLOT,
    Accepted,
    Ballot,
    Promise,
    Promised,
    Proposal,
    Value,
    Voted,
)
from systems_under_test.paxos.node import Paxos
from systems_under_test.paxos.state import Role
from systems_under_test.requests import Request
from tests.systems_under_test.held_cluster import CLIENT, LedCluster, shown

__all__ = ["CLIENT", "PaxosCluster", "Small", "disk", "preparing", "sent", "write"]


class PaxosCluster(LedCluster[Paxos]):
    def __init__(
        self, size: int = 3, system: type[Paxos] = Paxos, seed: int = 0, watched: bool = True
    ) -> None:
        self.announced: dict[str, Ballot] = {}
        """The highest ballot that each node has said to others that it promised."""

        super().__init__(size, system, seed, watched=watched)

    def show(self, value: Any) -> str:
        return show(value)

    def start(self, name: str, disk: list[Payload] | None = None) -> Paxos:
        """A node that starts must know of each promise that others heard of."""
        node = super().start(name, disk)
        announced = self.announced.get(name, NO_BALLOT)
        assert not self.watched or node.promised >= announced, (
            f"{name} has forgotten its promise of {announced}"
        )
        return node

    def restart(self, name: str) -> Paxos:
        node = self.start(name)
        self.trace.append(
            f"{name} restarts with promise {node.promised}, {node.chosen} chosen "
            f"and {len(node.accepted)} accepted"
        )
        return node

    def perform(self, name: str, effect: Effect) -> None:
        super().perform(name, effect)
        if isinstance(effect, Send) and isinstance(effect.message.payload, (Promise, Accepted)):
            announced = self.announced.get(name, NO_BALLOT)
            self.announced[name] = max(announced, effect.message.payload.ballot)

    def lose(self, name: str, lost: list[Effect]) -> None:
        """What it took for chosen must hold as well: it may have answered clients by that."""
        super().lose(name, lost)
        if self.watched:
            self.invariants.check_learned(self.live[name])

    def show_changes(self, name: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        if before["role"] != after["role"]:
            ballot = f" in ballot {after['ballot']}" if after["role"] == "leader" else ""
            self.trace.append(f"{name} becomes {after['role']}{ballot}")
        if before["commit_index"] != after["commit_index"]:
            self.trace.append(f"{name} knows all chosen up to slot {after['commit_index']}")

    def chosen_by(self, name: str) -> list[str]:
        """What that node knows to be chosen, in order of the slots."""
        return runs_of_no_ops(self.live[name].values)

    def accepted_by(self, name: str) -> list[str]:
        accepted = self.live[name].accepted
        return [f"{slot}:{show(accepted[slot])}" for slot in sorted(accepted)]


def show(value: Any) -> str:
    """A payload in a few words."""
    match value:
        case Ballot():
            return str(value)
        case Proposal(ballot, _, command):
            return f"{ballot}/{show_value(command)}"
        case tuple() if value and all(isinstance(item, Proposal) for item in value):
            return "[" + ", ".join(f"{item.slot}:{show(item)}" for item in value) + "]"
        case Request():
            return shown(value, show)
        case tuple():
            return "[" + ", ".join(runs_of_no_ops(value)) + "]"
        case _:
            return shown(value, show)


def show_value(value: Value) -> str:
    return "no-op" if value is None else show(value)


def runs_of_no_ops(values: Iterable[Any]) -> list[str]:
    """The values of slots in a few words: many no-ops in a row are counted."""
    shown: list[str] = []
    for is_no_op, group in groupby(values, key=lambda value: value is None):
        run = [show_value(value) for value in group]
        shown += [f"{len(run)} no-ops"] if is_no_op and len(run) > 1 else run
    return shown


def write(value: Any, key: str = "k") -> Request:
    return Request(0, 1, "write", key, value)


def disk(promised: Ballot, *votes: tuple[Ballot, int, Any]) -> list[Payload]:
    """A disk that holds that promise and, by ballot and slot, writes of these values."""
    records: list[Payload] = [
        Voted(ballot, slot, (None if value is None else write(value),), 0)
        for ballot, slot, value in votes
    ]
    return [*records, Promised(promised)]


def sent(cluster: PaxosCluster, kind: type) -> list:
    return [m.payload for m in cluster.in_flight if isinstance(m.payload, kind)]


def preparing(cluster: PaxosCluster, name: str = "n1") -> Paxos:
    """A node in phase 1 of a ballot, whose requests nobody has heard yet."""
    node = cluster.live[name]
    cluster.fire(name, "election")
    for peer in cluster.names:
        cluster.deliver(name, peer)
        cluster.deliver(peer, name)
        if node.role is Role.PREPARING:
            break
    cluster.in_flight.clear()
    assert node.role is Role.PREPARING
    return node


class Small(Paxos):
    """Bounds within reach of a test."""

    WINDOW = 4
    MAX_BATCH = 2
    SNAPSHOT_SLOTS = 5
    KEPT_SLOTS = 2
