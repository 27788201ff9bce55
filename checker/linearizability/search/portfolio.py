"""Decides one problem by several engines in turn, each with a fair share of the time.

The search depth first finds an order quickly where there is one; the front proves quickly that
there is none where states are few. Which is quicker is not known beforehand, so they take turns,
each time for `GROWTH` times as long. The first that decides is right: each proves its answer.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

from checker.linearizability.search.depth import DepthFirst
from checker.linearizability.search.limits import OVER, LimitReached
from checker.linearizability.search.problem import Problem
from checker.linearizability.search.search import Found, Search, Tried

FIRST = 30_000
EACH = 15
"""Steps of the first turn, and those that each operation adds: a few tenths of a second."""

GROWTH = 4
"""How many times longer each turn is than the one before."""

UNEXPLORED = 4
"""How many times less a turn of the front is, where there are too many states to know them all."""

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
        self._farthest = Found(None, 0, len(problem.events), 0, "time limit")

    def decide(self) -> Found:
        """Give the engines their turns until one of them decides."""
        engines = {DEPTH: self._by_depth, FRONT: self._by_front}
        for steps in _turns(self._problem.count):
            for engine in tuple(engines):
                began = time.monotonic()
                found = engines[engine](steps)
                self._note(engine, time.monotonic() - began, found)
                if found.verdict is not None:
                    return replace(found, tried=tuple(self._tried))
                if found.done >= self._farthest.done:
                    self._farthest = found
                if time.monotonic() >= self._until:
                    return self._given_up("time limit")
                if found.limit != OVER:
                    del engines[engine]
            if not engines:
                break
        return self._given_up("memory limit")

    def _given_up(self, limit: str) -> Found:
        return replace(self._farthest, limit=limit, tried=tuple(self._tried))

    def _note(self, engine: str, seconds: float, found: Found) -> None:
        endings = {None: found.limit, True: "found an order", False: "found that there is none"}
        self._tried.append(Tried(engine, seconds, endings[found.verdict]))

    def _by_depth(self, steps: float) -> Found:
        problem, limit = self._problem, OVER
        verdict = None
        try:
            if self._depth is None:
                self._depth = DepthFirst(problem.fresh(), self._memory)
            verdict = self._depth.run(self._until, steps)
        except (LimitReached, MemoryError) as reached:
            limit = str(reached) or "memory limit"
        events = len(problem.events)
        if self._depth is None:
            return Found(None, 0, events, 0, limit)
        if verdict:
            found = self._depth.order() if self._with_order else None
            order = None if found is None else tuple(problem.rows[op] for op in found)
            return Found(True, events, events, 0, order=order)
        event = self._depth.stuck
        stuck = problem.rows[problem.events[event] >> 1]
        return Found(verdict, event, events, 0, limit, stuck)

    def _by_front(self, steps: float) -> Found:
        try:
            search = Search(self._problem.fresh(), self._until, self._memory, log=self._with_order)
            explored = self._problem.steps is not None and self._problem.steps.explored
            search.steps_most = steps if explored else steps / UNEXPLORED
            return search.part(0)
        except (LimitReached, MemoryError):
            return Found(None, 0, len(self._problem.events), 0, "memory limit")


def _turns(operations: int) -> Iterator[float]:
    """How many steps each turn has."""
    steps = FIRST + EACH * operations
    while True:
        yield steps
        steps *= GROWTH
