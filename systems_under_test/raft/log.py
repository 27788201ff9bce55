"""The log: entries at consecutive indices. It knows nothing of elections or of other nodes.

The first entries may be gone, because a snapshot holds what they did (§7): up to and including
`base_index`, of whose entry the term is still known. What is gone was committed, so it is the same
in the logs of all nodes.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from systems_under_test.raft.messages import Entry


class Log:
    """Entries from `first_index` on; index 0 stands before the first entry ever, in term 0."""

    def __init__(self, base_index: int = 0, base_term: int = 0) -> None:
        self.base_index = base_index
        self.base_term = base_term
        self.last_index = base_index
        self._entries: list[Entry] = []

    @property
    def first_index(self) -> int:
        """The index of the first entry that is still here, if there is any."""
        return self.base_index + 1

    @property
    def last_term(self) -> int:
        return self._entries[-1].term if self._entries else self.base_term

    def __getitem__(self, index: int) -> Entry:
        assert self.base_index < index <= self.last_index, (
            f"no entry {index} among {self.first_index} to {self.last_index}"
        )
        return self._entries[index - self.base_index - 1]

    def term_at(self, index: int) -> int:
        """The term of that entry, which may be the last one that is gone; 0 for index 0."""
        base = self.base_index
        if index == base:
            return self.base_term
        assert base < index <= self.last_index, f"no entry {index} after {base}"
        return self._entries[index - base - 1].term

    def has(self, index: int, term: int) -> bool:
        """Whether an entry of that term stands at that index: the consistency check of §5.3.

        What a snapshot took the place of was committed, and so stands in every leader's log.
        """
        base = self.base_index
        if index <= base:
            return index < base or term == self.base_term
        return index <= self.last_index and self._entries[index - base - 1].term == term

    def after(self, index: int, limit: int) -> tuple[Entry, ...]:
        """At most `limit` entries that follow that index."""
        start = index - self.base_index
        assert start >= 0, f"the entries after {index} are gone, up to {self.base_index}"
        return tuple(self._entries[start : start + limit])

    # Terms never decrease along a log, so the places where they change are found by halving.

    def first_index_of(self, term: int) -> int:
        """The first entry of that term, or of a later one; the index after the last if none is."""
        return self.base_index + bisect_left(self._entries, term, key=_term) + 1

    def last_index_of(self, term: int) -> int:
        """The last entry of that term; 0 if there is none."""
        index = self.base_index + bisect_right(self._entries, term, key=_term)
        return index if self.term_at(index) == term else 0

    def append(self, entries: Iterable[Entry]) -> None:
        self._entries.extend(entries)
        self.last_index = self.base_index + len(self._entries)

    def truncate(self, last_index: int) -> None:
        """Drop every entry after that index."""
        assert last_index >= self.base_index, f"{last_index} is gone, up to {self.base_index}"
        del self._entries[last_index - self.base_index :]
        self.last_index = self.base_index + len(self._entries)

    def forget(self, index: int) -> None:
        """Drop the entries up to that index: a snapshot holds what they did (§7)."""
        self.base_term = self.term_at(index)
        del self._entries[: index - self.base_index]
        self.base_index = index


def _term(entry: Entry) -> int:
    return entry.term
