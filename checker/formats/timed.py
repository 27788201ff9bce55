"""Whole operations with the times of their beginning and end, as formats without events have them.

Positions are the ranks of the times. Where a call begins at the very time at which another ends,
the two overlap: intervals are closed.
"""

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from checker.columns import NEVER
from checker.formats.columns_of import Gathered
from checker.formats.event import numbered
from checker.history import History, MalformedHistory, Source


class Timed(NamedTuple):
    """One operation; `returned_ns` is None where nothing is known of its end."""

    process: int | str
    function: str
    key: Any
    argument: Any
    outcome: str
    result: Any
    called_ns: int
    returned_ns: int | None
    line: int
    error: str | None = None


def timed_history(operations: Sequence[Timed], name: str, notes: tuple[str, ...] = ()) -> History:
    """The history of these operations; raises `MalformedHistory` where one ends before it began."""
    for one in operations:
        if one.returned_ns is not None and one.returned_ns < one.called_ns:
            raise MalformedHistory(
                f"line {one.line}: the operation ends at {one.returned_ns}, before it begins at "
                f"{one.called_ns}"
            )
    count = len(operations)
    called = np.array([one.called_ns for one in operations], np.int64)
    returned = np.array(
        [NEVER if one.returned_ns is None else one.returned_ns for one in operations], np.int64
    )
    times = np.concatenate([called, returned])
    ends = np.repeat([0, 1], count)
    order = np.lexsort((ends, times))
    position = np.empty(2 * count, np.int64)
    position[order] = np.arange(1, 2 * count + 1)
    lines = array("q", bytes(8 * (2 * count + 1)))
    numbers = numbered(one.process for one in operations)
    gathered = Gathered()
    for row in np.argsort(position[:count]).tolist():
        one = operations[row]
        begin, end = int(position[row]), int(position[count + row])
        lines[begin] = lines[end] = one.line
        gathered.add(
            numbers[one.process], one.function, one.key, one.argument, one.result, one.outcome,
            begin, 0 if one.returned_ns is None else end, one.called_ns, one.returned_ns, one.error,
        )  # fmt: skip
    names = {number: p for p, number in numbers.items() if isinstance(p, str)}
    return gathered.history(Source(format=name, notes=notes, lines=lines, names=names))
