"""The log: entries at the indices 1, 2, 3, ... It knows nothing of elections or of other nodes.

A snapshot would take the place of the entries up to some index. What has to change for it stands in
this file: an offset between index and list, and the term of the last entry that is gone.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from systems_under_test.raft.messages import Entry


class Log:
    """A list of entries, counted from 1; index 0 stands before the first entry, in term 0."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    @property
    def last_index(self) -> int:
        return len(self._entries)

    @property
    def last_term(self) -> int:
        return self._entries[-1].term if self._entries else 0

    def __getitem__(self, index: int) -> Entry:
        assert 1 <= index <= len(self._entries), f"no entry {index} of {len(self._entries)}"
        return self._entries[index - 1]

    def term_at(self, index: int) -> int:
        """The term of that entry; 0 for index 0."""
        return self[index].term if index else 0

    def has(self, index: int, term: int) -> bool:
        """Whether an entry of that term stands at that index: the consistency check of §5.3."""
        return index <= len(self._entries) and self.term_at(index) == term

    def after(self, index: int, limit: int) -> tuple[Entry, ...]:
        """At most `limit` entries that follow that index."""
        return tuple(self._entries[index : index + limit])

    # Terms never decrease along a log, so the places where they change are found by halving.

    def first_index_of(self, term: int) -> int:
        """The first entry of that term, or of a later one; the index after the last if none is."""
        return bisect_left(self._entries, term, key=_term) + 1

    def last_index_of(self, term: int) -> int:
        """The last entry of that term; 0 if there is none."""
        index = bisect_right(self._entries, term, key=_term)
        return index if self.term_at(index) == term else 0

    def append(self, entries: Iterable[Entry]) -> None:
        self._entries.extend(entries)

    def truncate(self, last_index: int) -> None:
        """Drop every entry after that index."""
        del self._entries[last_index:]


def _term(entry: Entry) -> int:
    return entry.term
