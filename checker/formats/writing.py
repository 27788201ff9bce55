"""Writes histories: as Labrys' own JSON lines, or as EDN for tools of Jepsen's kind.

EDN knows less than a history of ours. Where there are several keys, each event has a `:key`, as in
the logs of Porcupine's tests. What failed is left out, since it never happened. A
compare-and-set that did not apply but returned the value that it found is written as the read that
it amounts to, and one that only observed a difference as a failed one, which means just that for
the model `etcd` and nothing for others. Versions, nodes, faults and phases are left out.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from checker.columns import canonical
from checker.history import VERSION, History
from checker.operation import Operation, Outcome

WRITABLE = {".jsonl": "labrys", ".edn": "edn"}
"""The formats that can be written, by the end of a file's name."""


def write(history: History, path: Path) -> None:
    """Write a history in the format that the name of the file asks for.

    Raises `ValueError` for another ending than those of `WRITABLE`, and `OSError`.
    """
    form = WRITABLE.get(path.suffix)
    if form is None:
        raise ValueError(f"{path} must end in {' or '.join(WRITABLE)}")
    lines = labrys_lines(history) if form == "labrys" else edn_lines(history)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def _sequential(operations: Iterable[Operation]) -> Iterator[Operation]:
    """The operations, with a new process for each that begins before its process's last one ended.

    No file can say such a thing of one process.
    """
    several = sorted(operations, key=lambda o: o.invoked)
    free = max((o.process for o in several), default=0) + 1
    until: dict[int, float] = {}
    for o in several:
        process = o.process
        if until.get(process, -1) >= o.invoked:
            process, free = free, free + 1
        until[process] = float("inf") if o.completed is None else o.completed
        yield o if process == o.process else replace(o, process=process)


def labrys_lines(history: History) -> Iterator[str]:
    """The lines of a `history.jsonl`. What was never answered stays open, or ends at the end."""
    yield json.dumps({"labrys": "history", "version": VERSION})
    # At equal positions an invocation comes first, so that the two operations still overlap.
    events: list[tuple[float, int, dict[str, Any]]] = []
    for o in _sequential(history.operations):
        events.append((o.invoked, 0, _invocation(o)))
        if o.outcome is not Outcome.INFO or o.completed_ns is not None:
            end = float("inf") if o.completed is None else o.completed
            events.append((end, 1, _completion(o)))
    for fault in history.faults:
        about = {"process": "nemesis", "fault": fault.number}
        inject = {"name": fault.name, "detail": fault.detail, "time_ns": fault.injected_ns}
        events.append((fault.injected, 0, {"type": "inject", **about, **inject}))
        if fault.healed is not None:
            heal = {"type": "heal", **about, "time_ns": fault.healed_ns}
            events.append((fault.healed, 0, heal))
    for phase in history.phases:
        event = {"type": "phase", "process": "harness", "name": phase.name}
        events.append((phase.begins, 0, {**event, "time_ns": phase.begins_ns}))
    events.sort(key=lambda event: event[:2])
    yield from (json.dumps(event, ensure_ascii=False) for _, _, event in events)


def _invocation(o: Operation) -> dict[str, Any]:
    return {
        "type": "invoke", "process": o.process, "function": o.function, "key": o.key,
        "argument": o.argument, "time_ns": o.invoked_ns,
    }  # fmt: skip


def _completion(o: Operation) -> dict[str, Any]:
    end_ns = o.invoked_ns if o.completed_ns is None else o.completed_ns
    event = {"type": o.outcome.value, "process": o.process, "time_ns": end_ns}
    if o.outcome is Outcome.OK:
        event["result"] = o.result
    more = {"node": o.node, "error": o.error, "version": o.version}
    return {**event, **{name: value for name, value in more.items() if value is not None}}


def edn_lines(history: History) -> Iterator[str]:
    """A map a line, in order of the events."""
    yield "; a history of Labrys"
    keyed = len({canonical(o.key) for o in history.operations}) > 1
    events: list[tuple[float, int, str]] = []
    for o in _sequential(history.operations):
        if o.outcome is Outcome.FAIL or (o.function, o.outcome) == ("cas-mismatch", Outcome.INFO):
            continue  # such a mismatch changed nothing and saw nothing
        call, end, function = o.argument, o.outcome.value, o.function
        answer = o.argument if o.result is None else o.result
        if function == "read":
            answer = o.result
        elif function == "cas-mismatch":
            function, end, answer = "cas", "fail", [o.argument, None]
            call = answer
        elif function == "cas" and o.outcome is Outcome.OK:
            if canonical(o.result) == canonical(o.argument[0]):
                answer = o.argument
            else:
                function, call, answer = "read", None, o.result
        events.append((o.invoked, 0, _map(o, "invoke", function, call, o.invoked_ns, keyed)))
        if o.outcome is not Outcome.INFO or o.completed_ns is not None:
            end_ns = o.invoked_ns if o.completed_ns is None else o.completed_ns
            place = float("inf") if o.completed is None else o.completed
            events.append((place, 1, _map(o, end, function, answer, end_ns, keyed)))
    events.sort(key=lambda event: event[:2])
    yield from (line for _, _, line in events)


def _map(o: Operation, kind: str, function: str, value: Any, time_ns: int, keyed: bool) -> str:
    where = f":key {_edn(o.key)}, " if keyed else ""
    return (
        f"{{:process {o.process}, :type :{kind}, :f :{function}, {where}:value {_edn(value)}, "
        f":time {time_ns}}}"
    )


def _edn(value: Any) -> str:
    """A JSON value in EDN; numbers, strings and truth values look alike in both."""
    if value is None:
        return "nil"
    if isinstance(value, list | tuple):
        return f"[{_spaced(map(_edn, value))}]"
    if isinstance(value, dict):
        return f"{{{_spaced(f'{_edn(name)} {_edn(item)}' for name, item in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)


def _spaced(words: Iterable[str]) -> str:
    return " ".join(words)
