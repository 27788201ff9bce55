"""The safety properties of Raft (Figure 3), watched over a whole cluster from outside.

    invariants = Invariants()
    invariants.check(live_nodes)      # after every event, or after every few

Election Safety, Log Matching, Leader Completeness and State Machine Safety are asserted with the
numbers that break them; Leader Append-Only is asserted by the protocol itself. A snapshot must be
what the entries that it replaces make of a machine. What was checked is remembered, so a call costs
little more than the entries that are new since the last one.

Limits: it sees what stands in the nodes when it is called. What appears and vanishes between two
calls, or was lost with a crash in between, goes unseen.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from systems_under_test.kv import KeyValueMachine, joined
from systems_under_test.node import NodeId
from systems_under_test.raft.messages import Entry
from systems_under_test.raft.state import Role, Snapshot, State
from systems_under_test.requests import Request


@dataclass(slots=True)
class _Seen:
    """What was checked of one life of a node: its log, and how much of it was committed."""

    node: State
    base_index: int = 0
    log: list[Entry] = field(default_factory=list)
    commit_index: int = 0
    snapshot: Snapshot | None = None

    def is_same(self, node: State) -> bool:
        """Whether nothing has changed: a log changes at its end alone."""
        log, known = node.log, self.log
        return (
            node.commit_index == self.commit_index
            and log.base_index == self.base_index
            and log.last_index == log.base_index + len(known)
            and (not known or known[-1] is log[log.last_index])
        )


class Invariants:
    """The memory of one cluster's run: its leaders, its entries and what was committed."""

    def __init__(self) -> None:
        self.leaders: dict[int, NodeId] = {}
        self.committed: list[tuple[Entry, int]] = []
        """Every entry known to be committed, and a term in which it was committed at the latest."""

        self._origins: dict[tuple[int, int], tuple[Entry, int]] = {}
        """By index and term: the entry, and the term of the entry before it."""

        self._first: dict[int, NodeId] = {}
        """By index: the node that took the entry for committed first."""

        self._led_alone: dict[int, NodeId] = {}
        """Terms that a lone member led as soon as it had voted for itself."""

        self._seen: dict[NodeId, _Seen] = {}
        self._replayed = (0, KeyValueMachine())
        """A machine to which that many committed entries were applied, from the first."""

    def check(self, nodes: Iterable[State], changed: State | None = None) -> None:
        """Raise `AssertionError` if the nodes that are now alive break a property.

        Where only one of them has `changed` since the last call, it alone is looked at again.
        """
        nodes = tuple(nodes)
        for node in nodes if changed is None else (changed,):
            seen = self._seen.get(node.node_id)
            if seen is None or seen.node is not node:
                seen = self._seen[node.node_id] = _Seen(node)
                self._forget_lost(node)
            if not seen.is_same(node):
                self._check_log(node, seen)
                self._check_commits(node, seen, nodes)
            if node.snapshot is not seen.snapshot:
                seen.snapshot = node.snapshot
                self._check_snapshot(node)
        for node in nodes:
            if node.role is Role.LEADER:
                self._check_leader(node)

    def _forget_lost(self, node: State) -> None:
        """What a node led or committed by its own last vote or entry, and lost in a crash, was
        never told to anybody.

        Messages wait until vote and entry are durable, but the node's own knowledge does not. A
        lone member may have put another entry in its place by now, and committed that, too; and
        another node may lead the term. A node that others elected had its own vote on its disk
        first.
        """
        for term in [term for term, name in self._led_alone.items() if name == node.node_id]:
            lost_its_vote = node.term == term and node.voted_for != node.node_id
            if node.term < term or lost_its_vote:
                del self._led_alone[term], self.leaders[term]
        others = [seen.node for name, seen in self._seen.items() if name != node.node_id]
        known = max((other.commit_index for other in others), default=0)
        log = node.log
        while (index := len(self.committed)) > known and self._first[index] == node.node_id:
            entry = self.committed[index - 1][0]
            if index <= log.base_index or (index <= log.last_index and log[index] == entry):
                return
            del self._first[index]
            self.committed.pop()
            if index <= self._replayed[0]:
                self._replayed = (0, KeyValueMachine())

    def _check_leader(self, node: State) -> None:
        if node.term not in self.leaders:
            self.leaders[node.term] = node.node_id
            if node.members.voters == (node.node_id,):
                self._led_alone[node.term] = node.node_id
            for index in range(1, len(self.committed) + 1):
                self._check_completeness(node, index)
        other = self.leaders[node.term]
        assert other == node.node_id, (
            f"Election Safety: {other} and {node.node_id} both led in term {node.term}"
        )

    def _check_completeness(self, leader: State, index: int) -> None:
        entry, term = self.committed[index - 1]
        if leader.term > term:
            log = leader.log
            has_it = index <= log.base_index or (index <= log.last_index and log[index] == entry)
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
        base = log.base_index
        if base != seen.base_index:
            del known[: base - seen.base_index]
            seen.base_index = base
        if log.last_index < base + len(known):
            del known[log.last_index - base :]
        while known and known[-1] is not log[base + len(known)]:
            known.pop()
        for index in range(base + len(known) + 1, log.last_index + 1):
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
        base = node.log.base_index
        self._note_commits(node, nodes)
        for index in range(max(seen.commit_index, base) + 1, node.commit_index + 1):
            entry, first = node.log[index], self.committed[index - 1][0]
            # Mostly they are one object, which is seen sooner than that two are equal.
            assert first is entry or first == entry, (
                f"State Machine Safety: {node.node_id} applied {entry} at index {index}, "
                f"another node applied {first}"
            )
        if base:
            entry = self.committed[base - 1][0]
            assert entry.term == node.log.base_term, (
                f"State Machine Safety: {node.node_id} let a snapshot replace an entry of term "
                f"{node.log.base_term} at index {base}, another node applied {entry}"
            )
        seen.commit_index = node.commit_index

    def _note_commits(self, node: State, nodes: tuple[State, ...]) -> None:
        """Note what nobody was seen to commit before. Some of it may be gone from the node's log:
        an entry and its term say which one stood before it.
        """
        index, known = node.commit_index, len(self.committed)
        if index <= known:
            return
        term = node.log.term_at(index)
        new: list[Entry] = []
        while index > known:
            assert (index, term) in self._origins, (
                f"State Machine Safety: {node.node_id} committed an entry of term {term} at index "
                f"{index} that no node recorded"
            )
            entry, term = self._origins[index, term]
            new.append(entry)
            index -= 1
        for entry in reversed(new):
            self.committed.append((entry, node.term))
            self._first[len(self.committed)] = node.node_id
            for leader in nodes:
                if leader.role is Role.LEADER:
                    self._check_completeness(leader, len(self.committed))

    def _check_snapshot(self, node: State) -> None:
        """A snapshot is what the committed entries up to its index make of a machine (§7)."""
        snapshot = node.snapshot
        assert snapshot is not None, f"{node.node_id} lost its snapshot"
        count, machine = self._replayed
        if count > snapshot.last_index:
            count, machine = 0, KeyValueMachine()
        for entry, _ in self.committed[count : snapshot.last_index]:
            if isinstance(entry.command, Request):
                machine.apply(entry.command)
        self._replayed = (snapshot.last_index, machine)
        assert joined(snapshot.parts) == machine.snapshot(), (
            f"State Machine Safety: the snapshot of {node.node_id} is not what the first "
            f"{snapshot.last_index} entries make"
        )
