"""A Raft cluster in a test's hands (`held_cluster.py`)."""

from typing import Any

from systems_under_test.node import Payload
from systems_under_test.raft.messages import Appended, Entry, TermAndVote
from systems_under_test.raft.node import Raft
from systems_under_test.requests import Request
from tests.systems_under_test.held_cluster import CLIENT, LedCluster, shown

__all__ = ["CLIENT", "RaftCluster", "disk", "show"]


class RaftCluster(LedCluster[Raft]):
    def __init__(
        self, size: int = 3, system: type[Raft] = Raft, seed: int = 0, spares: int = 0
    ) -> None:
        super().__init__(size, system, seed, spares)

    def show(self, value: Any) -> str:
        return show(value)

    def restart(self, name: str) -> Raft:
        node = self.start(name)
        self.trace.append(f"{name} restarts in term {node.term} with {node.log.last_index} entries")
        return node

    def compact(self, name: str) -> None:
        """Have a node take a snapshot now, as it does when its log has grown."""
        node = self.live[name]
        node._effects = []
        node.take_snapshot()
        for effect in node._effects:
            self.perform(name, effect)
        self.check()

    def show_changes(self, name: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        if (before["role"], before["term"]) != (after["role"], after["term"]):
            self.trace.append(f"{name} becomes {after['role']} in term {after['term']}")
        if before["commit_index"] != after["commit_index"]:
            self.trace.append(f"{name} commits up to {after['commit_index']}")

    def log_of(self, name: str) -> list[str]:
        log = self.live[name].log
        return [show(log[index]) for index in range(log.first_index, log.last_index + 1)]

    def terms_of(self, name: str) -> list[int]:
        log = self.live[name].log
        return [log.term_at(index) for index in range(log.first_index, log.last_index + 1)]


def show(value: Any) -> str:
    """A payload in a few words."""
    match value:
        case Entry(term, None):
            return f"{term}:no-op"
        case Entry(term, command):
            return f"{term}:{show(command)}"
        case _:
            return shown(value, show)


def disk(term: int, entry_terms: list[int], voted_for: str | None = None) -> list[Payload]:
    """A disk of a node in that term whose log holds a write in each of these terms."""
    entries = tuple(
        Entry(entry_term, Request(0, 1, "write", "k", f"{entry_term}.{index}"))
        for index, entry_term in enumerate(entry_terms, 1)
    )
    records: list[Payload] = [TermAndVote(term, voted_for)]
    return [*records, Appended(1, entries)] if entries else records
