"""Many small locks, queues and sets whose values repeat, for the benchmark of the checker."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from benchmarks.checker_columns import in_order
from benchmarks.checker_repeated import VALUES, busy
from checker.history import History
from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.operation import Operation, Outcome
from checker.verdict import Verdict

CLIENTS = 3
"""How many call each object; every one is busy all the time."""

LOST = 0.01
"""The share of updates that were never answered."""

Call: TypeAlias = tuple[str, Any, Any]
"""A function, its argument, and its result."""


@dataclass(frozen=True)
class Kind:
    """`begin` makes an empty object; `call` does something with it, by a die and a value."""

    model: str
    begin: Callable[[], Any]
    call: Callable[[Any, float, int], Call]


def _lock(lock: list[str], die: float, value: int) -> Call:
    if lock:
        lock.clear()
        return "release", None, None
    lock.append("held")
    return "acquire", None, None


def _queue(queue: deque[int], die: float, value: int) -> Call:
    if die < 0.5:
        queue.append(value)
        return "enqueue", value, None
    return "dequeue", None, queue.popleft() if queue else None


def _set(elements: set[int], die: float, value: int) -> Call:
    if die < 0.3:
        elements.add(value)
        return "add", value, None
    if die < 0.6:
        elements.discard(value)
        return "remove", value, None
    return "contains", value, value in elements


LOCK = Kind("mutex", list, _lock)
QUEUE = Kind("queue", deque, _queue)
SET = Kind("set", set, _set)


def objects(kind: Kind, keys: int, each: int) -> tuple[str, History]:
    """The model, and a linearizable history of that many objects, `each` operations on average."""
    random = np.random.default_rng(4)
    count = keys * each
    effect = np.sort(random.random(count)) * each
    client = random.integers(0, keys * CLIENTS, count)
    begin, end = busy(random, effect, client, CLIENTS)
    dice, values = random.random(count).tolist(), random.integers(1, VALUES + 1, count).tolist()
    standing = [kind.begin() for _ in range(keys)]
    key = (client // CLIENTS).tolist()
    calls = [kind.call(standing[k], *drawn) for k, *drawn in zip(key, dice, values, strict=True)]
    lost = (random.random(count) < LOST).tolist()
    order, invoked, completed = in_order(begin, end)
    operations = []
    for row, called, answered in zip(
        order.tolist(), invoked.tolist(), completed.tolist(), strict=True
    ):
        function, argument, result = calls[row]
        gone = lost[row] and result is None and function not in ("dequeue", "contains")
        operations.append(
            Operation(
                int(client[row]), function, f"key-{key[row]}", argument, result,
                Outcome.INFO if gone else Outcome.OK, called, None if gone else answered,
                called, None if gone else answered,
            )
        )  # fmt: skip
    history = History(operations)
    return kind.model, History(columns=history.columns)


def judge_objects(given: tuple[str, History]) -> int:
    """Judge it, insist that it is valid, and return its operations."""
    model, history = given
    result = check(history, MODELS[model](), time_limit_s=300)
    assert result.verdict is Verdict.VALID, result
    return len(history)
