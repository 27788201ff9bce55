"""The operations of a history as actions for `sweep`: by what their object is, or by their model.

A known object's steps are compiled; those of any other model are asked of it, once for each state
and each label, and kept for all keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from checker.columns import OK, Columns, Ints
from checker.linearizability.search import acting
from checker.linearizability.search.problem import Steps
from checker.models.asking import initial_state
from checker.models.known import KnownObject, ObjectKind
from checker.models.model import Model
from checker.operation import Operation

OFFSET = 2**50
"""What is added to counts, so that none is negative."""

LARGEST_AMOUNT = 2**20
"""What one operation may add to a count: no history makes the sum too large."""

MOST_LABELS = 50_000
"""Labels up to which a model's own steps are kept for all keys."""

DOES = {
    ObjectKind.QUEUE: {"enqueue": acting.PUT, "dequeue": acting.TAKE_FIRST},
    ObjectKind.STACK: {"push": acting.PUT, "pop": acting.TAKE_LAST},
    ObjectKind.UNORDERED_QUEUE: {"enqueue": acting.INSERT, "dequeue": acting.TAKE_ANY},
    ObjectKind.PRIORITY_QUEUE: {"enqueue": acting.INSERT, "dequeue": acting.TAKE_LEAST},
    ObjectKind.LIST: {"append": acting.PUT, "read": acting.READ},
    ObjectKind.SET: {
        "add": acting.ADD, "remove": acting.REMOVE, "contains": acting.CONTAINS,
        "read": acting.READ,
    },
    ObjectKind.COUNTER: {"add": acting.COUNT, "read": acting.COUNT},
    ObjectKind.LOCK: {"acquire": acting.COUNT, "release": acting.COUNT},
}  # fmt: skip
"""What the functions of each known object do."""

TAKING = {"dequeue", "pop"}


@dataclass(eq=False)
class Actions:
    """One row an operation of `rows`, all of which count; see `acting.Acting` for the rest."""

    rows: Ints
    does: Ints
    value: Ints
    answer: Ints
    observes: Any
    begins: list[int] = field(default_factory=lambda: [0])
    lowest: int = 0
    highest: int = 0
    null: int = acting.IMPOSSIBLE
    ranks: Any = ()
    contents: Sequence[Sequence[int]] = ()
    steps: Steps | None = None


class KeyAsked(BaseException):
    """A model looks at an operation's key, so that no two keys have the same steps.

    No `Exception`, since what a model raises is its user's mistake.
    """


class _Keyless(Operation):
    """An operation that stands for those of all keys."""

    __slots__ = ()

    @property
    def key(self) -> Any:
        raise KeyAsked

    @key.setter
    def key(self, key: Any) -> None:
        pass


def of_columns(
    columns: Columns, rows: Ints, model: Model, thing: KnownObject | None, until: float
) -> Actions | None:
    """The operations of these rows; None where the object cannot be judged so."""
    functions = [columns.functions[n] for n in np.unique(columns.function[rows]).tolist()]
    if thing is not None and set(functions) <= DOES.get(thing.kind, {}).keys():
        known = _known(columns, rows, thing)
        if known is not None:
            return known
    return _asked(columns, rows, model, until)


def _known(columns: Columns, rows: Ints, thing: KnownObject) -> Actions | None:
    """The same of a known object; None where a value is none that compiled code can tell."""
    numbers = np.array([DOES[thing.kind].get(name, 0) for name in columns.functions], np.int64)
    does = numbers[columns.function[rows]]
    crashed = columns.outcome[rows] != OK
    answers = np.where(crashed, acting.ANY, columns.result[rows])
    made = Actions(rows, does, columns.argument[rows], answers, does == acting.READ)
    if thing.kind in (ObjectKind.COUNTER, ObjectKind.LOCK):
        return _counted(columns, made, thing)
    taking = np.isin(columns.function[rows], [columns.functions.find(name) for name in TAKING])
    made.null = columns.values.find(None)
    start = [columns.values.number(value) for value in thing.initial or ()]
    if thing.kind is ObjectKind.PRIORITY_QUEUE:
        ranked = _ranked(columns, made, taking, start)
        if ranked is None:
            return None
        start = ranked
    elif thing.kind is ObjectKind.SET:
        start = sorted({*start})
        made.observes |= does == acting.CONTAINS
        truths = np.array([value is True for value in columns.values], np.int64)
        looks = does == acting.CONTAINS
        made.answer[looks] = truths[made.answer[looks]]
    elif thing.kind is ObjectKind.UNORDERED_QUEUE:
        start = sorted(start)
    # Only some answers say anything.
    told = taking | (does == acting.CONTAINS)
    made.answer[~told] = acting.ANY
    made.value[taking] = 0
    _read(columns, made, does == acting.READ, thing.kind is ObjectKind.SET)
    made.begins = [0, *start]
    return made


