"""A history's operations as numpy arrays, for statistics over a million of them.

One row an operation, in order of invocation; every array holds 64-bit integers. Words (functions,
nodes, errors) are interned: equal ones share a small number, an index into a table.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from checker.history import History, Outcome

Ints: TypeAlias = NDArray[np.int64]

NEVER = 2**62
"""The position, and the time, of a completion that is not known."""

NOTHING = -1
"""In `node` and `error`: there is none."""

OUTCOMES = (Outcome.OK, Outcome.FAIL, Outcome.INFO)
OK, FAIL, INFO = range(3)


@dataclass(frozen=True, eq=False)
class Arrays:
    """One row an operation.

    `outcome` is an index into `OUTCOMES`, `function` into `functions`, `key` into `keys`, `node`
    and `error` into `words`.
    """

    process: Ints
    function: Ints
    key: Ints
    outcome: Ints
    invoked: Ints
    completed: Ints
    invoked_ns: Ints
    completed_ns: Ints
    node: Ints
    error: Ints
    functions: Sequence[str]
    keys: Sequence[Any]
    words: Sequence[str]

    def __len__(self) -> int:
        return len(self.process)

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Which operations were answered.

        A compare-and-set that did not apply is an answer, and some histories record it as a `fail`
        without an error; "not leader" and a timeout are none, and carry an error.
        """
        unapplied = (self.outcome == FAIL) & (self.error == NOTHING)
        answered: NDArray[np.bool_] = (self.outcome == OK) | unapplied
        return answered


def arrays(history: History) -> Arrays:
    """The arrays of a history."""
    rows = history.operations
    functions: dict[str, int] = {}
    numbers: dict[Any, int] = {}
    keys: list[Any] = []
    words: dict[str, int] = {}

    def column(items: Iterable[int]) -> Ints:
        return np.fromiter(items, np.int64, len(rows))

    def word(text: str | None) -> int:
        return NOTHING if text is None else words.setdefault(text, len(words))

    def key(value: Any) -> int:
        # Keys may be any JSON, also lists, and Python holds 1 and true for equal: repr tells all
        # of these apart, and a pair cannot be mistaken for a string.
        number = numbers.setdefault(value if type(value) is str else ("", repr(value)), len(keys))
        if number == len(keys):
            keys.append(value)
        return number

    return Arrays(
        process=column(row.process for row in rows),
        function=column(functions.setdefault(row.function, len(functions)) for row in rows),
        key=column(key(row.key) for row in rows),
        outcome=column(OUTCOMES.index(row.outcome) for row in rows),
        invoked=column(row.invoked for row in rows),
        completed=column(NEVER if row.completed is None else row.completed for row in rows),
        invoked_ns=column(row.invoked_ns for row in rows),
        completed_ns=column(
            NEVER if row.completed_ns is None else row.completed_ns for row in rows
        ),
        node=column(word(row.node) for row in rows),
        error=column(word(row.error) for row in rows),
        functions=tuple(functions),
        keys=tuple(keys),
        words=tuple(words),
    )


def end_ns(history: History, columns: Arrays) -> int:
    """The latest moment that the history names, 0 where it names none."""
    known = columns.completed_ns[columns.completed_ns != NEVER]
    moments = [int(times.max()) for times in (columns.invoked_ns, known) if len(times)]
    moments += [fault.injected_ns for fault in history.faults]
    moments += [fault.healed_ns for fault in history.faults if fault.healed_ns is not None]
    moments += [phase.begins_ns for phase in history.phases]
    return max(moments, default=0)
