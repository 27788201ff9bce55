"""Operations as numbers, ready to be searched: what `frontier` takes.

Operations that cannot tell anything are left out: those that failed, and crashed ones that only
observe. What is left has a kind and two values (a register's), or a label whose steps stand in a
table that is filled in as the search asks for them (any other model's).
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from checker.columns import FAIL, NEVER, NOTHING, OK, Columns, canonical
from checker.history import Operation, Outcome
from checker.linearizability import window
from checker.linearizability.implied import implied
from checker.linearizability.window import LATE, NO_STEP
from checker.models.model import Inconsistent, Model, State

KINDS = {
    "read": window.READ,
    "write": window.WRITE,
    "cas": window.CAS,
    "cas-mismatch": window.MISMATCH,
}

MOST_STATES = 2_000
MOST_STEPS = 60_000
"""A model whose states and steps are no more than this is explored whole before the search, if that
takes no more than `STEPS_EACH` steps for each operation."""

STEPS_EACH = 5

CROWDED = 4
"""Operations pending at once from which it pays to look for reads that others imply."""


CHUNK = 4_096
"""Operations whose records are filled in at a time."""


@dataclass
class Problem:
    """One column a property, one row an operation; `events` holds rows, doubled, plus 1 for an end.

    The events of part `i` (a key) are those from `bounds[i]` to `bounds[i + 1]`, and at most
    `widths[i]` of its operations are pending at once. `states` counts the states, of which
    `initial` is the first one's number. `steps` is empty for registers.
    """

    kinds: Any
    first: Any
    second: Any
    labels: Any
    end: Any
    resets: Any
    totals: Any
    events: Any
    bounds: Sequence[int]
    widths: Sequence[int]
    states: int
    initial: int
    steps: "Steps | None" = None
    rows: Any = ()
    """Of each operation of the problem, its place in what the problem was made of."""

    supposed: Any = 0
    """Which operations need not happen."""

    def records(self) -> Any:
        """The operations as records of `window.OP` fields, one after the other."""
        count = len(self.kinds)
        records = np.empty((count, window.OP), np.int64)
        columns = {
            window.KIND: self.kinds,
            window.FIRST: self.first,
            window.SECOND: self.second,
            window.LABEL: self.labels,
            window.END: self.end,
            window.RESETS: self.resets,
            window.TOTALS: self.totals,
            window.SUPPOSED: self.supposed,
            window.WHERE: -1,
        }
        spread = {name: np.broadcast_to(column, count) for name, column in columns.items()}
        # Some thousands at a time stay in the processor's cache while all fields are filled in.
        for start in range(0, count, CHUNK):
            for name, column in spread.items():
                records[start : start + CHUNK, name] = column[start : start + CHUNK]
        return records.reshape(-1)


class Steps:
    """The table of a model's steps, by state and label, filled in when asked for."""

    def __init__(self, model: Model, labels: Sequence[Operation]) -> None:
        self.model = model
        self.labels = labels
        self.states: list[State] = []
        self._numbers: dict[State, int] = {}

    def number(self, state: State) -> int:
        """The number of a state, which is given one if it is new."""
        found = self._numbers.get(state)
        if found is None:
            found = self._numbers[state] = len(self.states)
            self.states.append(state)
        return found

    def step(self, state: int, label: int) -> int:
        """The number of the state that follows, or `NO_STEP`."""
        after = self.model.step(self.states[state], self.labels[label])
        return NO_STEP if isinstance(after, Inconsistent) else self.number(after)

    def explore(self, most: int) -> "list[int] | None":
        """Every step from every state that can be reached, or None where these are too many."""
        table: list[int] = []
        done = 0
        while done < len(self.states):
            if len(self.states) > MOST_STATES or len(table) > most:
                return None
            table += (self.step(done, label) for label in range(len(self.labels)))
            done += 1
        return table


def of_registers(columns: Columns, keys: Sequence[int], initial: Any) -> Problem:
    """The operations on some keys, each of which is a register; all kinds are in `KINDS`."""
    names = [columns.functions[number] for number in range(len(columns.functions))]
    kind = np.array([KINDS[name] for name in names], np.int64)[columns.function]
    ok = columns.outcome == OK
    chosen = np.zeros(len(columns.keys), bool)
    chosen[list(keys)] = True
    useful = chosen[columns.key] & (columns.outcome != FAIL)
    rows = np.flatnonzero(useful & (ok | (kind == window.WRITE) | (kind == window.CAS)))
    if len(keys) > 1:
        # The operations of a key stand together, since the search takes key after key.
        narrow = np.int16 if len(columns.keys) < 2**15 else np.int64
        rows = rows[np.argsort(columns.key[rows].astype(narrow), kind="stable")]
    kind, ok = kind[rows], ok[rows]
    expected, result = columns.expected[rows], columns.result[rows]
    argument = columns.argument[rows]
    kind[(kind == window.CAS) & ~ok] = window.MAYBE_CAS
    kind[(kind == window.CAS) & (result != expected)] = window.READ
    first = np.where((kind == window.CAS) | (kind == window.MAYBE_CAS), expected, result)
    first = np.where(kind == window.MISMATCH, argument, first)
    second = np.where(kind == window.READ, first, argument)
    first = np.where(kind == window.WRITE, second, first)
    second = np.where(kind == window.MISMATCH, first, second)
    start = columns.values.number(initial)
    states = len(columns.values)
    completed = columns.completed[rows]
    crashed = completed == NEVER
    crashed |= ~ok
    key, invoked = columns.key[rows], columns.invoked[rows]
    events, bounds, widths = _events(key, invoked, completed, crashed, keys)
    if max(widths, default=0) >= CROWDED:
        stay = ~implied(key, kind, first, second, invoked, completed, crashed)
        rows, key, invoked, completed = rows[stay], key[stay], invoked[stay], completed[stay]
        kind, first, second, crashed = kind[stay], first[stay], second[stay], crashed[stay]
        events, bounds, widths = _events(key, invoked, completed, crashed, keys)
    return Problem(
        kinds=kind,
        first=first,
        second=second,
        labels=(kind * states + first) * states + second,
        end=np.where(crashed, LATE, completed),
        resets=(kind == window.WRITE).astype(np.int64),
        totals=((kind == window.WRITE) | (kind == window.MAYBE_CAS)).astype(np.int64),
        events=events,
        bounds=bounds,
        widths=widths,
        states=states,
        initial=start,
        rows=rows,
    )


