"""Reads `history.jsonl` into columns: a few megabytes of lines at a time, checked and decoded by
msgspec, and invocations paired with completions by one sort.

Every line must say what its type requires; a mistake is reported with the number of its line. Only
the last line may be cut, as a harness that is killed leaves it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, NoReturn

import msgspec
import numpy as np
from numpy.typing import NDArray

from checker.columns import FAIL, INFO, NEVER, NOTHING, OK, Columns, Ints, Table, split_arguments
from checker.history import VERSION, FaultSpan, History, MalformedHistory, Phase

CHUNK_BYTES = 1 << 22

# 62 bits leave room for NEVER, and for sums, in columns of 64 bits.
Number = Annotated[int, msgspec.Meta(gt=-(2**62), lt=2**62)]
Version = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]


class _Event(msgspec.Struct, tag_field="type", gc=False):
    time_ns: Number


class _Invoke(_Event, tag="invoke"):
    process: Number
    function: str
    key: Any = None
    argument: Any = None


class _Completion(_Event):
    process: Number
    result: Any = None
    node: str | None = None
    error: str | None = None
    version: Version | None = None


class _Ok(_Completion, tag="ok"):
    pass


class _Fail(_Completion, tag="fail"):
    pass


class _Info(_Completion, tag="info"):
    pass


class _Inject(_Event, tag="inject"):
    fault: Number
    name: str
    detail: str = ""
    applied: bool | None = None
    nodes: tuple[str, ...] = ()
    seen: str = ""


class _Heal(_Event, tag="heal"):
    fault: Number
    met: int | None = None
    nodes: tuple[str, ...] = ()
    seen: str = ""


class _Phase(_Event, tag="phase"):
    name: str


_DECODER = msgspec.json.Decoder(_Invoke | _Ok | _Fail | _Info | _Inject | _Heal | _Phase)
_INVOKE, _OTHER = 3, 4
_CODES: dict[type[_Event], int] = {_Invoke: _INVOKE, _Ok: OK, _Fail: FAIL, _Info: INFO}


def read_lines(lines: Iterable[bytes]) -> History:
    """The history that these lines hold; raises `MalformedHistory`."""
    reader = _Reader()
    position = 0
    for chunk in _chunks(lines):
        if position == 0:
            line, _, chunk = chunk.partition(b"\n")
            _check_header(line)
            position = 1
        if not chunk.endswith(b"\n"):
            chunk = reader.without_cut_line(chunk, position)
        events = _decode(chunk, position)
        reader.take(events, position)
        position += len(events)
    if position == 0:
        raise MalformedHistory("the file is empty: even its header is missing")
    return reader.history()


def _chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines joined to pieces of some megabytes, each but the last a number of whole lines."""
    pending: list[bytes] = []
    size = 0
    for line in lines:
        pending.append(line)
        size += len(line)
        if size >= CHUNK_BYTES:
            yield b"".join(pending)
            pending, size = [], 0
    if size:
        yield b"".join(pending)


def _check_header(line: bytes) -> None:
    try:
        header = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MalformedHistory(f"line 1 is not JSON: {error}") from None
    if not isinstance(header, dict) or header.get("labrys") != "history":
        raise MalformedHistory("line 1 is not the header of a Labrys history")
    version = header.get("version")
    if version != VERSION or type(version) is not int:
        raise MalformedHistory(
            f"line 1 names version {version!r}; this Labrys reads version {VERSION}"
        )


def _decode(chunk: bytes, before: int) -> Sequence[_Event]:
    """The events of whole lines, of which the first is line `before + 1`."""
    try:
        events: Sequence[_Event] = _DECODER.decode_lines(chunk)
    except (ValueError, RecursionError):
        _find_mistake(chunk, before)
    if len(events) != chunk.count(b"\n"):  # an empty line, or two objects on one
        _find_mistake(chunk, before)
    return events