def _counted(columns: Columns, made: Actions, thing: KnownObject) -> Actions | None:
    """Counters and locks: what is added, and what the count then is."""
    function = columns.function[made.rows]
    made.lowest, made.highest = 0, 2 * OFFSET
    start = thing.initial or 0
    if thing.kind is ObjectKind.LOCK:
        made.value = np.where(function == columns.functions.find("acquire"), 1, -1)
        made.answer[:] = acting.ANY
        made.lowest, made.highest = OFFSET, OFFSET + thing.permits
    else:
        reads = function == columns.functions.find("read")
        answered = reads & (made.answer != acting.ANY)
        amounts = _integers(columns, made.value[~reads], LARGEST_AMOUNT)
        counts = _integers(columns, made.answer[answered], OFFSET // 2)
        if amounts is None or counts is None or abs(start) > OFFSET // 4:
            return None
        made.value[~reads], made.value[reads] = amounts, 0
        made.answer[:] = acting.ANY
        made.answer[answered] = counts + OFFSET
        made.observes = reads
    made.begins = [start + OFFSET]
    return made


def _integers(columns: Columns, numbers: Ints, most: int) -> Ints | None:
    """The integers that values are, null being 0; None where one is not, or is too large."""
    different, which = np.unique(numbers, return_inverse=True)
    values = [columns.values[number] or 0 for number in different.tolist()]
    if any(type(value) is not int or abs(value) > most for value in values):
        return None
    return np.array(values, np.int64)[which]


def _ranked(columns: Columns, made: Actions, taking: Any, start: list[int]) -> list[int] | None:
    """Number the values of a priority queue by their order; the same of those at the beginning.

    None where they have no order.
    """
    entered = sorted({*np.unique(made.value[~taking]).tolist(), *start})

    def priority(number: int) -> Any:
        value = columns.values[number]
        first = value[0] if isinstance(value, list | tuple) else value
        return isinstance(first, str), first

    try:
        entered.sort(key=priority)
        ranks = [0] * len(entered)
        for place in range(1, len(entered)):
            after = priority(entered[place - 1]) < priority(entered[place])
            ranks[place] = ranks[place - 1] + after
    except (TypeError, IndexError):
        return None
    # What was never put in has two numbers of its own: nothing, and everything else.
    others, nothing = len(entered), len(entered) + 1
    number = np.full(len(columns.values), others, np.int64)
    number[entered] = np.arange(len(entered))
    if made.null >= 0 and number[made.null] == others:
        number[made.null] = nothing
    known = taking & (made.answer >= 0)
    made.answer[known] = number[made.answer[known]]
    made.value[~taking] = number[made.value[~taking]]
    made.null = int(number[made.null]) if made.null >= 0 else made.null
    made.ranks = [*ranks, -1, -2]
    return sorted(number[start].tolist())


def _read(columns: Columns, made: Actions, reads: Any, as_set: bool) -> None:
    """Number the different contents that were read, and note them."""
    different, which = np.unique(columns.result[made.rows[reads]], return_inverse=True)
    find = columns.values.find_canonical
    contents: list[list[int]] = []
    number = []
    for content in different.tolist():
        items = [find(item) for item in columns.values.items(content)]
        twice = as_set and len({*columns.values.items(content)}) < len(items)
        number.append(-1 if twice else len(contents))
        contents.append(sorted(items) if as_set else items)
    made.contents = contents
    made.value[reads] = np.array(number, np.int64)[which] if len(which) else 0


def _asked(columns: Columns, rows: Ints, model: Model, until: float) -> Actions | None:
    """The same of any model, whose steps are asked for; None where it has too many labels."""
    crashed = columns.outcome[rows] != OK
    by = [
        columns.function, columns.expected, columns.argument,
        np.where(columns.outcome == OK, columns.result, acting.ANY), columns.outcome,
    ]  # fmt: skip
    if getattr(model, "by_process", False):
        by.append(columns.process)
    label = np.zeros(len(rows), np.int64)
    for column in by:
        different, which = np.unique(column[rows], return_inverse=True)
        label = np.unique(label * len(different) + which, return_inverse=True)[1]
    first = np.unique(label, return_index=True)[1]
    if len(first) > MOST_LABELS:
        return None
    labels = [_keyless(columns.operation(int(row))) for row in rows[first]]
    try:
        steps = Steps(model, labels, until)
        steps.number(initial_state(model))
    except KeyAsked:
        return None
    observes = np.array(steps.observes, np.bool_)[label] if len(label) else crashed
    does = np.full(len(rows), acting.TABLED)
    answer = np.where(crashed, acting.ANY, 0)
    return Actions(rows, does, label, answer, observes, steps=steps)


def _keyless(operation: Operation) -> Operation:
    return _Keyless(*(getattr(operation, f.name) for f in fields(operation)))
