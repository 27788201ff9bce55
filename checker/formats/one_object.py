"""Takes keys for names within one object, as the model `kv-map` does."""

from dataclasses import replace
from typing import Any

from checker.history import History
from checker.operation import Operation


def as_one_object(history: History) -> History:
    """The same history without keys: every call says in its argument of which key it is."""
    if not any(key is not None for key in history.columns.keys):
        return history
    return History(
        map(_whole, history.operations), history.faults, history.phases, history.cut,
        source=history.source,
    )  # fmt: skip


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
