"""Operations as numbers, ready to be searched: what `frontier` takes.

Operations that cannot tell anything are left out: those that failed, and crashed ones that nothing
misses. What is left has a kind and two values (a register's, see `of_columns`), or a label whose
steps stand in a table that is filled in as the search asks for them (any other model's).
"""

import math
import sys
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from checker.columns import NOTHING, canonical
from checker.linearizability.search import window
from checker.linearizability.search.limits import LimitReached
from checker.linearizability.search.window import LATE, NO_STEP
from checker.models.asking import failed_at, impure, initial_state, unmissed
from checker.models.model import Inconsistent, Model, State, only_observes
from checker.operation import Operation, Outcome

MOST_STATES = 2_000
MOST_STEPS = 60_000
"""A model whose states and steps are no more than this is explored whole before the search, if that
takes no more than `STEPS_EACH` steps for each operation."""

STEPS_EACH = 5

EXPLORING = 0.1
"""The share of the time that is left which exploring a model may take."""

ASKED_AGAIN_EVERY = 16
"""One step in this many is asked for twice: a model that is not pure answers otherwise."""

MOST_KEPT = 300_000
"""Answers of the model that are kept for the next search: some 130 bytes each."""

SAMPLED = 64
"""How many states are measured to tell how much memory all of them take."""

CHUNK = 4_096
"""Operations whose records are filled in at a time."""


@dataclass
class Problem:
    """One column a property, one row an operation; `events` holds rows, doubled, plus 1 for an end.

    The events of part `i` (a key) are those from `bounds[i]` to `bounds[i + 1]`, and at most
    `widths[i]` of its operations are pending at once. `states` counts the states, of which
    `initial` is the first one's number. `steps` is empty for registers.
    """

    records: Any
    events: Any
    bounds: Sequence[int]
    widths: Sequence[int]
    states: int
    initial: int
    steps: "Steps | None" = None
    rows: Any = ()
    """Of each operation of the problem, its place in what the problem was made of."""

    labels: Sequence[int] = ()
    """Of each operation of the problem the number of its label, where there are steps."""

    supposed: Sequence[int] = ()
    """Which operations need not happen, where there are steps."""

    @property
    def count(self) -> int:
        """How many operations there are."""
        return len(self.rows)

    def supposing(self, places: frozenset[int]) -> "Problem":
        """The same problem of which the operations at these places need not happen, no others."""
        supposed = [int(row in places) for row in self.rows]
        own = self.records.copy()
        own[window.SUPPOSED :: window.OP] = supposed
        return replace(self, records=own, supposed=supposed)

    def impossible(self) -> int | None:
        """The row of an operation that was answered as no state at all allows; None where that is
        not known of any."""
        if self.steps is None or not any(self.steps.impossible):
            return None
        for code in self.events:
            op, ending = divmod(code, 2)
            if ending and self.steps.impossible[self.labels[op]] and not self.supposed[op]:
                return int(self.rows[op])
        return None

    def fresh(self) -> "Problem":
        """The same problem, whose model has made no step yet."""
        return self if self.steps is None else replace(self, steps=self.steps.fresh(), states=1)


def records(count: int, columns: dict[int, Any]) -> Any:
    """Operations as records of `window.OP` fields, one after the other; fields by their place."""
    result = np.empty((count, window.OP), np.int64)
    columns = {window.SUPPOSED: 0, window.WHERE: -1, **columns}
    spread = {name: np.broadcast_to(column, count) for name, column in columns.items()}
    # Some thousands at a time stay in the processor's cache while all fields are filled in.
    for start in range(0, count, CHUNK):
        for name, column in spread.items():
            result[start : start + CHUNK, name] = column[start : start + CHUNK]
    return result.reshape(-1)


class Answers:
    """What a model answered, for all searches of its operations: asking it may take long."""

    def __init__(self) -> None:
        self.states: list[State] = []
        self.numbers: dict[State, int] = {}
        self.after: dict[Hashable, dict[int, int]] = {}
        """Of each label, by its name, what follows after which state. What is asked at one time is
        of few labels: in one large table each look would miss the processor's cache."""

        self.asked = 0
        """How many steps the model was asked for."""

        self.endless = False
        """Whether exploring the model whole was given up."""


