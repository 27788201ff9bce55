"""What an object is before the first operation, where the user says it.

A model that can begin in another way than it does has an attribute `start`. Keys may begin each in
their own way: those that begin alike are then judged together.
"""

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from checker.history import History
from checker.models.model import Model
from checker.verdict import NOTHING_KNOWN, Result


@dataclass(frozen=True)
class Beginning:
    """With what every key begins, or each of those in `by_key`, whose others begin as usual."""

    value: Any = None
    by_key: dict[str, Any] | None = None

    @classmethod
    def of(cls, value: Any, model: Model) -> "Beginning":
        """What the user's JSON says: an object says it of each key, unless objects are what the
        model begins with."""
        if isinstance(value, dict) and not getattr(model, "starts_with_object", False):
            return cls(by_key=value)
        return cls(value=value)


def begun(model: Model, value: Any) -> Model:
    """The same model with another beginning; raises `ValueError` where it cannot have that."""
    if not hasattr(model, "start"):
        raise ValueError(f"the model {model.name} always begins in the same way")
    other = copy.copy(model)
    try:
        other.start = value
        hash(other.initial())
        getattr(other, "behaves_as", None)
    except (TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"the model {model.name} cannot begin with {json.dumps(value)[:60]}: {error}"
        ) from error
    return other


def check_from(
    history: History, model: Model, beginning: Beginning, judge: Callable[[History, Model], Result]
) -> Result:
    """Judge a history whose keys begin so; `judge` judges one whose keys begin as the model does.

    Raises `ValueError` where a key is not in the history, or the model cannot begin so.
    """
    if beginning.by_key is None:
        return judge(history, begun(model, beginning.value))
    names = {_name(key): number for number, key in enumerate(history.columns.keys)}
    rest = set(names.values())
    models: list[tuple[set[int], Model]] = []
    for key, value in beginning.by_key.items():
        if key not in names:
            raise ValueError(
                f"no operation is on the key {key!r}; there are {_some(sorted(names))}"
            )
        models.append(({names[key]}, begun(model, value)))
        rest.discard(names[key])
    if rest:
        models.append((rest, model))
    return _worst([judge(_of_keys(history, keys), one) for keys, one in models])


def _name(key: Any) -> str:
    """How a key is written as the name of a field."""
    return key if isinstance(key, str) else json.dumps(key)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _of_keys(history: History, keys: set[int]) -> History:
    columns = history.columns
    rows = [row for row, key in enumerate(columns.key.tolist()) if key in keys]
    return History(columns.operations(rows), torn=history.torn, source=history.source)


def _worst(results: Sequence[Result]) -> Result:
    known = [result for result in results if result.reason != NOTHING_KNOWN]
    worst = max(known or results, key=lambda result: result.verdict)
    total = {
        name: sum(result.statistics.get(name, 0) for result in results)
        for name in ("operations", "keys", "seconds")
    }
    return replace(worst, statistics={**worst.statistics, **total})
