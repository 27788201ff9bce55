"""Lists the operations of a counterexample, before it is argued from them.

Each has its process, what it called and was answered, when or where, and its line in the file. A
time is told only where the file has one.
"""

import json
from collections.abc import Sequence
from typing import Any

from checker.history import History, Source
from checker.operation import Operation, Outcome
from checker.wording import clause


def listed(operations: Sequence[Operation], source: Source | None) -> list[dict[str, Any]]:
    """The operations as JSON values, with their lines, and without times that nobody wrote."""
    return [_as_json(operation, source) for operation in operations]


def _as_json(operation: Operation, source: Source | None) -> dict[str, Any]:
    item = operation.to_json()
    if source is None:
        return item
    if not source.timed:
        item["invoked_ns"] = item["completed_ns"] = None
    if operation.process in source.names:
        item["process"] = source.names[operation.process]
    item["line"] = source.line(operation.invoked)
    end = operation.completed
    item["completed_line"] = None if end is None else source.line(end)
    return item


def lines(operations: Sequence[Operation], source: Source | None) -> list[str]:
    """The operations as lines of a table, by their numbers from 1."""
    rows = [(str(n), *_row(o, source)) for n, o in enumerate(operations, 1)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)] if rows else []
    return [
        f"{row[0]:>{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:<{widths[2]}}  {row[3]}".rstrip()
        for row in rows
    ]


def _row(operation: Operation, source: Source | None) -> tuple[str, str, str]:
    names = {} if source is None else source.names
    process = names.get(operation.process, operation.process)
    said = clause(operation).removeprefix(f"process {operation.process} ")
    key = "" if operation.key is None else f" [key {_text(operation.key)}]"
    return f"process {process}{key}", said, ", ".join(filter(None, _where(operation, source)))


def _where(operation: Operation, source: Source | None) -> tuple[str, str]:
    """When it was, or at which positions, and on which lines."""
    unknown = operation.outcome is Outcome.INFO or operation.completed is None
    if source is None or source.timed:
        begin = f"{operation.invoked_ns / 1e9:.6f} s"
        end = None if operation.completed_ns is None else f"{operation.completed_ns / 1e9:.6f} s"
        when = f"from {begin}" if unknown or end is None else f"{begin} to {end}"
    else:
        end_position = operation.completed
        when = (
            f"from position {operation.invoked}"
            if end_position is None
            else f"positions {operation.invoked} to {end_position}"
        )
    if source is None:
        return when, ""
    first = source.line(operation.invoked)
    last = None if operation.completed is None else source.line(operation.completed)
    if first is None:
        return when, ""
    if last is None or last == first:
        return when, f"line {first}"
    return when, f"lines {first} and {last}"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=repr)


def nil_reads(history: History) -> int:
    """How many reads were answered with null."""
    columns = history.columns
    reads = columns.function == columns.functions.find("read")
    nothing = columns.result == columns.values.find(None)
    return int((reads & nothing & (columns.outcome == 0)).sum())