class Steps:
    """The table of a model's steps, by state and label, filled in when asked for."""

    def __init__(
        self,
        model: Model,
        labels: Sequence[Operation],
        until: float = math.inf,
        answers: Answers | None = None,
        names: Sequence[Hashable] = (),
    ) -> None:
        """After the moment `until` of `time.monotonic` there is no further step.

        By their `names` labels are the same in all searches that share `answers`.
        """
        self.model = model
        self.labels = labels
        self.until = until
        self.observes = [only_observes(model, label) for label in labels]
        """Which labels never change a state, as far as that is known."""

        self.impossible = [False] * len(labels)
        """Which labels no state that can be reached allows, as far as is known."""

        self.explored = False
        """Whether every state that can be reached is known, and every step."""

        self.states: list[State] = []
        self.answers = Answers() if answers is None else answers
        self._names = names or range(len(labels))
        self._after = [self.answers.after.setdefault(name, {}) for name in self._names]
        self._numbers: dict[int, int] = {NO_STEP: NO_STEP}
        # Of each state its number among all answers, which other searches number otherwise.
        self._everywhere: list[int] = []

    def number(self, state: State) -> int:
        """The number of a state, which is given one if it is new."""
        return self._here(self._numbered(state))

    def _numbered(self, state: State) -> int:
        """The number of a state among all answers."""
        known = self.answers
        number = known.numbers.get(state)
        if number is None:
            number = known.numbers[state] = len(known.states)
            known.states.append(state)
        return number

    def _here(self, number: int) -> int:
        """The number that a state has here, by the one that it has among all answers."""
        found = self._numbers.get(number)
        if found is None:
            found = self._numbers[number] = len(self.states)
            self.states.append(self.answers.states[number])
            self._everywhere.append(number)
        return found

    def step(self, state: int, label: int) -> int:
        """The number of the state that follows, or `NO_STEP`; raises `LimitReached`."""
        return self.many((state,), (label,))[0]

    def many(self, states: Sequence[int], labels: Sequence[int]) -> list[int]:
        """The same for many steps: no lines of a search run more often than these."""
        answers, after, here = self.answers, self._after, self._numbers
        ask, until, now, found = self._ask, self.until, time.monotonic, []
        for state, label in zip(states, labels, strict=True):
            before, kept = self._everywhere[state], after[label]
            number = kept.get(before)
            if number is None:
                if now() > until:
                    raise LimitReached("time limit")
                number = ask(before, label)
                answers.asked += 1
                if answers.asked % ASKED_AGAIN_EVERY == 1 and ask(before, label) != number:
                    raise impure(self.model, self.labels[label])
                if answers.asked <= MOST_KEPT:
                    kept[before] = number
            place = here.get(number)
            found.append(self._here(number) if place is None else place)
        return found

    def _ask(self, before: int, label: int) -> int:
        try:
            after = self.model.step(self.answers.states[before], self.labels[label])
            return NO_STEP if isinstance(after, Inconsistent) else self._numbered(after)
        except MemoryError:
            raise
        except Exception as error:
            raise failed_at(self.model, self.labels[label], error) from error

    def fresh(self) -> "Steps":
        """The same model and labels, with no state but the first one."""
        steps = Steps(self.model, self.labels, self.until, self.answers, self._names)
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
        now = time.monotonic()
        stop = now + EXPLORING * (self.until - now)
        done = 0
        while done < len(self.states):
            for label in range(len(self.labels)):
                if len(self.states) > MOST_STATES or len(table) > most or time.monotonic() > stop:
                    return None
                table.append(self.step(done, label))
            done += 1
        return table


def _size(state: State) -> int:
    """About how many bytes a state takes, with its place in two tables."""
    inner = sum(map(sys.getsizeof, state)) if isinstance(state, (tuple, frozenset)) else 0
    return sys.getsizeof(state) + inner + 150


def of_operations(
    model: Model,
    operations: Sequence[Operation],
    supposed: frozenset[int] = frozenset(),
    until: float = math.inf,
    answers: Answers | None = None,
) -> Problem:
    """The operations of any model, as one part; those at the places `supposed` need not happen.

    `answers` are those that the model gave before. Raises `LimitReached` where the model's steps
    take longer than until that moment.
    """
    by_process: bool = getattr(model, "by_process", False)
    left_out = unmissed(model, operations)
    rows = [
        row
        for row, o in enumerate(operations)
        if o.outcome is not Outcome.FAIL and row not in left_out
    ]
    todo = [operations[row] for row in rows]
    numbers: dict[Hashable, int] = {}
    labels: list[Operation] = []
    label = []
    for o in todo:
        if time.monotonic() > until:
            raise LimitReached("time limit")
        result = o.result if o.outcome is Outcome.OK else None
        who = o.process if by_process else None
        name = canonical([o.function, o.key, o.argument, result, str(o.outcome), who])
        if name not in numbers:
            numbers[name] = len(labels)
            labels.append(o)
        label.append(numbers[name])
    steps = Steps(model, labels, until, answers, [*numbers])
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
    optional = [int(row in supposed) for row in rows]
    columns = {
        window.KIND: window.TABLE,
        window.FIRST: NOTHING,
        window.SECOND: NOTHING,
        window.LABEL: label,
        window.END: ends,
        window.RESETS: [resets[number] for number in label],
        window.TOTALS: [totals[number] for number in label],
        window.SUPPOSED: optional,
    }
    return Problem(
        records=records(len(todo), columns),
        labels=label,
        events=[i * 2 + ending for _, ending, i in ordered],
        bounds=[0, len(ordered)],
        widths=[width],
        states=len(steps.states),
        initial=initial,
        steps=steps,
        rows=rows,
        supposed=optional,
    )


def _properties(steps: Steps, most: int) -> tuple[list[int], list[int]]:
    """Which labels set the state whatever it was, and which are possible in every state.

    Both are known only of a model that was explored whole; of another none is claimed to be.
    """
    labels = len(steps.labels)
    table = None if steps.answers.endless else steps.explore(most)
    if table is None:
        steps.answers.endless = True
        return [0] * labels, [0] * labels
    steps.explored = True
    resets, totals = [], []
    for label in range(labels):
        column = table[label::labels]
        after = set(column)
        steps.observes[label] = after <= {NO_STEP} or all(
            state in (before, NO_STEP) for before, state in enumerate(column)
        )
        steps.impossible[label] = after <= {NO_STEP}
        totals.append(int(NO_STEP not in after))
        resets.append(int(NO_STEP not in after and len(after) == 1))
    return resets, totals
