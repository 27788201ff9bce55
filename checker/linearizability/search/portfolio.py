"""Decides one problem by several engines in turn, each with a fair share of the time.

The search depth first finds an order quickly where there is one; the front proves quickly that
there is none where states are few. Which is quicker is not known beforehand, so they take turns,
each time for `GROWTH` times as long. The first that decides is right: each proves its answer.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

from checker.linearizability.search.depth import DepthFirst
from checker.linearizability.search.limits import LimitReached
from checker.linearizability.search.problem import Problem
from checker.linearizability.search.search import Found, Search, Tried

FIRST_S = 0.25
EACH_S = 20e-6
"""Seconds of the first turn, and those that each operation adds."""

GROWTH = 4
"""How many times longer each turn is than the one before."""

DEPTH, FRONT = "depth first", "front"


def decide(problem: Problem, until: float, memory_bytes: int, *, with_order: bool = False) -> Found:
    """Whether the operations of a problem of one part, of any model, have an order.

    `until` is the moment of `time.monotonic` at which to give up.
    """
    return _Portfolio(problem, until, memory_bytes, with_order).decide()


class _Portfolio:
    def __init__(self, problem: Problem, until: float, memory_bytes: int, with_order: bool) -> None:
        self._problem = problem
        self._with_order = with_order
        self._until = until
        # Each may use half of it, since one keeps what it has while the other has its turn.
        self._memory = memory_bytes // 2
        self._depth: DepthFirst | None = None
        self._tried: list[Tried] = []
        self._undecided = Found(None, 0, len(problem.events), 0, "time limit")

    def decide(self) -> Found:
        """Give the engines their turns until one of them decides."""
        engines = [DEPTH, FRONT]
        for seconds in _turns(len(self._problem.labels)):
            for engine in tuple(engines):
                began = time.monotonic()
                stop = min(self._until, began + seconds)
                found = self._by_depth(stop) if engine == DEPTH else self._by_front(stop)
                ended = {True: "found an order", False: "found that there is none"}
                how = found.limit if found.verdict is None else ended[found.verdict]
                self._tried.append(Tried(engine, time.monotonic() - began, how))
                if found.verdict is not None:
                    return replace(found, tried=tuple(self._tried))
                if found.done >= self._undecided.done:
                    self._undecided = found
                if found.limit != "time limit":
                    engines.remove(engine)
            if not engines or time.monotonic() >= self._until:
                return replace(self._undecided, tried=tuple(self._tried))
        raise AssertionError("turns go on for ever")

    def _by_depth(self, stop: float) -> Found:
        events = len(self._problem.events)
        try:
            if self._depth is None:
                self._depth = DepthFirst(self._problem.fresh(), self._memory)
            verdict, limit = self._depth.run(stop), "time limit"
        except (LimitReached, MemoryError) as reached:
            verdict, limit = None, str(reached) or "memory limit"
        depth = self._depth
        if depth is None:
            return Found(None, 0, events, 0, limit)
        rows, event = self._problem.rows, depth.stuck
        if verdict:
            order = tuple(rows[op] for op in depth.order()) if self._with_order else None
            return Found(True, events, events, 0, order=order)
        stuck = rows[self._problem.events[event] >> 1]
        return Found(verdict, event, events, 0, limit, stuck)

    def _by_front(self, stop: float) -> Found:
        try:
            return Search(self._problem.fresh(), stop, self._memory).part(0)
        except MemoryError:
            return Found(None, 0, len(self._problem.events), 0, "memory limit")


def _turns(operations: int) -> Iterator[float]:
    """How long each turn takes, in seconds."""
    seconds = FIRST_S + EACH_S * operations
    while True:
        yield seconds
        seconds *= GROWTH
