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
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import NamedTuple

from checker.linearizability.search import breadth, depth_compiled, machine
from checker.linearizability.search.breadth import BreadthFirst, Crowded
from checker.linearizability.search.depth import DepthFirst
from checker.linearizability.search.depth_compiled import CompiledDepthFirst, StepTable
from checker.linearizability.search.limits import OVER, PROVES_NOTHING, LimitReached
from checker.linearizability.search.problem import Problem
from checker.linearizability.search.search import Found, Search, Tried
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

COMPILING_BYTES = 256 << 20
"""More than compiling takes: a limit of less memory is kept by plain Python."""

STALLED = 4
"""How many times shorter the turns are of an engine that came no farther in its last one."""

ENDLESS = 4
"""How many times shorter the turns of the front are where the states are not known to be few."""

LOOSE_ABOVE = 0.0
"""Which share of the most pending operations is a crowd whose operations are loose. At first all
are; each time that proves nothing, the share goes half of the way to 1."""

LEADING, FOLLOWING = 4.0, 0.5
"""How long the turns of the loose search by levels are while it leads, and how long those of the
exact one are while the loose one is the better of the two, beside others'."""

AGAIN = 0.5
"""How long the turns of the loose one are once it has found what proves nothing."""

LIKELIHOODS = {"early": 0.25, "late": 1.0}
"""How far into their intervals each of the two searches supposes that operations take effect. The
late one, by which those that end first come first, is sparing (`depth_ranking`), and leaves out
what loses answers until nothing else is left (`demands`)."""

SHARES = {"early": 0.5, "late": 1.5}
"""How long their turns are compared with those of others."""


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
            if not fast and turn == self._plain_turns() and (fast := self._may_compile()):
                engines, turn = self._engines(fast), 0
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

    def _share(self, engine: "_Engine") -> float:
        """How long the turn of an engine is compared with those of others."""
        patient = engine.patient(self._farthest.done)
        return engine.weight() / (STALLED if engine.stalled and not patient else 1)

    def _turn(self, engine: "_Engine", effort: float) -> Found:
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
        if self._memory < COMPILING_BYTES and not self._compiled():
            return False
        until = self._until
        few = self._few()
        beside = machine.may_compile(until, quick=False) if few else breadth.may_compile(until)
        return beside and depth_compiled.may_compile(until)

    def _engines(self, fast: bool) -> "list[_Engine]":
        """Those that take turns; all keep what they have while the others have theirs."""
        share = self._memory // 3
        given = _Given(self._problem, self._until, share, self._watch, self._with_order)
        if not fast or max(self._problem.widths) > BITS:
            return [_Depth(given), _Front(given, fast)]
        early = _CompiledDepth(given, "early")
        late = _CompiledDepth(given, "late", early)
        if self._few():
            return [early, late, _Front(given, fast)]
        exact = _ByLevels(early, 2 * share)
        exact.loosely = _Loosely(early, late, exact)
        return [early, late, exact, exact.loosely]


class _Given(NamedTuple):
    """What every engine is given. Its own tables take at most `memory` bytes, and `watch` tells
    when those of all take too much."""

    problem: Problem
    until: float
    memory: int
    watch: Watch
    with_order: bool


class _Engine(ABC):
    """One that takes turns: `reached` is the event that it came to in the last one."""

    name: str
    share = 1.0
    exact = True

    def __init__(self, given: _Given) -> None:
        self.given = given
        self.problem, self.until, self.memory, self.watch, self.with_order = given
        self.reached, self.stalled = 0, False
        self.spent = self.spent_then = 0.0
        """The effort of all its turns, and of those until it last came farther."""

    @property
    def lost(self) -> bool:
        """Whether it has come no farther for longer than it took to come that far."""
        return self.spent > 2 * self.spent_then

    def due(self) -> bool:
        """Whether it should have turns yet."""
        return True

    def patient(self, _farthest: int) -> bool:
        """Whether its turns stay as long where it comes no farther: a proof may come nearer.

        The farthest that an exact search came is that event.
        """
        return False

    def weight(self) -> float:
        """How long the next turn should be, compared with those of others."""
        return self.share

    @abstractmethod
    def turn(self, effort: float) -> Found:
        """Search for as long as that many steps of plain Python take."""


class _Depth(_Engine):
    """The search depth first, which goes on in each turn from where it was."""

    name = "depth first"
    search: DepthFirst | CompiledDepthFirst | None = None

    def begin(self) -> DepthFirst | CompiledDepthFirst:
        """The search at its beginning."""
        return DepthFirst(self.problem.fresh(), self.memory)

    def watched(self) -> DepthFirst | CompiledDepthFirst:
        """The same, with an eye on the memory of all."""
        search = self.begin()
        search.watch = self.watch
        return search

    def turn(self, effort: float) -> Found:
        problem, limit, verdict = self.problem, OVER, None
        events = len(problem.events)
        try:
            if self.search is None:
                self.search = self.watched()
            verdict = self.search.run(self.until, effort)
        except (LimitReached, MemoryError) as reached:
            limit = str(reached) or "memory limit"
        if self.search is None:
            return Found(None, 0, events, 0, limit)
        if verdict:
            found = self.search.order() if self.with_order else None
            order = None if found is None else tuple(problem.rows[op] for op in found)
            return Found(True, events, events, 0, order=order)
        event = self.search.stuck
        stuck = problem.rows[problem.events[event] >> 1]
        if limit != OVER:
            self.search = None  # Its memory is for the others.
        return Found(verdict, event, events, 0, limit, stuck)


