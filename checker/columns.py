"""Operations as columns of numbers: millions of them fit in memory, and numpy can judge them.

Each operation is one row. Keys, functions and values are interned: equal ones share a small dense
number, and a `Table` leads back to them. Equality is that of strict JSON: 1, 1.0 and true are three
values, and the order of an object's fields does not matter.

Argument and result of a compare-and-set need two columns more than those of a read: `argument` is
the new value there and `expected` the value expected; elsewhere `expected` is `NOTHING`.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from checker.operation import Operation, Outcome

Ints: TypeAlias = NDArray[np.int64]

NEVER = 2**62
"""The position, and the time, of a completion that is not known."""

NOTHING = -1
"""In `expected`, `node`, `error` and `version`: there is none."""

OUTCOMES = (Outcome.OK, Outcome.FAIL, Outcome.INFO)
OK, FAIL, INFO = range(3)

_TABLES = {"keys", "functions", "values", "words"}

_PLAIN = {int, str, type(None)}


class _Numbers(dict[Hashable, int]):
    """Gives each new member the next number."""

    def __missing__(self, member: Hashable) -> int:
        self[member] = number = len(self)
        return number


class Table:
    """Numbers equal values equally, densely from 0 in order of appearance, and leads back to them.

    Integers, strings and None stand for themselves in the dictionary; every other value stands
    there as a tuple that names its type, since Python holds 1, 1.0 and True for equal.
    """

    def __init__(self) -> None:
        self._numbers = _Numbers()
        self._originals: dict[int, Any] = {}
        self._items: list[Any] = []

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[Any]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, number: int) -> Any:
        if len(self._items) < len(self._numbers):
            self._items = list(self._numbers)
        return self._originals.get(number, self._items[number])

    def number(self, value: Any) -> int:
        """The number of a value, which is given one if it is new."""
        if type(value) in _PLAIN:
            return self._numbers[value]
        number = self._numbers[canonical(value)]
        self._originals.setdefault(number, value)
        return number

    def find(self, value: Any) -> int:
        """The number of a value, or `NOTHING` where it does not occur."""
        return self._numbers.get(canonical(value), NOTHING)

    def find_canonical(self, stand_in: Hashable) -> int:
        """The number of the value that `canonical` makes this of, or `NOTHING`."""
        return self._numbers.get(stand_in, NOTHING)

    def items(self, number: int) -> tuple[Hashable, ...]:
        """The canonical items of a value that is a list; none for null."""
        self[number]
        stand_in = self._items[number]
        return () if stand_in is None else stand_in[1:]

    def numbers(self, values: Sequence[Any]) -> Ints:
        """The numbers of many values, in order."""
        plain = set(map(type, values)) <= _PLAIN
        number = self._numbers.__getitem__ if plain else self.number
        return np.fromiter(map(number, values), np.int64, len(values))


def canonical(value: Any) -> Hashable:
    """A hashable stand-in for a JSON value: equal exactly where the values are."""
    if type(value) in _PLAIN:
        return value  # type: ignore[no-any-return]
    if isinstance(value, (list, tuple)):
        if _PLAIN.issuperset(map(type, value)):
            return ("list", *value)
        return ("list", *map(canonical, value))
    if isinstance(value, dict):
        return ("dict", *sorted((repr(name), canonical(item)) for name, item in value.items()))
    return (type(value).__name__, repr(value) if isinstance(value, float) else value)


def canonical_items(value: Sequence[Any] | None) -> tuple[Hashable, ...]:
    """The stand-ins of the items of a list; none for null."""
    return canonical(value or [])[1:]  # type: ignore[index, no-any-return]


@dataclass(frozen=True, eq=False)
class Columns:
    """One row an operation, in order of invocation; every column holds 64-bit integers.

    `key`, `function`, `expected`, `argument` and `result` are numbers of the tables of the same
    kind, `outcome` an index into `OUTCOMES`. `completed` and `completed_ns` are `NEVER` where
    the completion is not known.
    """

    process: Ints
    function: Ints
    key: Ints
    expected: Ints
    argument: Ints
    result: Ints
    outcome: Ints
    invoked: Ints
    completed: Ints
    invoked_ns: Ints
    completed_ns: Ints
    node: Ints
    error: Ints
    version: Ints
    keys: Table
    functions: Table
    values: Table
    words: Table

    def __len__(self) -> int:
        return len(self.key)

    @classmethod
    def of(cls, operations: Iterable[Operation]) -> "Columns":
        """The columns of a list of operations, put in order of invocation."""
        ordered = sorted(operations, key=lambda operation: operation.invoked)
        tables = keys, functions, values, words = Table(), Table(), Table(), Table()
        expected, argument = split_arguments(
            [operation.function for operation in ordered],
            [operation.argument for operation in ordered],
            values,
        )

        def column(name: str, table: Table | None = None, missing: int = NOTHING) -> Ints:
            items = [getattr(operation, name) for operation in ordered]
            if table is words:
                return np.array([missing if i is None else table.number(i) for i in items], int)
            if table is not None:
                return table.numbers(items)
            return np.array([missing if item is None else item for item in items], np.int64)

        return cls(
            process=column("process"),
            function=column("function", functions),
            key=column("key", keys),
            expected=expected,
            argument=argument,
            result=column("result", values),
            outcome=np.array([OUTCOMES.index(operation.outcome) for operation in ordered], int),
            invoked=column("invoked"),
            completed=column("completed", missing=NEVER),
            invoked_ns=column("invoked_ns"),
            completed_ns=column("completed_ns", missing=NEVER),
            node=column("node", words),
            error=column("error", words),
            version=column("version"),
            keys=tables[0],
            functions=tables[1],
            values=tables[2],
            words=tables[3],
        )

    def operations(self, rows: Iterable[int]) -> Iterator[Operation]:
        """The operations of these rows, as objects."""
        for row in rows:
            yield self.operation(int(row))

    def operation(self, row: int) -> Operation:
        """One row as an object."""
        argument = self.values[self.argument[row]]
        if self.expected[row] != NOTHING:
            argument = [self.values[self.expected[row]], argument]
        return Operation(
            process=int(self.process[row]),
            function=self.functions[self.function[row]],
            key=self.keys[self.key[row]],
            argument=argument,
            result=self.values[self.result[row]],
            outcome=OUTCOMES[self.outcome[row]],
            invoked=int(self.invoked[row]),
            completed=_known(self.completed[row]),
            invoked_ns=int(self.invoked_ns[row]),
            completed_ns=_known(self.completed_ns[row]),
            node=None if self.node[row] == NOTHING else self.words[self.node[row]],
            error=None if self.error[row] == NOTHING else self.words[self.error[row]],
            version=None if self.version[row] == NOTHING else int(self.version[row]),
        )

    def rows(self, chosen: Any) -> "Columns":
        """Some rows only, given by a mask or by their numbers, with the same tables."""
        columns = [f.name for f in fields(self) if f.name not in _TABLES]
        return replace(self, **{name: getattr(self, name)[chosen] for name in columns})

    def rows_of(self, key: int) -> Ints:
        """The rows of the key of that number."""
        return np.flatnonzero(self.key == key)


def _known(position: int) -> int | None:
    return None if position == NEVER else int(position)


def split_arguments(
    functions: Sequence[str], arguments: Sequence[Any], values: Table
) -> tuple[Ints, Ints]:
    """The columns `expected` and `argument`: a CAS's pair is taken apart, all else stays whole."""
    expected = np.full(len(functions), NOTHING, np.int64)
    whole = list(arguments)
    for row, function in enumerate(functions):
        if function == "cas":
            pair = arguments[row]
            if isinstance(pair, (list, tuple)) and len(pair) == 2:
                expected[row] = values.number(pair[0])
                whole[row] = pair[1]
    return expected, values.numbers(whole)
