"""What Maelstrom's programs promise for the end alone: sets and counters that all nodes agree on.

There is one object. While faults go on, a node may answer with less than all; once they are healed
every node is read until it shows what was acknowledged, and convicted if it never does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from checker.eventual import judge_counter, judge_set, possible_sums
from checker.models.catalogue import MODELS
from workloads.workload import Call, Calls, Shape, Workload

KEY = "all"


class EventualCalls(Calls):
    """Changes and reads of the one object there is."""

    options = frozenset({"reads"})

    def __init__(self, random: Random, shape: Shape) -> None:
        super().__init__(random, shape)
        self.sure: list[Any] = []
        self.doubted: list[Any] = []
        """What was added certainly, and what perhaps."""

    def next(self) -> Call:
        if self.random.randrange(100) < self.shape.reads:
            return Call("read", KEY, pure=True)
        call = self.change()
        self.doubted.append(call.argument)
        return call

    def change(self) -> Call:
        raise NotImplementedError

    def saw(self, call: Call, result: Any) -> None:
        if not call.pure:
            self.doubted.remove(call.argument)
            self.sure.append(call.argument)

    def refused(self, call: Call) -> None:
        if not call.pure:
            self.doubted.remove(call.argument)

    def final(self) -> Iterator[Call]:
        yield Call("read", KEY, pure=True)


class MessageCalls(EventualCalls):
    """Adds elements: the numbers from 1 on."""

    def __init__(self, adds: str, random: Random, shape: Shape) -> None:
        super().__init__(random, shape)
        self._adds = adds
        self._last = 0

    def change(self) -> Call:
        self._last += 1
        return Call(self._adds, KEY, self._last)

    def settled(self, results: Sequence[Any]) -> bool:
        sure = {*map(repr, self.sure)}
        return all(sure <= {*map(repr, one if isinstance(one, list) else ())} for one in results)


class SumCalls(EventualCalls):
    """Adds amounts from `least` to 5."""

    def __init__(self, least: int, random: Random, shape: Shape) -> None:
        super().__init__(random, shape)
        self._least = least

    def change(self) -> Call:
        return Call("increase", KEY, self.random.randint(self._least, 5))

    def settled(self, results: Sequence[Any]) -> bool:
        sums = possible_sums(sum(self.sure), self.doubted)
        return all(result in sums for result in results)


BROADCAST = Workload(
    name="broadcast",
    about="send messages to all nodes; in the end each node shows every one that was acknowledged",
    functions=("broadcast", "read"),
    calls=partial(MessageCalls, "broadcast"),
    model=MODELS["set"],
    at_the_end=partial(judge_set, adds="broadcast"),
)
G_SET = replace(
    BROADCAST,
    name="g-set",
    about="add to a set; in the end each node shows every element that was acknowledged",
    functions=("add", "read"),
    calls=partial(MessageCalls, "add"),
    at_the_end=partial(judge_set, adds="add"),
)
G_COUNTER = Workload(
    name="g-counter",
    about="add to a counter; in the end each node shows the sum",
    functions=("increase", "read"),
    calls=partial(SumCalls, 0),
    model=MODELS["counter"],
    at_the_end=judge_counter,
)
PN_COUNTER = replace(
    G_COUNTER,
    name="pn-counter",
    about="add to a counter and subtract from it; in the end each node shows the sum",
    calls=partial(SumCalls, -5),
)
