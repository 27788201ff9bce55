"""The operations of a run as compact columns for the page's timeline, bounded in size.

Up to `DRAWN_MAX` operations are given one by one. Of a longer history those that matter are: all
within some time of a fault's beginning or end or of the counterexample (the longest such time that
fits), and those that were not ok. The others are counted by row and step of time. What was left
out is told in words on the page.

A row of the timeline is one worker: after an operation of unknown outcome a process never calls
again, and the next new process takes its row.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from checker.availability import end_ns
from checker.columns import NEVER, NOTHING, OK, OUTCOMES, Columns, Ints, Table
from checker.history import History
from checker.linearizability.registers.points import Points
from checker.statistics import measured
from checker.wording import plural
from reports.tints import tints
from reports.wording import count, duration, plain, value

DRAWN_MAX = 40_000
ROWS_MAX = 200
CELLS_MAX = 40_000
FAULTS_MAX = 300
LEADERS_MAX = 1_000
TEXT_BYTES_MAX = 600_000

Mask: TypeAlias = NDArray[np.bool_]
Leader: TypeAlias = tuple[str, int, int]
"""A node that was seen to lead: its name, its term, and since when, in nanoseconds."""


@dataclass(frozen=True)
class Timeline:
    """`data` is for the page's script; `left_out` tells in words what is not drawn one by one.

    What is drawn: how many operations, of how many keys, and the outcomes that any of them had,
    each with its number.
    """

    data: dict[str, Any]
    left_out: str
    drawn: int
    keys: int
    outcomes: tuple[tuple[int, str], ...]


def timeline(
    history: History,
    marked: Sequence[tuple[int, int]] = (),
    drawn_max: int = DRAWN_MAX,
    leaders: Sequence[Leader] = (),
    witness: Points | None = None,
    *,
    timed: bool = True,
) -> Timeline:
    """Choose and encode; `marked` are the log positions of the counterexample's invocations, each
    with its number there; `witness` says when each operation can have taken effect. Where the
    history is not `timed`, seconds are positions of its file."""
    columns, end = history.columns, end_ns(history)
    lanes, labels = _lanes(columns)
    moments = [fault.injected_ns for fault in history.faults]
    moments += [fault.healed_ns for fault in history.faults if fault.healed_ns is not None]
    rows = np.searchsorted(columns.invoked, [position for position, _ in marked])
    spans = [(moment, moment) for moment in moments] + _counterexample_span(columns, rows, end)
    kept, reach_ns = _choose(columns, spans or [(0, 0)], drawn_max, end)
    labels, shown = labels[:ROWS_MAX], lanes < ROWS_MAX
    kept &= shown
    tint = tints(history.faults)
    steps = max(60, min(600, CELLS_MAX // max(len(labels), 1)))
    data: dict[str, Any] = {
        "end": end // 1000,
        "timed": timed,
        "lanes": labels,
        "names": history.source.names if history.source else {},
        "functions": _words(columns.functions),
        "words": _words(columns.words),
        "operations": _operations(columns, lanes, np.flatnonzero(kept), witness),
        "marked": [[int(np.searchsorted(np.flatnonzero(kept), row)), number]
                   for row, (_, number) in zip(rows, marked, strict=True)
                   if row < len(columns) and kept[row]],
        "faults": [
            [fault.number, plain(fault.name, 60), plain(fault.detail, 200),
             fault.injected_ns // 1000,
             None if fault.healed_ns is None else fault.healed_ns // 1000, tint[fault.name]]
            for fault in history.faults[:FAULTS_MAX]
        ],
        "leaders": [[node, term, at_ns // 1000] for node, term, at_ns in leaders[:LEADERS_MAX]],
        "calls": [moment // 1000 for moment in measured(history)],
        "density": _density(columns, lanes, shown & ~kept, (len(labels), steps), end),
        "steps": steps,
    }  # fmt: skip
    near = [*["a fault’s beginning or end"] * bool(moments), *["the counterexample"] * bool(marked)]
    had = set(columns.outcome.tolist())
    return Timeline(
        data,
        _left_out(columns, shown, kept, reach_ns, end // steps, near),
        drawn=int(kept.sum()),
        keys=len(set(data["operations"]["key"])),
        outcomes=tuple((n, outcome.value) for n, outcome in enumerate(OUTCOMES) if n in had),
    )


def _words(table: Table) -> list[str]:
    return [plain(table[number], 60) for number in range(len(table))]


def _lanes(columns: Columns) -> tuple[Ints, list[list[int]]]:
    """A row for each operation, and the processes of each row."""
    processes, first = np.unique(columns.process, return_index=True)
    last = np.zeros(len(processes), np.int64)
    where = np.searchsorted(processes, columns.process)
    np.maximum.at(last, where, np.maximum(columns.completed_ns, columns.invoked_ns))
    begins = columns.invoked_ns[first]
    lane_of = np.zeros(len(processes), np.int64)
    labels: list[list[int]] = []
    free: list[int] = []
    busy: list[tuple[int, int]] = []
    for index in np.argsort(begins, kind="stable").tolist():
        while busy and busy[0][0] <= begins[index]:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if not free:
            free.append(len(labels))
            labels.append([])
        lane = heapq.heappop(free)
        labels[lane].append(int(processes[index]))
        lane_of[index] = lane
        heapq.heappush(busy, (int(last[index]), lane))
    # Rows stand in the order of their first processes, whichever of them called first.
    order = sorted(range(len(labels)), key=lambda lane: min(labels[lane]))
    place = np.argsort(np.array(order, np.int64))
    return place[lane_of][where], [labels[lane] for lane in order]


def _counterexample_span(columns: Columns, rows: Ints, end: int) -> list[tuple[int, int]]:
    rows = rows[rows < len(columns)]
    if not len(rows):
        return []
    ends = np.minimum(columns.completed_ns[rows], end)
    return [(int(columns.invoked_ns[rows].min()), int(ends.max()))]


def _choose(
    columns: Columns, spans: Sequence[tuple[int, int]], drawn_max: int, end: int
) -> tuple[Mask, int]:
    """Which operations to draw, and how far from the spans each one is drawn."""
    if len(columns) <= drawn_max:
        return np.ones(len(columns), dtype=bool), end
    ends = np.minimum(columns.completed_ns, end)
    distance = np.full(len(columns), NEVER, np.int64)
    for first, last in spans[: 2 * FAULTS_MAX]:
        away = np.maximum(np.maximum(first - ends, columns.invoked_ns - last), 0)
        distance = np.minimum(distance, away)
    special = columns.outcome != OK
    if special.sum() > drawn_max // 2:
        special = np.zeros(len(columns), dtype=bool)
    room = drawn_max - int(special.sum())
    nearest = np.partition(distance[~special], room)[room] if room < (~special).sum() else NEVER
    return special | (distance < nearest), int(nearest)


def _operations(
    columns: Columns, lanes: Ints, rows: Ints, witness: Points | None
) -> dict[str, Any]:
    """Columns of small numbers: microseconds, beginnings as differences, texts by index."""
    begins = columns.invoked_ns[rows] // 1000
    ends = columns.completed_ns[rows]
    lasts = np.where(ends == NEVER, -1, np.maximum(ends // 1000 - begins, 0))
    chosen = list(columns.operations(rows))
    for limit in (100, 40, 16, 6, 1):
        texts = _Texts(limit)
        keys = [texts.number(operation.key) for operation in chosen]
        arguments = [texts.number(operation.argument) for operation in chosen]
        results = [texts.number(operation.result) for operation in chosen]
        if texts.bytes <= TEXT_BYTES_MAX:
            break
    return {
        "process": columns.process[rows].tolist(),
        "lane": lanes[rows].tolist(),
        "function": columns.function[rows].tolist(),
        "outcome": columns.outcome[rows].tolist(),
        "begin": np.diff(begins, prepend=0).tolist(),
        "last": lasts.tolist(),
        "key": keys,
        "argument": arguments,
        "result": results,
        "node": columns.node[rows].tolist(),
        "error": columns.error[rows].tolist(),
        "texts": list(texts.numbers),
        **({} if witness is None else _points(witness, rows, begins)),
    }


def _points(witness: Points, rows: Ints, begins: Ints) -> dict[str, Any]:
    """When each operation took effect in the witness, in microseconds after it began; its rank."""
    if not np.any(witness.rank[rows] >= 0):
        return {}
    after = np.where(witness.rank[rows] < 0, 0, witness.at_ns[rows] // 1000 - begins)
    return {"point": after.tolist(), "rank": witness.rank[rows].tolist()}


class _Texts:
    """Keys and values as texts, equal ones stored once, each cut to a limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.numbers: dict[str, int] = {}
        self.bytes = 0

    def number(self, data: Any) -> int:
        if data is None:
            return NOTHING
        text = value(data, self.limit)
        if text not in self.numbers:
            self.numbers[text] = len(self.numbers)
            self.bytes += len(text) + 3
        return self.numbers[text]


