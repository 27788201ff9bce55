"""Whether a history speaks of the kind of object that a model describes.

A queue's history judged as a register is neither valid nor invalid: it is a mistake of the one who
asked, and gets a sentence. A model may say what it knows in an optional attribute `functions`: for
each function what its argument and its result may be. A model without one is asked nothing.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from checker.columns import OK, Columns, Ints
from checker.history import MalformedHistory
from checker.models.model import Kind, Model


def fit(model: Model, columns: Columns) -> None:
    """Raise `MalformedHistory` where the model does not know an operation."""
    functions: dict[str, tuple[Kind, Kind]] | None = getattr(model, "functions", None)
    if functions is None:
        return
    for number, name in enumerate(columns.functions):
        if name not in functions:
            raise MalformedHistory(
                f"{name!r} is no operation of the model {model.name}, which knows "
                f"{', '.join(functions)}; choose the model that the history is of"
            )
        rows = columns.function == number
        argument, result = functions[name]
        if argument is Kind.PAIR:
            if (rows & (columns.expected < 0)).any():
                raise MalformedHistory(f"the argument of a {name} must be {Kind.PAIR}")
        elif argument is not Kind.ANYTHING:
            _demand(f"the argument of {name!r}", argument, columns, columns.argument[rows])
        if result is not Kind.ANYTHING:
            answers = columns.result[rows & (columns.outcome == OK)]
            _demand(f"the result of {name!r}", result, columns, answers)


def _demand(what: str, kind: Kind, columns: Columns, numbers: Ints) -> None:
    for number in np.unique(numbers).tolist():
        value = columns.values[number]
        if not _is(kind, value):
            raise MalformedHistory(f"{what} must be {kind}, not {value!r:.60}")


def _is(kind: Kind, value: Any) -> bool:
    match kind:
        case Kind.INTEGER:
            return type(value) is int
        case Kind.COUNT:
            return value is None or type(value) is int
        case Kind.LIST:
            return value is None or isinstance(value, list | tuple)
        case Kind.TRUTH:
            return isinstance(value, bool)
        case Kind.STEPS:
            return isinstance(value, list | tuple) and all(map(_is_step, value))
    return _OTHERS[kind](value)


def _is_versioned(value: Any) -> bool:
    if value is None:
        return True
    return _is_list(value, 2) and (value[0] is None or type(value[0]) is int)


def _is_priority(value: Any) -> bool:
    first = value[0] if _is_list(value, 2) else value
    return isinstance(first, int | float | str) and not isinstance(first, bool)


def _is_transfer(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and {"from", "to", "amount"} <= value.keys()
        and type(value["amount"]) is int
    )


def _is_balances(value: Any) -> bool:
    return value is None or (
        isinstance(value, dict) and all(type(balance) is int for balance in value.values())
    )


def _is_led(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, list | tuple) and len(value) >= 2 and type(value[1]) is int


def _is_lease(value: Any) -> bool:
    whole = isinstance(value, dict) and {"client", "now", "lease"} <= value.keys()
    return whole and type(value["now"]) is int and type(value["lease"]) is int


def _is_list(value: Any, length: int) -> bool:
    return isinstance(value, list | tuple) and len(value) == length


_OTHERS: dict[Kind, Callable[[Any], bool]] = {
    Kind.VERSIONED: _is_versioned,
    Kind.PRIORITY: _is_priority,
    Kind.TRANSFER: _is_transfer,
    Kind.BALANCES: _is_balances,
    Kind.ENTRIES: lambda value: isinstance(value, dict) or _is_list(value, 2),
    Kind.TRIPLE: lambda value: _is_list(value, 3),
    Kind.LED: _is_led,
    Kind.CLIENT: lambda value: isinstance(value, dict) and "client" in value,
    Kind.LEASE: _is_lease,
}


def _is_step(step: Any) -> bool:
    kinds = ("r", "w", "read", "write")
    return isinstance(step, list | tuple) and len(step) == 3 and step[0] in kinds
