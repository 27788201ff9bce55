"""The search by levels, compiled: the driver of `breadth_loop`."""

from functools import cache
from typing import Any

import numpy as np

from checker.linearizability.search import (
    breadth_loop,
    breadth_memory,
    depth_compiled,
    depth_loop,
    depth_memory,
    window,
)
from checker.linearizability.search.breadth_memory import Levels
from checker.linearizability.search.compiling import compiled, compiled_before, in_time
from checker.linearizability.search.depth import LIKELY
from checker.linearizability.search.depth_compiled import CompiledDepthFirst, StepTable
from checker.linearizability.search.limits import PROVES_NOTHING, LimitReached
from checker.linearizability.search.problem import Problem

RUN = (
    *depth_compiled.STEP, "settle", "hash_of", "push", "pop", "join", "covered", "enter", "surely",
    "score_of", "prepare", "expand", "wake", "turn", "search_levels", "run_levels",
)  # fmt: skip
MODULES = window, depth_memory, depth_loop, breadth_memory, breadth_loop

COMPILING_S = 8.0
"""Seconds of a processor that compiling for the first time may take."""

MOST_LOOSE = 1 << 17
"""Configurations of one moment at which a search with loose operations gives up."""

MOST_TIMES, FEW_LOOSE = 4, 32_768
"""How many times as many it may have as the search without loose operations, and how many it may
have in any case."""

LOST_AT = 6
"""Dead ends without progress after which a search is lost: it goes back by 64 ends, and more."""

LOOSE_BUDGET = 10_000
"""Steps between two looks at that."""


@cache
def _compiled() -> dict[str, Any]:
    return {
        functions[-1]: compiled(functions, *MODULES, apart=("ask",))[functions[-1]]
        for functions in (RUN, ("traced",))
    }


def loaded() -> bool:
    """Whether this process has the compiled functions already."""
    return bool(_compiled.cache_info().currsize)


def on_disk() -> bool:
    """Whether the functions were compiled before, so that they need only be loaded."""
    return compiled_before(breadth_loop)


def may_compile(until: float) -> bool:
    """Whether that can be done, or loaded, well before the time limit."""
    return in_time(until, COMPILING_S, breadth_loop)


class Crowded(Exception):
    """A search with loose operations has too many configurations of some moment, for now."""


class BreadthFirst(CompiledDepthFirst):
    """Searches a problem as `CompiledDepthFirst` does, but level by level.

    It keeps all configurations, and gives up where the memory does not suffice for them.
    """

    asked_most = 1_024
    pace = 8  # Each step looks at more of the memory.

    beside: "BreadthFirst | None" = None
    """The search without loose operations: with `MOST_TIMES` as many configurations of a moment as
    that has so far, `run` raises `Crowded`, and may be called again later."""

    def __init__(
        self,
        problem: Problem,
        memory_bytes: int,
        table: StepTable | None = None,
        *,
        loose_above: float = 1.0,
    ) -> None:
        """Loose are the operations of moments at which more are pending than that share of the most
        that ever are. Where they make too many configurations, `run` raises `LimitReached`."""
        super().__init__(problem, memory_bytes, LIKELY, table)
        count = len(self.memory.ends)
        if 8 * breadth_memory.SCORES * count > memory_bytes // 4:
            raise LimitReached("memory limit")
        self._levels = Levels(
            now=np.zeros(breadth_memory.NOW, np.int64),
            nodes=np.zeros(self._room() * breadth_memory.NODE, np.int64),
            firsts=np.full(breadth_memory.SCORES * count, -1, np.int64),
            lasts=np.full(breadth_memory.SCORES * count, -1, np.int64),
            left=np.zeros(count, np.int64),
            entered=np.zeros(count, np.int64),
            loose=self._loosened(loose_above),
        )
        self._levels.now[breadth_memory.WAITING] = depth_memory.NOTHING
        self.loose = bool(self._levels.loose.any())
        """Whether an order that is found says nothing: that there is none says it all the same."""

        if self.loose:
            self.steps_share *= 2  # It meets states that no order leads to; others share the table.

    def _loosened(self, above: float) -> Any:
        """At each end the bits of the loose operations."""
        memory = self.memory
        count = len(memory.ends)
        end = np.repeat(np.arange(count), np.diff(memory.window_at))
        bits = memory.bits[memory.window]
        owed = (bits & memory.born_free[end]) == 0
        crowds = np.bincount(end[owed], minlength=count)
        crowded = crowds > above * crowds.max(initial=0)
        loose = np.zeros(len(memory.bits), np.bool_)
        loose[memory.window[owed & crowded[end]]] = True
        found = np.zeros(count, np.int64)
        np.bitwise_or.at(found, end, np.where(loose[memory.window], bits, 0))
        return found

    def _room(self) -> int:
        return len(self.memory.cache) // depth_memory.ENTRY

    def _go_on(self, budget: int) -> int:
        if self.loose:
            self._look_at_crowds()
            budget = min(budget, LOOSE_BUDGET)
        return int(_compiled()["run_levels"](self.memory, self._levels, budget))

    @property
    def entered(self) -> Any:
        """How many configurations there were before each end so far."""
        return self._levels.entered

    @property
    def lost(self) -> bool:
        """Whether it has come no farther for long, and looks for another way far back."""
        return bool(self._levels.now[breadth_memory.BACK] >= LOST_AT)

    def _look_at_crowds(self) -> None:
        if self.entered.max() > MOST_LOOSE:
            raise LimitReached(PROVES_NOTHING)
        if self.beside is not None:
            most = np.maximum(MOST_TIMES * self.beside.entered, FEW_LOOSE)
            if (self.entered > most).any():
                raise Crowded

    def order(self) -> list[int]:
        """The order that was found, as operations of the problem, once `run` says that there is."""
        _compiled()["traced"](self.memory, self._levels)
        return super().order()

    def _cache_is_full(self) -> bool:
        after = breadth_loop.MOST_AFTER
        return int(self.memory.reg[depth_memory.CACHED]) >= self._room() - after

    def _more_cache(self) -> None:
        taken = self.memory.cache.nbytes + self._levels.nodes.nbytes + self.memory.heads.nbytes
        if 3 * taken > self._bytes or not self.watch.allows(2 * taken):
            raise LimitReached("memory limit")
        self._double_cache()
        nodes = depth_compiled.longer(self._levels.nodes, self._room() * breadth_memory.NODE)
        self._levels = self._levels._replace(nodes=nodes)
