"""What one operation of a register says: what it saw and wrote, where it began and ended."""

from typing import Any

from checker.columns import NEVER, canonical
from checker.operation import Operation, Outcome

BEFORE_ALL = -NEVER
"""The position at which the initial value was written."""


class Ambiguous(Exception):
    """A value that was seen was written twice, so it does not say which write it came from."""


class Unsupported(Exception):
    """An operation is not a read, write or compare-and-set of a pair."""


NOT = object()
"""Stands for "saw nothing" and "wrote nothing"."""


def saw_and_wrote(operation: Operation) -> tuple[Any, Any]:
    """The value that an operation saw and the one that it wrote, or `NOT`.

    A completed compare-and-set that found another value than it expected only saw that value.
    """
    happened = operation.outcome is not Outcome.FAIL
    ok = operation.outcome is Outcome.OK
    match operation.function:
        case "read":
            return (operation.result if ok else NOT), NOT
        case "write":
            return NOT, (operation.argument if happened else NOT)
        case "cas":
            pair = operation.argument
            if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                raise Unsupported(f"the argument of a cas must be a pair, not {pair!r}")
            if not happened:
                return NOT, NOT
            if ok and canonical(operation.result) != canonical(pair[0]):
                return operation.result, NOT
            return pair[0], pair[1]
    raise Unsupported(f"{operation.function!r} is not an operation of a register")


def ended(operation: Operation | None) -> int:
    """Where it ended in the log; later than all else if it never did."""
    if operation is None:
        return BEFORE_ALL
    return NEVER if operation.completed is None else operation.completed


def began(operation: Operation | None) -> int:
    """Where it began in the log."""
    return BEFORE_ALL if operation is None else operation.invoked
