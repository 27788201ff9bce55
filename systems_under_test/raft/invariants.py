"""The safety properties of Raft (Figure 3), watched over a whole cluster from outside.

    invariants = Invariants()
    invariants.check(live_nodes)      # after every event, or after every few

Election Safety, Log Matching, Leader Completeness and State Machine Safety are asserted with the
numbers that break them; Leader Append-Only is asserted by the protocol itself. What was checked is
remembered, so a call costs little more than the entries that are new since the last one.

Limits: it sees what stands in the nodes when it is called. What appears and vanishes between two
calls, or was lost with a crash in between, goes unseen.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from systems_under_test.node import NodeId
from systems_under_test.raft.messages import Entry
from systems_under_test.raft.state import Role, State


@dataclass(slots=True)
class _Seen:
    """What was checked of one life of a node: its log, and how much of it was committed."""

    node: State
    log: list[Entry] = field(default_factory=list)
    commit_index: int = 0


class Invariants:
    """The memory of one cluster's run: its leaders, its entries and what was committed."""

    def __init__(self) -> None:
        self.leaders: dict[int, NodeId] = {}
        self.committed: list[tuple[Entry, int]] = []
        """Every entry known to be committed, and a term in which it was committed at the latest."""

        self._origins: dict[tuple[int, int], tuple[Entry, int]] = {}
        """By index and term: the entry, and the term of the entry before it."""

        self._seen: dict[NodeId, _Seen] = {}

    def check(self, nodes: Iterable[State]) -> None:
        """Raise `AssertionError` if the nodes that are now alive break a property."""
        nodes = tuple(nodes)
        for node in nodes:
            seen = self._seen.get(node.node_id)
            if seen is None or seen.node is not node:
                seen = self._seen[node.node_id] = _Seen(node)
            self._check_log(node, seen)
            self._check_commits(node, seen, nodes)
        for node in nodes:
            if node.role is Role.LEADER:
                self._check_leader(node)

    def _check_leader(self, node: State) -> None:
        if node.term not in self.leaders:
            self.leaders[node.term] = node.node_id
            for index in range(1, len(self.committed) + 1):
                self._check_completeness(node, index)
        other = self.leaders[node.term]
        assert other == node.node_id, (
            f"Election Safety: {other} and {node.node_id} both led in term {node.term}"
        )

    def _check_completeness(self, leader: State, index: int) -> None:
        entry, term = self.committed[index - 1]
        if leader.term > term:
            has_it = index <= leader.log.last_index and leader.log[index] == entry
            assert has_it, (
                f"Leader Completeness: {leader.node_id} leads in term {leader.term} without "
                f"{entry} at index {index}, committed in term {term} or before"
            )

    def _check_log(self, node: State, seen: _Seen) -> None:
        """Log Matching, by induction: an index and a term stand for one entry and one before it.

        A log changes at its end alone, so an entry that is still the very object seen before
        stands on entries that were checked before.
        """
        log, known = node.log, seen.log
        del known[log.last_index :]
        while known and known[-1] is not log[len(known)]:
            known.pop()
        for index in range(len(known) + 1, log.last_index + 1):
            entry = log[index]
            found = (entry, log.term_at(index - 1))
            first = self._origins.setdefault((index, entry.term), found)
            assert first == found, (
                f"Log Matching: {node.node_id} holds {entry} at index {index} after term "
                f"{found[1]}, elsewhere {first[0]} stood there after term {first[1]}"
            )
            known.append(entry)

    def _check_commits(self, node: State, seen: _Seen, nodes: tuple[State, ...]) -> None:
        """State Machine Safety: no two nodes apply different entries at one index."""
        assert seen.commit_index <= node.commit_index, (
            f"{node.node_id} took back commits, from {seen.commit_index} to {node.commit_index}"
        )
        assert node.applied == node.commit_index <= node.log.last_index, (
            f"{node.node_id} applied {node.applied} of {node.commit_index} committed entries, "
            f"and holds {node.log.last_index}"
        )
        for index in range(seen.commit_index + 1, node.commit_index + 1):
            entry = node.log[index]
            if index > len(self.committed):
                self.committed.append((entry, node.term))
                for leader in nodes:
                    if leader.role is Role.LEADER:
                        self._check_completeness(leader, index)
            first = self.committed[index - 1][0]
            assert first == entry, (
                f"State Machine Safety: {node.node_id} applied {entry} at index {index}, "
                f"another node applied {first}"
            )
        seen.commit_index = node.commit_index