def _find_mistake(chunk: bytes, before: int) -> NoReturn:
    for number, line in enumerate(chunk.split(b"\n"), start=before + 1):
        try:
            _DECODER.decode(line)
        except msgspec.ValidationError as error:
            raise MalformedHistory(_sentence(number, str(error))) from None
        except (ValueError, RecursionError) as error:
            raise MalformedHistory(f"line {number} is not JSON: {error}") from None
    raise AssertionError("each line can be read on its own, but not all together")


def _sentence(number: int, complaint: str) -> str:
    """msgspec's complaint about a line, told as the rest of our messages are."""
    if missing := re.fullmatch(r"Object missing required field `(\w+)`.*", complaint):
        return f"line {number} is missing the field {missing[1]!r}"
    if unknown := re.fullmatch(r"Invalid value (.*) - at `\$\.type`", complaint):
        return f"line {number} has the unknown type {unknown[1]}"
    if complaint.startswith("Expected `object`"):
        return f"line {number} is not a JSON object"
    where = re.fullmatch(r"(.*) - at `\$\.?(.*)`", complaint)
    if where is None:
        return f"line {number}: {complaint}"
    return f"line {number}: {where[1].replace('`', '')} as {where[2]!r}"


@dataclass
class _Reader:
    """Gathers columns of invocations and of completions, chunk by chunk."""

    torn: str = ""
    faults: dict[int, FaultSpan] = field(default_factory=dict)
    phases: list[Phase] = field(default_factory=list)
    keys: Table = field(default_factory=Table)
    functions: Table = field(default_factory=Table)
    values: Table = field(default_factory=Table)
    words: Table = field(default_factory=Table)
    invocations: list[dict[str, Ints]] = field(default_factory=list)
    completions: list[dict[str, Ints]] = field(default_factory=list)

    def without_cut_line(self, chunk: bytes, before: int) -> bytes:
        """The end of the file, without its last line where that breaks off; ends with a newline."""
        whole, _, last = chunk.rpartition(b"\n")
        whole += b"\n" if whole or chunk.startswith(b"\n") else b""
        try:
            json.loads(last)
        except (ValueError, RecursionError):
            if last:
                number = before + whole.count(b"\n") + 1
                self.torn = (
                    f"the file breaks off in the middle of line {number}, which was left out"
                )
            return whole
        return whole + last + b"\n"

    def take(self, events: Sequence[_Event], before: int) -> None:
        codes = np.fromiter(
            (_CODES.get(type(event), _OTHER) for event in events), np.int64, len(events)
        )
        positions = np.arange(before + 1, before + 1 + len(events))
        self._take_invocations(
            [event for event in events if type(event) is _Invoke], positions[codes == _INVOKE]
        )
        self._take_completions(
            [event for event in events if isinstance(event, _Completion)],
            positions[codes < _INVOKE],
            codes[codes < _INVOKE],
        )
        for index in np.flatnonzero(codes == _OTHER).tolist():
            self._take_other(events[index], before + 1 + index)

    def _take_invocations(self, events: list[_Invoke], positions: Ints) -> None:
        functions = [event.function for event in events]
        expected, argument = split_arguments(
            functions, [event.argument for event in events], self.values
        )
        self.invocations.append(
            {
                "position": positions,
                "process": _ints([event.process for event in events]),
                "time_ns": _ints([event.time_ns for event in events]),
                "function": self.functions.numbers(functions),
                "key": self.keys.numbers([event.key for event in events]),
                "expected": expected,
                "argument": argument,
            }
        )

    def _take_completions(self, events: list[_Completion], positions: Ints, outcomes: Ints) -> None:
        word = self.words.number
        self.completions.append(
            {
                "position": positions,
                "outcome": outcomes,
                "process": _ints([event.process for event in events]),
                "time_ns": _ints([event.time_ns for event in events]),
                "result": self.values.numbers([event.result for event in events]),
                "node": _ints([NOTHING if e.node is None else word(e.node) for e in events]),
                "error": _ints([NOTHING if e.error is None else word(e.error) for e in events]),
                "version": _ints([NOTHING if e.version is None else e.version for e in events]),
            }
        )

    def _take_other(self, event: _Event, line: int) -> None:
        match event:
            case _Phase(name=name):
                self.phases.append(Phase(name, line, event.time_ns))
            case _Inject(fault=number):
                self.faults[number] = FaultSpan(
                    number, event.name, event.detail, line, None, event.time_ns, None,
                    event.applied, event.nodes, event.seen,
                )  # fmt: skip
            case _Heal(fault=number, met=met):
                span = self.faults.get(number)
                if span is None:
                    raise MalformedHistory(f"line {line} heals fault {number}, never injected")
                span = replace(span, healed=line, healed_ns=event.time_ns, met=met)
                self.faults[number] = span.shown_later(event.nodes, event.seen)

    def history(self) -> History:
        calls = _joined(self.invocations)
        ends = _joined(self.completions)
        # Row -1 of `ends` is what is known of an operation that was never completed: nothing.
        nothing = {"position": NEVER, "outcome": INFO, "time_ns": NEVER}
        nothing["result"] = self.values.number(None)
        ends = {name: np.append(c, nothing.get(name, NOTHING)) for name, c in ends.items()}
        end = _pair(calls, ends)
        outcome = ends["outcome"][end]
        columns = Columns(
            process=calls["process"],
            function=calls["function"],
            key=calls["key"],
            expected=calls["expected"],
            argument=calls["argument"],
            result=ends["result"][end],
            outcome=outcome,
            invoked=calls["position"],
            completed=np.where(outcome == INFO, NEVER, ends["position"][end]),
            invoked_ns=calls["time_ns"],
            completed_ns=ends["time_ns"][end],
            node=ends["node"][end],
            error=ends["error"][end],
            version=ends["version"][end],
            keys=self.keys,
            functions=self.functions,
            values=self.values,
            words=self.words,
        )
        return History(
            faults=tuple(self.faults.values()),
            phases=tuple(self.phases),
            torn=self.torn,
            columns=columns,
        )


