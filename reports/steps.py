"""The operations of a counterexample and the edges between them, as a page shows them."""

from dataclasses import dataclass
from urllib.parse import quote

from reports.wording import moment

ROOM_S, ROOM_POSITIONS = 0.01, 2.0
"""At least this much is shown before and after an operation."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of the counterexample. `until_ns` is None where it may still take effect."""

    number: int
    process: str
    predicate: str
    outcome: str
    node: str
    invoked: int
    completed: int | None
    from_ns: int
    until_ns: int | None
    timed: bool = True
    lines: str = ""
    key: str = ""

    @property
    def told(self) -> str:
        """When it was, and where it stands in its file."""
        return f"{self.when}, {self.lines}" if self.lines else self.when

    @property
    def address(self) -> str:
        """Where the page's timeline shows it; without times, positions stand for seconds."""
        if self.timed:
            begins_s, room_s = self.from_ns / 1e9, ROOM_S
            ends_s = begins_s if self.until_ns is None else self.until_ns / 1e9
        else:
            begins_s, room_s = float(self.invoked), ROOM_POSITIONS
            ends_s = begins_s if self.completed is None else float(self.completed)
        room_s = max((ends_s - begins_s) / 2, room_s)
        view = f"#t={round(max(begins_s - room_s, 0.0), 6)},{round(ends_s + room_s, 6)}"
        return f"{view}{f'&key={quote(self.key)}' if self.key else ''}&of={self.number}"

    @property
    def when(self) -> str:
        if self.timed:
            end = "unknown" if self.until_ns is None else moment(self.until_ns)
            return f"{moment(self.from_ns)} to {end}"
        ends = "unknown" if self.completed is None else str(self.completed)
        return f"position {self.invoked} to {ends}"


@dataclass(frozen=True, slots=True)
class DrawnEdge:
    """Operation `source` must come before `target`, by their numbers."""

    source: int
    target: int
    label: str
    sentence: str
