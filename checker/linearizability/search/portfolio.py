"""Decides one problem by several engines in turn, each with a fair share of the time.

The search depth first finds an order quickly where there is one; the front proves quickly that
there is none where states are few. Which is quicker is not known beforehand, so they take turns,
each time for `GROWTH` times as long, or less where one does not get on. The first that decides is
right: each proves its answer.

The first turns are made by plain Python. What takes longer than these is searched by the compiled
loops, once these are loaded or may be: then there are two searches depth first, since an order that
one of them misses for long is often found at once by the other, and one of them at first leaves out
what loses a later answer (`demands`). Where the states are not known to be few, the search by
levels (`breadth`) has the turns of the front, exactly and loosely.
"""

import time
from dataclasses import replace

from checker.linearizability.search import breadth, depth_compiled, machine
from checker.linearizability.search.engines import (
    CompiledDepthEngine,
    DepthEngine,
    Engine,
    FrontEngine,
    LevelsEngine,
    LooseEngine,
    Means,
)
from checker.linearizability.search.limits import OVER
from checker.linearizability.search.problem import Problem
from checker.linearizability.search.search import Found, Tried
from checker.linearizability.search.window import BITS
from checker.memory import Watch

FIRST = 6_000
EACH = 2
"""Steps of plain Python that the first turns are worth, and those that each operation adds: some
hundredths of a second."""

GROWTH = 1.5
"""How many times longer each turn is than the one before."""

PLAIN, UNCOMPILED = 2, 3
"""Turns that plain Python has where the compiled loops are not loaded yet, and how many more it has
where they would have to be compiled, which takes some ten seconds."""

COMPILING_BYTES, LOADING_BYTES = 256 << 20, 96 << 20
"""More than compiling takes, and about what loading does: a limit of less memory is kept by plain
Python, unless the loops are loaded already. Where they could only be loaded, the search ends after
its turns of plain Python, and the caller may try again with more memory."""

STALLED = 4
"""How many times shorter the turns are of an engine that came no farther in its last one."""


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
        self._memory = memory_bytes
        self._watch = Watch(memory_bytes)
        self._tried: dict[str, Tried] = {}
        self._farthest = Found(None, 0, len(problem.events), 0, "time limit")

    def decide(self) -> Found:
        """Give the engines their turns until one of them decides."""
        enough = machine.LOADED_FROM if self._loaded() else machine.COMPILED_FROM
        fast = self._problem.count >= enough and self._may_compile()
        engines, turn = self._engines(fast), 0
        while engines:
            if not fast and turn == self._plain_turns():
                if fast := self._may_compile():
                    engines, turn = self._engines(fast), 0
                elif self._memory < LOADING_BYTES and self._compiled():
                    return self._given_up("memory limit")
            effort = (FIRST + EACH * self._problem.count) * GROWTH**turn
            for engine in tuple(engines):
                if not engine.due():
                    continue
                found = self._turn(engine, self._share(engine) * effort)
                if found.verdict is not None:
                    return replace(found, tried=tuple(self._tried.values()))
                if time.monotonic() >= self._until:
                    return self._given_up("time limit")
                if found.limit != OVER:
                    engines.remove(engine)
            turn += 1
        return self._given_up("memory limit")

    def _share(self, engine: Engine) -> float:
        """How long the turn of an engine is compared with those of others."""
        patient = engine.patient(self._farthest.done)
        return engine.weight() / (STALLED if engine.stalled and not patient else 1)

    def _turn(self, engine: Engine, effort: float) -> Found:
        began = time.monotonic()
        found = engine.turn(effort)
        before = self._tried.pop(engine.name, None)
        seconds = time.monotonic() - began + (before.seconds if before else 0.0)
        endings = {None: found.limit, True: "found an order", False: "found that there is none"}
        self._tried[engine.name] = Tried(engine.name, seconds, endings[found.verdict])
        engine.spent += effort
        engine.stalled, engine.reached = found.done <= engine.reached, found.done
        if not engine.stalled:
            engine.spent_then = engine.spent
        if found.verdict is None and engine.exact and found.done >= self._farthest.done:
            self._farthest = found
        return found

    def _given_up(self, limit: str) -> Found:
        return replace(self._farthest, limit=limit, tried=tuple(self._tried.values()))

    def _plain_turns(self) -> int:
        return PLAIN if self._compiled() else PLAIN + UNCOMPILED

    def _few(self) -> bool:
        """Whether the front is searched, rather than by levels."""
        steps = self._problem.steps
        assert steps is not None
        return steps.explored or max(self._problem.widths) > BITS

    def _compiled(self) -> bool:
        """Whether the loops were compiled before, so that they need only be loaded."""
        beside = machine.on_disk() if self._few() else breadth.on_disk()
        return self._loaded() or (beside and depth_compiled.on_disk())

    def _loaded(self) -> bool:
        beside = machine if self._few() else breadth
        return beside.loaded() and depth_compiled.loaded()

    def _may_compile(self) -> bool:
        if self._loaded():
            return True
        if self._memory < (LOADING_BYTES if self._compiled() else COMPILING_BYTES):
            return False
        until = self._until
        few = self._few()
        beside = machine.may_compile(until, quick=False) if few else breadth.may_compile(until)
        return beside and depth_compiled.may_compile(until)

    def _engines(self, fast: bool) -> list[Engine]:
        """Those that take turns; all keep what they have while the others have theirs."""
        share = self._memory // 3
        given = Means(self._problem, self._until, share, self._watch, self._with_order)
        if not fast or max(self._problem.widths) > BITS:
            return [DepthEngine(given), FrontEngine(given, fast)]
        early = CompiledDepthEngine(given, "early")
        late = CompiledDepthEngine(given, "late", early)
        if self._few():
            return [early, late, FrontEngine(given, fast)]
        exact = LevelsEngine(early, 2 * share)
        exact.loosely = LooseEngine(early, late, exact)
        return [early, late, exact, exact.loosely]
