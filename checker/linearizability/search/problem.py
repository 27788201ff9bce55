"""Operations as numbers, ready to be searched: what `frontier` takes.

Operations that cannot tell anything are left out: those that failed, and crashed ones that only
observe. What is left has a kind and two values (a register's), or a label whose steps stand in a
table that is filled in as the search asks for them (any other model's).
"""

import math
import sys
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from checker.columns import FAIL, NEVER, NOTHING, OK, Columns, canonical
from checker.linearizability.search import window
from checker.linearizability.search.implied import implied
from checker.linearizability.search.limits import LimitReached
from checker.linearizability.search.window import LATE, NO_STEP
from checker.models.asking import failed_at, initial_state
from checker.models.model import Inconsistent, Model, State
from checker.operation import Operation, Outcome

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

SAMPLED = 64
"""How many states are measured to tell how much memory all of them take."""

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

    def fresh(self) -> "Problem":
        """The same problem, whose model has made no step yet."""
        return self if self.steps is None else replace(self, steps=self.steps.fresh(), states=1)

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

    def __init__(self, model: Model, labels: Sequence[Operation], until: float = math.inf) -> None:
        """After the moment `until` of `time.monotonic` there is no further step."""
        self.model = model
        self.labels = labels
        self.until = until
        observers: frozenset[str] = getattr(model, "observers", frozenset())
        only_observes = getattr(model, "only_observes", lambda operation: False)
        self.observes = [o.function in observers or bool(only_observes(o)) for o in labels]
        """Which labels never change a state, as far as that is known."""
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
        """The number of the state that follows, or `NO_STEP`; raises `LimitReached`."""
        if time.monotonic() > self.until:
            raise LimitReached("time limit")
        try:
            after = self.model.step(self.states[state], self.labels[label])
            return NO_STEP if isinstance(after, Inconsistent) else self.number(after)
        except MemoryError:
            raise
        except Exception as error:
            raise failed_at(self.model, self.labels[label], error) from error

    def fresh(self) -> "Steps":
        """The same model and labels, with no state but the first one."""
        steps = Steps(self.model, self.labels, self.until)
        steps.observes = self.observes
        steps.number(self.states[0])
        return steps

    def bytes(self) -> int:
        """About how much memory the states take."""
        some = self.states[:: max(1, len(self.states) // SAMPLED)]
        return sum(map(_size, some)) * len(self.states) // max(1, len(some))

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


def _size(state: State) -> int:
    """About how many bytes a state takes, with its place in two tables."""
    inner = sum(map(sys.getsizeof, state)) if isinstance(state, (tuple, frozenset)) else 0
    return sys.getsizeof(state) + inner + 150


def of_registers(columns: Columns, keys: Sequence[int], initial: Any) -> Problem:
    """The operations on some keys, each of which is a register; all kinds are in `KINDS`."""
    start = columns.values.number(initial)
    states = len(columns.values)
    chosen = _chosen(columns, keys)
    events, bounds, widths = _events(chosen, len(keys))
    if max(widths, default=0) >= CROWDED:
        chosen = chosen.those(~chosen.implied())
        events, bounds, widths = _events(chosen, len(keys))
    order: Any = slice(None)
    if len(keys) > 1:
        # The operations of a key stand together, since the search takes key after key.
        order = np.argsort(chosen.part, kind="stable")
        number = np.empty(len(order), np.int32)
        number[order] = np.arange(len(order), dtype=np.int32)
        events = number[events >> 1] << 1 | events & 1
    kind, first, second = chosen.kind[order], chosen.first[order], chosen.second[order]
    return Problem(
        kinds=kind,
        first=first,
        second=second,
        labels=(kind.astype(np.int64) * states + first) * states + second,
        end=np.where(chosen.crashed, LATE, chosen.completed)[order],
        resets=kind == window.WRITE,
        totals=(kind == window.WRITE) | (kind == window.MAYBE_CAS),
        events=events.astype(np.int64),
        bounds=bounds,
        widths=widths,
        states=states,
        initial=start,
        rows=chosen.rows[order],
    )


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


def of_operations(
    model: Model,
    operations: Sequence[Operation],
    supposed: frozenset[int] = frozenset(),
    until: float = math.inf,
) -> Problem:
    """The operations of any model, as one part; those at the places `supposed` need not happen.

    Raises `LimitReached` where the model's steps take longer than until that moment.
    """
    by_process: bool = getattr(model, "by_process", False)
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
        who = o.process if by_process else None
        name = canonical([o.function, o.key, o.argument, result, str(o.outcome), who])
        if name not in numbers:
            numbers[name] = len(labels)
            labels.append(o)
        label.append(numbers[name])
    steps = Steps(model, labels, until)
    initial = steps.number(initial_state(model))
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
        column = table[label::labels]
        after = set(column)
        steps.observes[label] = after <= {NO_STEP} or all(
            state in (before, NO_STEP) for before, state in enumerate(column)
        )
        totals.append(int(NO_STEP not in after))
        resets.append(int(NO_STEP not in after and len(after) == 1))
    return resets, totals
