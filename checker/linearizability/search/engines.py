"""The engines that take turns in a portfolio, and how long the turns of each should be.

Each proves its answer. All but the front go on in each turn from where they were in the last one;
the loose search can only find that there is no order.
"""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import NamedTuple

from checker.linearizability.search.breadth import BreadthFirst, Crowded
from checker.linearizability.search.depth import DepthFirst
from checker.linearizability.search.depth_compiled import CompiledDepthFirst, StepTable
from checker.linearizability.search.limits import OVER, PROVES_NOTHING, LimitReached
from checker.linearizability.search.problem import Problem
from checker.linearizability.search.search import Found, Search
from checker.memory import Watch

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


class Means(NamedTuple):
    """What every engine is given. Its own tables take at most `memory` bytes, and `watch` tells
    when those of all take too much."""

    problem: Problem
    until: float
    memory: int
    watch: Watch
    with_order: bool


class Engine(ABC):
    """One that takes turns: `reached` is the event that it came to in the last one."""

    name: str
    share = 1.0
    exact = True

    def __init__(self, given: Means) -> None:
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

        The argument is the farthest event that an exact search has come to.
        """
        return False

    def weight(self) -> float:
        """How long the next turn should be, compared with those of others."""
        return self.share

    @abstractmethod
    def turn(self, effort: float) -> Found:
        """Search for as long as that many steps of plain Python take."""


class DepthEngine(Engine):
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


class CompiledDepthEngine(DepthEngine):
    def __init__(
        self, given: Means, likely: str, beside: "CompiledDepthEngine | None" = None
    ) -> None:
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


class LevelsEngine(DepthEngine):
    name = "by levels, compiled"
    share = 2.0
    loosely: "LooseEngine | None" = None
    """The loose search of the same problem, which may be the better one."""

    def __init__(self, beside: CompiledDepthEngine, memory: int) -> None:
        super().__init__(beside.given._replace(memory=memory))
        self._table = beside.table

    def weight(self) -> float:
        return FOLLOWING if self.loosely is not None and self.loosely.better else self.share

    def patient(self, farthest: int) -> bool:
        return self.reached >= farthest

    def begin(self) -> BreadthFirst:
        return BreadthFirst(self.problem, self.memory, self._table)


class LooseEngine(LevelsEngine):
    """The search by levels of a problem with more orders: where that has none, this has none."""

    name = "by levels, loosely, compiled"
    exact = False
    waits = False
    """Whether it has too many configurations of some moment, for now."""

    def __init__(
        self, early: CompiledDepthEngine, late: CompiledDepthEngine, exactly: LevelsEngine
    ) -> None:
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
        """Whether it leads, or has come at least as far as the exact one, and is not over."""
        if self._above > LOOSE_ABOVE or self.search is None:
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


class FrontEngine(Engine):
    """The front, which begins again in each turn."""

    def __init__(self, given: Means, fast: bool) -> None:
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
