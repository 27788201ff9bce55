"""Puts the operations of many registers in order of key and time, in one compiled pass.

What `checker.linearizability.search.problem` does with numpy for a shorter history: sorting a
million operations by key takes longer than searching them. Nothing here but loops over arrays.
"""

from typing import Any, NamedTuple

from checker.linearizability.search.window import (
    END,
    FIRST,
    KIND,
    LABEL,
    LATE,
    MAYBE_CAS,
    OP,
    RESETS,
    SECOND,
    SUPPOSED,
    TOTALS,
    WHERE,
    WRITE,
)


class Given(NamedTuple):
    """One row an operation: `part` is its key's place; `completed` is `LATE` where it crashed.

    Times are counted from the earliest one.
    """

    part: Any
    kind: Any
    first: Any
    second: Any
    invoked: Any
    completed: Any


class Arranged(NamedTuple):
    """The arrays to fill: `number` of each row is its place among the operations by key.

    `moments` has a place for each moment, at first -1. `operations` and `bounds` begin as zeros,
    one more than there are keys; in the end they say where the operations and the events of each
    key begin. `open_` and `widths` are zeros, one for each key.
    """

    moments: Any
    number: Any
    operations: Any
    bounds: Any
    open_: Any
    widths: Any
    events: Any
    records: Any


def arrange(given: Given, done: Arranged, states: int) -> bool:
    """Fill in what is arranged; False where two events are at the same moment."""
    count, keys = len(given.part), len(done.widths)
    part, invoked, completed = given.part, given.invoked, given.completed
    moments, operations, bounds = done.moments, done.operations, done.bounds
    for row in range(count):
        if moments[invoked[row]] >= 0:
            return False
        moments[invoked[row]] = 2 * row
        operations[part[row] + 1] += 1
        bounds[part[row] + 1] += 1
        if completed[row] != LATE:
            if moments[completed[row]] >= 0:
                return False
            moments[completed[row]] = 2 * row + 1
            bounds[part[row] + 1] += 1
    for key in range(keys):
        operations[key + 1] += operations[key]
        bounds[key + 1] += bounds[key]
    # Each start moves to the end of its key, which is the start of the next one.
    for row in range(count):
        place = operations[part[row]]
        operations[part[row]] += 1
        done.number[row] = place
        fill(given, done.records, row, place, states)
    for moment in range(len(moments)):
        event = moments[moment]
        if event < 0:
            continue
        row = event >> 1
        key = part[row]
        done.events[bounds[key]] = 2 * done.number[row] + (event & 1)
        bounds[key] += 1
        done.open_[key] += 1 - 2 * (event & 1)
        done.widths[key] = max(done.widths[key], done.open_[key])
    return True


def fill(given: Given, records: Any, row: int, place: int, states: int) -> None:
    """Write the record of an operation."""
    kind, first, second = given.kind[row], given.first[row], given.second[row]
    record = place * OP
    records[record + KIND] = kind
    records[record + FIRST] = first
    records[record + SECOND] = second
    records[record + LABEL] = (kind * states + first) * states + second
    records[record + END] = given.completed[row]
    records[record + RESETS] = kind == WRITE
    records[record + TOTALS] = kind in (WRITE, MAYBE_CAS)
    records[record + SUPPOSED] = 0
    records[record + WHERE] = -1
