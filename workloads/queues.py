"""Queues: distinct values are put in and taken out, and what is left is taken out in the end."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from checker.models.catalogue import MODELS
from workloads.keys import KEYS, KeyedCalls
from workloads.workload import Call, Shape, Workload

SPARE = 3
"""How many more values are taken out in the end than seem to be left: some went in unanswered."""


class QueueCalls(KeyedCalls):
    options = KEYS

    def __init__(self, random: Random, shape: Shape) -> None:
        super().__init__(random, shape)
        self._left: dict[str, int] = {}

    def next(self) -> Call:
        key = self.next_key()
        if self.random.random() < 0.5:
            return Call("enqueue", key, self.numbers.fresh(key))
        return Call("dequeue", key)

    def saw(self, call: Call, result: Any) -> None:
        took = -1 if call.function == "dequeue" and result is not None else 0
        change = 1 if call.function == "enqueue" else took
        self._left[call.key] = self._left.get(call.key, 0) + change

    def final(self) -> Iterator[Call]:
        """Drain the queues."""
        for key in self.youngest():
            for _ in range(max(0, self._left.get(key, 0)) + SPARE):
                yield Call("dequeue", key)


QUEUE = Workload(
    name="queue",
    about="put values into queues and take them out: first in, first out",
    calls=QueueCalls,
    model=MODELS["queue"],
)
BAG = replace(
    QUEUE,
    name="bag",
    about="put values into bags and take any of them out",
    model=MODELS["unordered-queue"],
)