class _CompiledDepth(_Depth):
    def __init__(self, given: _Given, likely: str, beside: "_CompiledDepth | None" = None) -> None:
        own = given.problem.fresh() if beside is None else beside.problem
        super().__init__(given._replace(problem=own))
        self._likely = LIKELIHOODS[likely]
        assert own.steps is not None
        labels = len(own.steps.labels)
        self.table: StepTable = StepTable(labels) if beside is None else beside.table
        self._sparing = self._demanding = likely == "late"
        self.name = f"depth first, {likely}, compiled"
        self.share = SHARES[likely]

    def begin(self) -> DepthFirst | CompiledDepthFirst:
        return CompiledDepthFirst(
            self.problem, self.memory, self._likely, self.table,
            sparing=self._sparing, demanding=self._demanding,
        )  # fmt: skip

    def turn(self, effort: float) -> Found:
        """Search for as long; where what is left would lose an answer, that is tried next time."""
        found = super().turn(effort)
        if found.limit == PROVES_NOTHING:
            self._demanding = False
            return replace(found, limit=OVER)
        return found


class _ByLevels(_Depth):
    name = "by levels, compiled"
    share = 2.0
    loosely: "_Loosely | None" = None
    """The loose search of the same problem, which may be the better one."""

    def __init__(self, beside: _CompiledDepth, memory: int) -> None:
        super().__init__(beside.given._replace(memory=memory))
        self._table = beside.table

    def weight(self) -> float:
        return FOLLOWING if self.loosely is not None and self.loosely.better else self.share

    def patient(self, farthest: int) -> bool:
        return self.reached >= farthest

    def begin(self) -> BreadthFirst:
        return BreadthFirst(self.problem, self.memory, self._table)


class _Loosely(_ByLevels):
    """The search by levels of a problem with more orders: where that has none, this has none."""

    name = "by levels, loosely, compiled"
    exact = False
    waits = False
    """Whether it has too many configurations of some moment, for now."""

    def __init__(self, early: _CompiledDepth, late: _CompiledDepth, exactly: _ByLevels) -> None:
        super().__init__(early, exactly.memory)
        self.with_order = False
        self._exactly = exactly
        self._others = early, late, exactly
        self._above = LOOSE_ABOVE

    def weight(self) -> float:
        if self._above > LOOSE_ABOVE:
            return AGAIN
        return LEADING if self.leads else self.share

    def patient(self, _farthest: int) -> bool:
        return True

    @property
    def leads(self) -> bool:
        """Whether there is likely to be no order: the exact search is lost, or one that is lost
        ended where another did, which is seldom the same end if there is one."""
        if self._above > LOOSE_ABOVE or self.waits or self._exact is None:
            return False
        last = [engine for engine in (*self._others, self) if engine.reached == self._farthest]
        return self._exact.lost or (len(last) > 1 and any(engine.lost for engine in last))

    @property
    def better(self) -> bool:
        """Whether it leads, or has come at least as far as the exact one."""
        if self._above > LOOSE_ABOVE or not self.spent:
            return False
        return self.leads or self.reached >= self._exactly.reached

    def begin(self) -> BreadthFirst:
        return BreadthFirst(self.problem, self.memory, self._table, loose_above=self._above)

    def due(self) -> bool:
        """Whether it may be better, or the one that came farthest is lost, or the exact one."""
        if not self.spent or self.better or self._exact is None or self._exact.lost:
            return True
        return any(other.lost for other in self._others if other.reached == self._farthest)

    @property
    def _farthest(self) -> int:
        return max(other.reached for other in self._others)

    @property
    def _exact(self) -> BreadthFirst | None:
        """The exact search; None where it is over."""
        search = self._exactly.search
        return search if isinstance(search, BreadthFirst) else None

    def turn(self, effort: float) -> Found:
        if isinstance(self.search, BreadthFirst):
            self.search.beside = self._exact
        try:
            found = super().turn(effort)
        except Crowded:
            self.waits = True
            return Found(None, self.reached, len(self.problem.events), 0, OVER)
        self.waits = False
        if not found.verdict:
            return found
        # What was found is no order unless nothing was loose. Fewer are next time.
        search, self.search = self.search, None
        self._above = (1 + self._above) / 2
        loose = isinstance(search, BreadthFirst) and search.loose
        return replace(found, verdict=None, limit=OVER if loose else PROVES_NOTHING)


class _Front(_Engine):
    """The front, which begins again in each turn."""

    def __init__(self, given: _Given, fast: bool) -> None:
        super().__init__(given)
        self._fast = fast
        assert given.problem.steps is not None
        self.share = 1.0 if given.problem.steps.explored else 1 / ENDLESS
        self.name = f"front{', compiled' * fast}"

    def turn(self, effort: float) -> Found:
        problem = self.problem.fresh()
        try:
            search = Search(problem, self.until, self.memory, self._fast, self.with_order)
            search.effort_most = effort
            return search.part(0)
        except (LimitReached, MemoryError):
            return Found(None, 0, len(problem.events), 0, "memory limit")
