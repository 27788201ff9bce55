"""Histories: what every process called and saw, in the order of one log.

On disk a history is JSON lines. The first line is a header; each further line is one event, written
as it happens, so that a harness that is killed leaves a file that can still be judged:

    {"labrys":"history","version":1}
    {"type":"invoke","process":4,"function":"write","key":"k","argument":17,"time_ns":3102000000}
    {"type":"ok","process":4,"result":17,"time_ns":3140000000,"node":"n1"}
    {"type":"inject","process":"nemesis","fault":1,"name":"isolate-leader","time_ns":...}
    {"type":"heal","process":"nemesis","fault":1,"time_ns":...}
    {"type":"phase","process":"harness","name":"recovery","time_ns":...}

A completion (`ok`, `fail` or `info`) belongs to the one open invocation of its process. What
checkers order by is the position of an event in the file, so that no two events tie; times are for
people.

A history that was read from a file keeps columns of numbers (`checker.columns`) and makes an
`Operation` only where one is asked for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.operation import Operation

if TYPE_CHECKING:
    from checker.columns import Columns

VERSION = 1


class MalformedHistory(ValueError):
    """The text is not a history; the message names the line and says why."""


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """A fault from its injection to its healing; None where the file ends before it was healed.

    `applied` says whether its effect was seen, where its recorder looked; `nodes` are those that it
    struck, and `seen` is how that was seen. `met` is how often it met something, as counted.
    """

    number: int
    name: str
    detail: str
    injected: int
    healed: int | None
    injected_ns: int
    healed_ns: int | None
    applied: bool | None = None
    nodes: tuple[str, ...] = ()
    seen: str = ""
    met: int | None = None

    def shown_later(self, nodes: Iterable[str], seen: str) -> "FaultSpan":
        """This fault, whose effect on these nodes showed when it was about to be healed; it was in
        force since it was injected."""
        if not seen:
            return self
        struck = tuple(sorted({*self.nodes, *nodes}))
        return replace(self, applied=True, nodes=struck, seen=self.seen or seen)


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the run ("calls", "recovery", "final reads") begins at this position and time."""

    name: str
    begins: int
    begins_ns: int


@dataclass(frozen=True)
class Source:
    """Where a history comes from, for people to find its operations again.

    `format` is what it was read as, `notes` what should be known of the reading. `lines` holds for
    each position of an event its line in the file; None where positions are lines. Where the file
    has no times, `timed` is false. `names` are those of processes that had one instead of a number,
    and `valid` is the verdict of the tool that recorded it, if it is known.
    """

    format: str
    notes: tuple[str, ...] = ()
    lines: Sequence[int] | None = None
    timed: bool = True
    names: dict[int, str] = field(default_factory=dict)
    valid: bool | str | None = None

    def line(self, position: int) -> int | None:
        """The line of the event at a position."""
        if self.lines is None:
            return position
        return self.lines[position] if 0 <= position < len(self.lines) else None


class History:
    """All operations in order of invocation, with the spans of faults and the run's phases.

    `torn` says what was lost at the end of a file that breaks off in mid-line, else "". `source`
    says where it was read from, if it was. A history never changes. `operations` and `columns` say
    the same in two ways; whichever was not given is made from the other when it is first asked for.
    """

    def __init__(
        self,
        operations: Iterable[Operation] = (),
        faults: tuple[FaultSpan, ...] = (),
        phases: tuple[Phase, ...] = (),
        torn: str = "",
        *,
        columns: "Columns | None" = None,
        source: Source | None = None,
    ) -> None:
        if columns is None:
            self.operations = tuple(operations)
        else:
            self.columns = columns
        self.faults = faults
        self.phases = phases
        self.torn = torn
        self.source = source

    def __len__(self) -> int:
        return len(self.columns if "columns" in self.__dict__ else self.operations)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and (
            (self.operations, self.faults, self.phases, self.torn)
            == (other.operations, other.faults, other.phases, other.torn)
        )

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"History({len(self)} operations, {len(self.faults)} faults, torn={self.torn!r})"

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """Every operation as an object: some 300 bytes each, so not for millions of them."""
        return tuple(self.columns.operations(range(len(self.columns))))

    @cached_property
    def columns(self) -> "Columns":
        """Every operation as one row of numbers."""
        # numpy takes a tenth of a second to import, which the command line need not always pay.
        from checker.columns import Columns

        return Columns.of(self.operations)

    def by_key(self) -> dict[Any, tuple[Operation, ...]]:
        """The operations of each key, in order of the keys' first invocations.

        A key that is neither text nor an integer nor null goes by its `columns.canonical` form.
        """
        from checker.columns import canonical

        groups: dict[Any, list[Operation]] = {}
        for operation in self.operations:
            groups.setdefault(canonical(operation.key), []).append(operation)
        return {key: tuple(operations) for key, operations in groups.items()}

    @classmethod
    def read(cls, path: str | Path) -> "History":
        """Read a file; raises `MalformedHistory` where a whole line is wrong, or `OSError`."""
        with Path(path).open("rb") as lines:
            return cls.from_lines(lines)

    @classmethod
    def from_lines(cls, lines: Iterable[bytes]) -> "History":
        """Read the lines of a file; the last one may be cut and is then left out and reported."""
        from checker.formats.labrys import read_lines

        return read_lines(lines)