def _events(
    key: Any, invoked: Any, completed: Any, crashed: Any, keys: Sequence[int]
) -> tuple[Any, list[int], list[int]]:
    """Invocations and ends by key and position; where two tie, the invocation comes first."""
    place = np.zeros(int(max(keys, default=0)) + 1, np.int16 if len(keys) < 2**15 else np.int64)
    place[list(keys)] = np.arange(len(keys))
    event = _in_time(invoked, completed, crashed)
    part = place[key[event >> 1]]
    if len(keys) > 1:
        # For numbers of 16 bits numpy sorts by counting.
        order = np.argsort(part, kind="stable")
        event, part = event[order], part[order]
    bounds = np.searchsorted(part, np.arange(len(keys) + 1, dtype=np.int64))
    open_ = np.concatenate([[0], np.cumsum(1 - 2 * (event & 1))])
    most = np.maximum.reduceat(open_, np.minimum(bounds[:-1], len(event))) if len(keys) else open_
    widths = np.maximum(most - open_[bounds[:-1]], 0)
    return event, bounds.tolist(), widths.tolist()


def _in_time(invoked: Any, completed: Any, crashed: Any) -> Any:
    """All events in order: rows, doubled, plus 1 for an end."""
    count = len(invoked)
    begins = np.arange(count, dtype=np.int64) * 2
    ends = begins[~crashed] + 1
    ended = completed[~crashed]
    low = int(min(invoked.min(initial=0), ended.min(initial=0)))
    span = int(max(invoked.max(initial=0), ended.max(initial=0))) - low + 1
    if span <= 8 * count + 1_000:
        table = np.full(span, -1, np.int64)
        table[invoked - low] = begins
        table[ended - low] = ends
        event = table[table >= 0]
        if len(event) == len(begins) + len(ends):
            return event
    event = np.concatenate([begins, ends])
    position = np.concatenate([invoked, ended])
    return event[np.lexsort((event & 1, position))]


def of_operations(
    model: Model, operations: Sequence[Operation], supposed: frozenset[int] = frozenset()
) -> Problem:
    """The operations of any model, as one part; those at the places `supposed` need not happen."""
    observers: frozenset[str] = getattr(model, "observers", frozenset())
    rows = [
        row
        for row, o in enumerate(operations)
        if o.outcome is not Outcome.FAIL
        and (o.outcome is Outcome.OK or o.function not in observers)
    ]
    todo = [operations[row] for row in rows]
    numbers: dict[Hashable, int] = {}
    labels: list[Operation] = []
    label = []
    for o in todo:
        result = o.result if o.outcome is Outcome.OK else None
        name = canonical([o.function, o.key, o.argument, result, str(o.outcome)])
        if name not in numbers:
            numbers[name] = len(labels)
            labels.append(o)
        label.append(numbers[name])
    steps = Steps(model, labels)
    initial = steps.number(model.initial())
    resets, totals = _properties(steps, min(MOST_STEPS, STEPS_EACH * len(todo)))
    crashed = [o.outcome is not Outcome.OK or o.completed is None for o in todo]
    ends = [LATE if gone else o.completed for o, gone in zip(todo, crashed, strict=True)]
    ordered = sorted(
        [(o.invoked, 0, i) for i, o in enumerate(todo)]
        + [(end, 1, i) for i, end in enumerate(ends) if end is not None and end != LATE]
    )
    open_ = width = 0
    for _, ending, _ in ordered:
        open_ += 1 - 2 * ending
        width = max(width, open_)
    return Problem(
        kinds=[window.TABLE] * len(todo),
        first=[NOTHING] * len(todo),
        second=[NOTHING] * len(todo),
        labels=label,
        end=ends,
        resets=[resets[number] for number in label],
        totals=[totals[number] for number in label],
        events=[i * 2 + ending for _, ending, i in ordered],
        bounds=[0, len(ordered)],
        widths=[width],
        states=len(steps.states),
        initial=initial,
        steps=steps,
        rows=rows,
        supposed=[int(row in supposed) for row in rows],
    )


def _properties(steps: Steps, most: int) -> tuple[list[int], list[int]]:
    """Which labels set the state whatever it was, and which are possible in every state.

    Both are known only of a model that was explored whole; of another none is claimed to be.
    """
    labels = len(steps.labels)
    table = steps.explore(most)
    if table is None:
        return [0] * labels, [0] * labels
    resets, totals = [], []
    for label in range(labels):
        after = set(table[label::labels])
        totals.append(int(NO_STEP not in after))
        resets.append(int(NO_STEP not in after and len(after) == 1))
    return resets, totals
