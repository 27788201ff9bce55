"""Registers on columns as a problem to search, many keys at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from checker.columns import FAIL, NEVER, OK, Columns
from checker.linearizability.search import arranging, window
from checker.linearizability.search.compiling import compiled
from checker.linearizability.search.implied import implied
from checker.linearizability.search.problem import Problem, records
from checker.linearizability.search.window import LATE

KINDS = {
    "read": window.READ,
    "write": window.WRITE,
    "cas": window.CAS,
    "cas-mismatch": window.MISMATCH,
}


CROWDED = 4
"""Operations pending at once from which it pays to look for reads that others imply."""

COMPILED_FROM = 100_000
"""Operations from which one compiled pass arranges them, and not numpy."""


def of_registers(columns: Columns, keys: Sequence[int], initial: Any) -> Problem:
    """The operations on some keys, each of which is a register; all kinds are in `KINDS`."""
    start = columns.values.number(initial)
    states = len(columns.values)
    chosen = _chosen(columns, keys)
    found = _arranged(chosen, len(keys), states)
    crowded = (np.array(found.widths, np.int64) >= CROWDED)[chosen.part]
    if crowded.any():
        needed = ~crowded
        needed[crowded] = ~chosen.those(crowded).implied()
        chosen = chosen.those(needed)
        found = _arranged(chosen, len(keys), states)
    return replace(found, states=states, initial=start)


def _arranged(chosen: "_Chosen", keys: int, states: int) -> Problem:
    """The problem of what was chosen; the operations of a key stand together, since the search
    takes key after key."""
    if keys > 1 and len(chosen.rows) >= COMPILED_FROM:
        problem = _arranged_at_once(chosen, keys, states)
        if problem is not None:
            return problem
    events, bounds, widths = _events(chosen, keys)
    order: Any = slice(None)
    if keys > 1:
        order = np.argsort(chosen.part, kind="stable")
        number = np.empty(len(order), np.int32)
        number[order] = np.arange(len(order), dtype=np.int32)
        events = number[events >> 1] << 1 | events & 1
    kind, first, second = chosen.kind[order], chosen.first[order], chosen.second[order]
    fields = {
        window.KIND: kind,
        window.FIRST: first,
        window.SECOND: second,
        window.LABEL: (kind.astype(np.int64) * states + first) * states + second,
        window.END: np.where(chosen.crashed, LATE, chosen.completed)[order],
        window.RESETS: kind == window.WRITE,
        window.TOTALS: (kind == window.WRITE) | (kind == window.MAYBE_CAS),
    }
    return Problem(
        records=records(len(kind), fields),
        events=events.astype(np.int64),
        bounds=bounds,
        widths=widths,
        states=states,
        initial=0,
        rows=chosen.rows[order],
    )


def _arranged_at_once(chosen: "_Chosen", keys: int, states: int) -> Problem | None:
    """The same by the compiled pass; None where two events are at the same moment."""
    invoked, completed = chosen.invoked, chosen.completed
    ended = completed[~chosen.crashed]
    low = int(min(invoked.min(), ended.min(initial=invoked[0])))
    span = int(max(invoked.max(), ended.max(initial=low))) - low + 1
    if span > 8 * len(invoked):
        return None
    given = arranging.Given(
        part=chosen.part.astype(np.int64),
        kind=chosen.kind,
        first=chosen.first.astype(np.int32),
        second=chosen.second.astype(np.int32),
        invoked=invoked - low,
        completed=np.where(chosen.crashed, LATE, completed - low),
    )
    done = arranging.Arranged(
        moments=np.full(span, -1, np.int32),
        number=np.empty(len(invoked), np.int32),
        operations=np.zeros(keys + 1, np.int64),
        bounds=np.zeros(keys + 1, np.int64),
        open_=np.zeros(keys, np.int64),
        widths=np.zeros(keys, np.int64),
        events=np.empty(len(invoked) + len(ended), np.int64),
        records=np.empty(len(invoked) * window.OP, np.int64),
    )
    if not _compiled()["arrange"](given, done, states):
        return None
    rows = np.empty(len(invoked), np.int32)
    rows[done.number] = chosen.rows
    return Problem(
        records=done.records,
        events=done.events,
        bounds=[0, *done.bounds[:-1].tolist()],
        widths=done.widths.tolist(),
        states=states,
        initial=0,
        rows=rows,
    )


@cache
def _compiled() -> dict[str, Any]:
    return compiled(("fill", "arrange"), window, arranging)


@dataclass(frozen=True)
class _Chosen:
    """Operations to search, one row each; `part` is the place of their key among those asked for.

    Numbers are as narrow as they may be: what is sorted by key is moved about in memory, and half
    as much of it in half the time.
    """

    rows: Any
    part: Any
    kind: Any
    first: Any
    second: Any
    invoked: Any
    completed: Any
    crashed: Any

    def those(self, which: Any) -> "_Chosen":
        """Some of them."""
        return _Chosen(**{name: column[which] for name, column in vars(self).items()})

    def implied(self) -> Any:
        """Which are reads that others imply."""
        return implied(
            self.part.astype(np.int64), self.kind, self.first, self.second,
            self.invoked, self.completed, self.crashed,
        )  # fmt: skip


def _chosen(columns: Columns, keys: Sequence[int]) -> _Chosen:
    """What there is to search of these keys, in the order of the history."""
    names = [columns.functions[number] for number in range(len(columns.functions))]
    kind = np.array([KINDS[name] for name in names], np.int8)[columns.function]
    ok = columns.outcome == OK
    # For numbers of 16 bits numpy sorts by counting.
    place = np.full(len(columns.keys), -1, np.int16 if len(keys) < 2**15 else np.int64)
    place[list(keys)] = np.arange(len(keys))
    part: Any = place[columns.key]
    useful = (columns.outcome != FAIL) & (ok | (kind == window.WRITE) | (kind == window.CAS))
    rows = np.flatnonzero(useful & (part >= 0)).astype(np.int32)
    which = slice(None) if len(rows) == len(columns) else rows
    kind, ok, part = kind[which], ok[which], part[which]
    expected, result, argument = (
        column[which].astype(np.int32)
        for column in (columns.expected, columns.result, columns.argument)
    )
    kind[(kind == window.CAS) & ~ok] = window.MAYBE_CAS
    kind[(kind == window.CAS) & (result != expected)] = window.READ
    second = np.where(kind == window.READ, result, argument)
    swaps = (kind == window.CAS) | (kind == window.MAYBE_CAS)
    completed = columns.completed[which]
    return _Chosen(
        rows=rows,
        part=part,
        kind=kind,
        first=np.where(swaps, expected, second),
        second=second,
        invoked=columns.invoked[which],
        completed=completed,
        crashed=(completed == NEVER) | ~ok,
    )


def _events(chosen: _Chosen, parts: int) -> tuple[Any, list[int], list[int]]:
    """Invocations and ends by part and position, the bounds of the parts, and how many of its
    operations are pending at once in each; where two events tie, the invocation comes first."""
    event = _in_time(chosen.invoked, chosen.completed, chosen.crashed)
    if parts > 1:
        part = chosen.part[event >> 1]
        order = np.argsort(part, kind="stable")
        event, part = event[order], part[order]
        bounds = np.searchsorted(part, np.arange(parts + 1, dtype=np.int64))
    else:
        bounds = np.array([0, len(event)])
    open_ = np.zeros(len(event) + 1, np.int32)
    np.cumsum(1 - 2 * (event & 1), out=open_[1:])
    widths = np.zeros(parts, np.int64)
    some = np.flatnonzero(bounds[1:] > bounds[:-1])
    if len(some):
        # What is open after each event: the last one of a part may be what makes it the most.
        most = np.maximum.reduceat(open_[1:], bounds[some])
        widths[some] = most - open_[bounds[some]]
    return event, bounds.tolist(), widths.tolist()


def _in_time(invoked: Any, completed: Any, crashed: Any) -> Any:
    """All events in order: rows, doubled, plus 1 for an end."""
    count = len(invoked)
    begins = np.arange(count, dtype=np.int32) * 2
    ends = begins[~crashed] + 1
    ended = completed[~crashed]
    low = int(min(invoked.min(initial=0), ended.min(initial=0)))
    span = int(max(invoked.max(initial=0), ended.max(initial=0))) - low + 1
    if span <= 8 * count + 1_000:
        table = np.full(span, -1, np.int32)
        table[invoked - low] = begins
        table[ended - low] = ends
        event = table[table >= 0]
        if len(event) == len(begins) + len(ends):
            return event
    event = np.concatenate([begins, ends])
    position = np.concatenate([invoked, ended])
    return event[np.lexsort((event & 1, position))]