def _density(
    columns: Columns, lanes: Ints, counted: Mask, shape: tuple[int, int], end: int
) -> list[list[int]]:
    """How many operations that are not drawn began in each row and step: lists by outcome."""
    if not counted.any():
        return []
    rows, steps = shape
    # In floating point, since nanoseconds times steps may exceed 64 bits in a run of months.
    step = np.minimum((columns.invoked_ns[counted] / (end + 1) * steps).astype(int), steps - 1)
    cell = lanes[counted] * steps + step
    outcome = columns.outcome[counted]
    return [
        np.bincount(cell[outcome == number], minlength=rows * steps).tolist()
        for number in range(len(OUTCOMES))
    ]


def _left_out(
    columns: Columns, shown: Mask, kept: Mask, reach_ns: int, step_ns: int, near: Sequence[str]
) -> str:
    """What is not drawn one by one, in sentences; empty where everything is."""
    total, drawn, shaded = len(columns), int(kept.sum()), int((shown & ~kept).sum())
    said = []
    if shaded:
        special = not (columns.outcome[shown & ~kept] != OK).any()
        said.append(
            f"Of {count(total)} operations {count(drawn)} are drawn one by one: all that lie "
            f"within {duration(reach_ns)} of {' or of '.join(near) or 'the beginning'}"
            f"{', and all that were not ok' if special else ''}. The other {count(shaded)}"
            f"{', all of them ok,' if special else ''} are drawn as shading, "
            f"in steps of {duration(step_ns)}."
        )
    if total > drawn + shaded:
        said.append(
            f"Left out: {plural(total - drawn - shaded, 'operation')} in rows beyond {ROWS_MAX}."
        )
    return " ".join(said)