_INVOCATION = ("position", "process", "time_ns", "function", "key", "expected", "argument")
_COMPLETION = ("position", "process", "time_ns", "outcome", "result", "node", "error", "version")


def _ints(numbers: list[int]) -> Ints:
    return np.array(numbers, np.int64)


def _joined(chunks: list[dict[str, Ints]]) -> dict[str, Ints]:
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def _pair(calls: dict[str, Ints], ends: dict[str, Ints]) -> Ints:
    """For each invocation the row of its completion, or -1; raises where they do not alternate.

    Sorted by process and position, every completion must stand right behind the invocation of the
    same process that it completes.
    """
    count = len(calls["position"])
    process = np.concatenate([calls["process"], ends["process"][:-1]])
    position = np.concatenate([calls["position"], ends["position"][:-1]])
    order = np.lexsort((position, process))
    is_call = order < count
    same = np.append(False, process[order][1:] == process[order][:-1])
    previous_call = np.append(False, is_call[:-1]) & same
    wrong = np.flatnonzero(is_call == previous_call)
    if len(wrong):
        _complain(process[order], position[order], is_call, wrong)
    end = np.full(count, -1, np.int64)
    closes = np.flatnonzero(~is_call)
    end[order[closes - 1]] = order[closes] - count
    return end


def _complain(process: Ints, position: Ints, is_call: NDArray[np.bool_], wrong: Ints) -> NoReturn:
    """Name the first line of the file whose invocation or completion is out of turn."""
    first = wrong[np.argmin(position[wrong])]
    line, who = position[first], process[first]
    if is_call[first]:
        raise MalformedHistory(
            f"line {line}: process {who} calls again before line "
            f"{position[first - 1]} was completed"
        )
    raise MalformedHistory(
        f"line {line} completes an operation of process {who}, which has none open"
    )
