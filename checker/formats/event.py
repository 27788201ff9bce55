"""What readers of foreign formats hand over: events, as their files have them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from checker.history import MalformedHistory

TYPES = frozenset({"invoke", "ok", "fail", "info"})

NEMESIS = "nemesis"
"""The process whose events are faults, not operations; every other name is a client's."""

TXN = "txn"
"""The function of a list of steps where none is named: so do Elle's histories."""


class _Missing:
    """Stands for a key that an event does not have, which is not the key null."""

    def __repr__(self) -> str:
        return "no key"


MISSING = _Missing()


class Event(NamedTuple):
    """One invocation or completion; values are as JSON has them, whatever the format.

    `line` is where it stands in the file. `time_ns` and `number` (its
    `:index`) are None where the file has none.
    """

    process: int | str
    type: str
    function: str | None
    value: Any
    line: int
    time_ns: int | None = None
    number: int | None = None
    key: Any = MISSING
    error: str | None = None


@dataclass
class Recorded:
    """What a file holds.

    `events` are those of clients, in the order of the file. `faults` counts the nemesis's events,
    and `passed_over` the lines or events that say nothing of an operation, of which `first` is the
    first. `torn` says what was lost at the end of a file that breaks off. `valid` is the verdict of
    the tool that recorded it, where that is known.
    """

    events: list[Event] = field(default_factory=list)
    faults: int = 0
    passed_over: int = 0
    first: str = ""
    notes: list[str] = field(default_factory=list)
    torn: str = ""
    valid: bool | str | None = None

    def take(self, event: Event | None) -> None:
        """Keep a client's event; None stands for one of the nemesis's."""
        if event is None:
            self.faults += 1
        else:
            self.events.append(event)

    def pass_over(self, line: int, text: str) -> None:
        """Count something that says nothing of an operation."""
        if not self.passed_over:
            self.first = f"line {line}: {text.strip()[:90]}"
        self.passed_over += 1


KNOWN = frozenset({"process", "type", "f", "value", "time", "index", "key", "error"})
"""The fields of an event that are used; there may be any number of others."""


def event_of(item: dict[str, Any], line: int) -> Event | None:
    """The event that a map of Jepsen's fields says; None for the nemesis's.

    Raises `MalformedHistory` where it is not an event.
    """
    process, kind, function = item.get("process"), item.get("type"), item.get("f")
    if process == NEMESIS:
        return None
    if isinstance(process, bool) or not isinstance(process, int | str):
        raise MalformedHistory(
            f"line {line}: an event's process must be a number or a name: {shown(item)}"
        )
    if not isinstance(kind, str) or kind not in TYPES:
        raise MalformedHistory(
            f"line {line}: an event's type must be invoke, ok, fail or info: {shown(item)}"
        )
    if function is not None and not isinstance(function, str):
        raise MalformedHistory(f"line {line}: an event's function must be a name: {shown(item)}")
    time_ns, index, error = item.get("time"), item.get("index"), item.get("error")
    return Event(
        process,
        kind,
        function,
        item.get("value"),
        line,
        time_ns if type(time_ns) is int and abs(time_ns) < 2**62 else None,
        index if type(index) is int and abs(index) < 2**62 else None,
        item.get("key", MISSING),
        None if error is None else str(error),
    )


def event_of_tuple(items: list[Any], line: int) -> Event | None:
    """The event that `[process type f value]` says; None for the nemesis's."""
    if len(items) not in (3, 4):
        raise MalformedHistory(
            f"line {line}: an event as a list must be [process type f value], not {items!r:.60}"
        )
    return event_of(dict(zip(("process", "type", "f", "value"), items, strict=False)), line)


def shown(item: Any) -> str:
    """A value of a file, as far as it fits into a sentence."""
    text = f"{item}" if isinstance(item, str) else f"{item!r}"
    return text if len(text) <= 90 else f"{text[:87]}..."


def numbered(processes: Iterator[int | str]) -> dict[int | str, int]:
    """A number for every process: its own, or for a name or a huge number one that is free."""
    several = dict.fromkeys(processes)
    free = max((p for p in several if isinstance(p, int) and abs(p) < 2**61), default=-1) + 1
    numbers: dict[int | str, int] = {}
    for process in several:
        if isinstance(process, int) and abs(process) < 2**61:
            numbers[process] = process
        else:
            numbers[process] = free
            free += 1
    return numbers
