"""Writes histories: as Labrys' own JSON lines, as events for tools of Jepsen's kind, in EDN or in
JSON, or as operations in JSON.

Only the first keeps everything. The others leave out versions, nodes, faults and phases.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from checker.formats.writing_events import edn_lines, json_lines
from checker.history import VERSION, History
from checker.operation import Operation, Outcome


def write(history: History, path: str | Path) -> None:
    """Write a history in the format that the name of the file asks for.

    Raises `ValueError` for another ending than those of `WRITABLE`, and `OSError`.
    """
    path = Path(path)
    lines = next((w for ending, w in WRITABLE.items() if path.name.endswith(ending)), None)
    if lines is None:
        *some, last = WRITABLE
        raise ValueError(f"{path} must end in {', '.join(some)} or {last}")
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines(history))


def sequential(operations: Iterable[Operation]) -> Iterator[Operation]:
    """The operations, with a new process for each that begins before its process's last one ended.

    No file of events can say such a thing of one process.
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
    for o in sequential(history.operations):
        events.append((o.invoked, 0, _invocation(o)))
        if o.outcome is not Outcome.INFO or o.completed_ns is not None:
            end = float("inf") if o.completed is None else o.completed
            events.append((end, 1, _completion(o)))
    for fault in history.faults:
        about = {"process": "nemesis", "fault": fault.number}
        inject = {"name": fault.name, "detail": fault.detail, "time_ns": fault.injected_ns}
        inject |= {} if fault.applied is None else {"applied": fault.applied}
        inject |= {"nodes": fault.nodes} if fault.nodes else {}
        inject |= {"seen": fault.seen} if fault.seen else {}
        events.append((fault.injected, 0, {"type": "inject", **about, **inject}))
        if fault.healed is not None:
            heal = {"type": "heal", **about, "time_ns": fault.healed_ns}
            heal |= {} if fault.met is None else {"met": fault.met}
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


def operation_lines(history: History) -> Iterator[str]:
    """One operation a line. Times are those of the history if they order it, else positions."""
    timed = _ordered_by_time(history)
    for o in history.operations:
        item: dict[str, Any] = {"process": o.process, "function": o.function}
        if o.key is not None:
            item["key"] = o.key
        item["argument"] = o.argument
        if o.outcome is Outcome.OK:
            item["result"] = o.result
        item["outcome"] = o.outcome.value
        item["invoked_ns"] = o.invoked_ns if timed else o.invoked
        if o.completed is not None:
            item["completed_ns"] = o.completed_ns if timed else o.completed
        if o.error is not None:
            item["error"] = o.error
        yield json.dumps(item, ensure_ascii=False)


def _ordered_by_time(history: History) -> bool:
    """Whether times say the same of the order as positions: no two alike, and all ascending."""
    if history.source is not None and not history.source.timed:
        return False
    moments = [(o.invoked, o.invoked_ns) for o in history.operations]
    moments += [
        (o.completed, -1 if o.completed_ns is None else o.completed_ns)
        for o in history.operations
        if o.completed is not None
    ]
    moments.sort()
    times = [time_ns for _, time_ns in moments]
    return all(a < b for a, b in pairwise(times))


WRITABLE: dict[str, Callable[[History], Iterator[str]]] = {
    ".jsonl": labrys_lines,
    ".edn": lambda history: edn_lines(list(sequential(history.operations))),
    ".operations.json": operation_lines,
    ".json": lambda history: json_lines(list(sequential(history.operations))),
}
"""The formats that can be written, by the end of a file's name; the first that fits is taken."""
