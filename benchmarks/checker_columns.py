"""Histories of registers in columns, from what was drawn of each operation."""

from typing import Any, NamedTuple

import numpy as np

from checker.columns import INFO, NEVER, NOTHING, OK, Columns, Table

READ, WRITE, CAS = range(3)


class Drawn(NamedTuple):
    """Operations in order of invocation. Values are numbers, 0 is null; `lost` never ended."""

    kind: Any
    key: Any
    expected: Any
    argument: Any
    result: Any
    lost: Any


def in_order(begin: Any, end: Any) -> tuple[Any, Any, Any]:
    """The order of invocation, and in that order the positions of invocations and completions."""
    count = len(begin)
    position = np.empty(2 * count, np.int64)
    position[np.argsort(np.concatenate([begin, end]))] = np.arange(2, 2 * count + 2)
    order = np.argsort(begin)
    return order, position[:count][order], position[count:][order]


def columns_of(
    drawn: Drawn, invoked: Any, completed: Any, *, clients: int, keys: int, values: int
) -> Columns:
    """The columns of a history; its values are numbers up to `values`."""
    count = len(drawn.kind)
    table, names, functions = Table(), Table(), Table()
    table.numbers([None, *range(1, values + 1)])
    names.numbers([f"key-{number}" for number in range(keys)])
    functions.numbers(["read", "write", "cas"])
    none = np.broadcast_to(np.int64(NOTHING), count)
    return Columns(
        process=np.arange(count) % clients,
        function=drawn.kind,
        key=drawn.key,
        expected=np.where(drawn.kind == CAS, drawn.expected, NOTHING),
        argument=np.where(drawn.kind == READ, 0, drawn.argument),
        result=np.where(drawn.kind == WRITE, 0, drawn.result),
        outcome=np.where(drawn.lost, INFO, OK),
        invoked=invoked,
        completed=np.where(drawn.lost, NEVER, completed),
        invoked_ns=invoked,
        completed_ns=completed,
        node=none, error=none, version=none,
        keys=names, functions=functions, values=table, words=Table(),
    )  # fmt: skip
