"""Takes keys for names within one object, as the model `kv-map` does."""

from dataclasses import replace
from typing import Any

from checker.history import History
from checker.operation import Operation


def as_one_object(history: History) -> History:
    """The same history without keys: every call says in its argument of which key it is.

    Where calls say so already, keys are those of several such objects, and stay.
    """
    if not any(key is not None for key in history.columns.keys):
        return history
    if any(_says_key(o) for o in history.operations):
        return history
    return History(
        map(_whole, history.operations), history.faults, history.phases, history.torn,
        source=history.source,
    )  # fmt: skip


def _says_key(o: Operation) -> bool:
    argument = o.argument
    if o.function == "write":
        return isinstance(argument, dict) or (isinstance(argument, list) and len(argument) == 2)
    if o.function == "cas":
        return isinstance(argument, list) and len(argument) == 3
    return argument is not None


def _whole(o: Operation) -> Operation:
    if o.key is None:
        return o
    argument: Any = o.argument
    if o.function in ("read", "delete"):
        argument = o.key
    elif o.function == "cas" and isinstance(argument, list | tuple):
        argument = [o.key, *argument]
    else:
        argument = [o.key, argument]
    return replace(o, key=None, argument=argument)
