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
checkers order by is the position of an event in the file, so that no two events tie; times are for people.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

VERSION = 1


class MalformedHistory(ValueError):
    """The text is not a history; the message names the line and says why."""


class Outcome(StrEnum):
    """What is known of an operation: it happened, it never did and never will, or nobody knows."""

    OK = "ok"
    FAIL = "fail"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Operation:
    """One invocation and its completion, if any, by one process.

    `invoked` and `completed` are positions in the log (of any events, hence not dense); `completed`
    is None where the outcome is `INFO`, since the operation may take effect at any later time. The
    interval is closed. `version`, if the system reported one, is its own number of the key's state
    after the operation; `node` is who answered, and `error` the word of the refusal.
    """

    process: int
    function: str
    key: Any
    argument: Any
    result: Any
    outcome: Outcome
    invoked: int
    completed: int | None
    invoked_ns: int
    completed_ns: int | None
    node: str | None = None
    error: str | None = None
    version: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """A fault from its injection to its healing; None where the file ends before it was healed."""

    number: int
    name: str
    detail: str
    injected: int
    healed: int | None
    injected_ns: int
    healed_ns: int | None


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the run ("calls", "recovery", "final reads") begins at this position and time."""

    name: str
    begins: int
    begins_ns: int


@dataclass(frozen=True)
class History:
    """All operations in order of invocation, with the spans of faults and the run's phases.

    `cut` says what was lost at the end of a file that breaks off in mid-line, else "".
    """

    operations: tuple[Operation, ...]
    faults: tuple[FaultSpan, ...] = ()
    phases: tuple[Phase, ...] = ()
    cut: str = ""

    def __len__(self) -> int:
        return len(self.operations)

    def by_key(self) -> dict[Any, tuple[Operation, ...]]:
        """The operations of each key, in order of the keys' first invocations."""
        groups: dict[Any, list[Operation]] = {}
        for operation in self.operations:
            groups.setdefault(operation.key, []).append(operation)
        return {key: tuple(operations) for key, operations in groups.items()}

    @classmethod
    def read(cls, path: Path) -> "History":
        """Read a file; raises `MalformedHistory` where a whole line is wrong, or `OSError`."""
        with path.open("rb") as lines:
            return cls.from_lines(lines)

    @classmethod
    def from_lines(cls, lines: Iterable[bytes]) -> "History":
        """Read the lines of a file; the last one may be cut and is then left out and reported."""
        reader = _Reader()
        for event in _events(lines, reader):
            reader.take(event)
        return reader.history()


def _events(lines: Iterable[bytes], reader: "_Reader") -> Iterator[dict[str, Any]]:
    """The file's events after its header, each a JSON object with its line number in `reader`."""
    for number, line in enumerate(lines, start=1):
        reader.line = number
        try:
            event = json.loads(line)
        except ValueError as error:
            if not line.endswith(b"\n") and number > 1:
                reader.cut = (
                    f"the file breaks off in the middle of line {number}, which was left out"
                )
                return
            raise MalformedHistory(f"line {number} is not JSON: {error}") from error
        if not isinstance(event, dict):
            raise MalformedHistory(f"line {number} is not a JSON object")
        if number > 1:
            yield event
        elif event.get("labrys") != "history":
            raise MalformedHistory("line 1 is not the header of a Labrys history")
        elif event.get("version") != VERSION:
            raise MalformedHistory(
                f"line 1 names version {event.get('version')}; this Labrys reads version {VERSION}"
            )
    if reader.line == 0:
        raise MalformedHistory("the file is empty: it lacks even the header")


@dataclass
class _Reader:
    """Pairs invocations with completions as lines come in."""

    line: int = 0
    cut: str = ""
    operations: list[Operation | None] = field(default_factory=list)
    open: dict[int, tuple[int, int, dict[str, Any]]] = field(default_factory=dict)
    faults: dict[int, FaultSpan] = field(default_factory=dict)
    phases: list[Phase] = field(default_factory=list)

    def take(self, event: dict[str, Any]) -> None:
        try:
            match event["type"]:
                case "invoke":
                    self._invoke(event)
                case "ok" | "fail" | "info":
                    self._complete(event)
                case "inject":
                    self._inject(event)
                case "heal":
                    self._heal(event)
                case "phase":
                    self.phases.append(Phase(event["name"], self.line, event["time_ns"]))
                case other:
                    raise MalformedHistory(f"line {self.line} has the unknown type {other!r}")
        except KeyError as error:
            raise MalformedHistory(f"line {self.line} lacks the field {error}") from None

    def _invoke(self, event: dict[str, Any]) -> None:
        process = event["process"]
        if process in self.open:
            raise MalformedHistory(
                f"line {self.line}: process {process} calls again before line "
                f"{self.open[process][1]} was completed"
            )
        event["function"], event["time_ns"]  # must be there, even if the operation never completes
        self.open[process] = (len(self.operations), self.line, event)
        self.operations.append(None)

    def _complete(self, event: dict[str, Any]) -> None:
        process = event["process"]
        if process not in self.open:
            raise MalformedHistory(
                f"line {self.line} completes an operation of process {process}, which has none open"
            )
        self._close(process, event)

    def _close(self, process: int, completion: dict[str, Any] | None) -> None:
        index, position, call = self.open.pop(process)
        after = completion or {"type": "info"}
        outcome = Outcome(after["type"])
        known = completion is not None and outcome is not Outcome.INFO
        self.operations[index] = Operation(
            process=process,
            function=call["function"],
            key=call.get("key"),
            argument=call.get("argument"),
            result=after.get("result"),
            outcome=outcome,
            invoked=position,
            completed=self.line if known else None,
            invoked_ns=call["time_ns"],
            completed_ns=after["time_ns"] if completion else None,
            node=after.get("node"),
            error=after.get("error"),
            version=after.get("version"),
        )

    def _inject(self, event: dict[str, Any]) -> None:
        self.faults[event["fault"]] = FaultSpan(
            number=event["fault"],
            name=event["name"],
            detail=event.get("detail", ""),
            injected=self.line,
            healed=None,
            injected_ns=event["time_ns"],
            healed_ns=None,
        )

    def _heal(self, event: dict[str, Any]) -> None:
        span = self.faults.get(event["fault"])
        if span is None:
            raise MalformedHistory(f"line {self.line} heals fault {event['fault']}, never injected")
        self.faults[span.number] = FaultSpan(
            span.number, span.name, span.detail, span.injected, self.line,
            span.injected_ns, event["time_ns"],
        )  # fmt: skip

    def history(self) -> History:
        for process in list(self.open):
            self._close(process, None)
        complete = tuple(operation for operation in self.operations if operation is not None)
        return History(complete, tuple(self.faults.values()), tuple(self.phases), self.cut)
