"""The search by levels, compiled: the driver of `breadth_loop`."""

from functools import cache
from typing import Any

import numpy as np

from checker.linearizability.search import (
    breadth_loop,
    depth_compiled,
    depth_loop,
    depth_memory,
    window,
)
from checker.linearizability.search.breadth_loop import Levels
from checker.linearizability.search.compiling import compiled, compiled_before, in_time
from checker.linearizability.search.depth import LIKELY
from checker.linearizability.search.depth_compiled import CompiledDepthFirst, StepTable
from checker.linearizability.search.limits import LimitReached
from checker.linearizability.search.problem import Problem

RUN = (
    *depth_compiled.STEP, "settle", "hash_of", "push", "pop", "covered", "enter", "surely",
    "score_of", "prepare", "expand", "wake", "turn", "search_levels", "run_levels",
)  # fmt: skip
MODULES = window, depth_memory, depth_loop, breadth_loop

COMPILING_S = 8.0
"""Seconds of a processor that compiling for the first time may take."""


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


class BreadthFirst(CompiledDepthFirst):
    """Searches a problem as `CompiledDepthFirst` does, but level by level.

    It keeps all configurations, and gives up where the memory does not suffice for them.
    """

    asked_most = 1_024

    def __init__(self, problem: Problem, memory_bytes: int, table: StepTable | None = None) -> None:
        super().__init__(problem, memory_bytes, LIKELY, table)
        count = len(self.memory.ends)
        if 8 * breadth_loop.SCORES * count > memory_bytes // 4:
            raise LimitReached("memory limit")
        self._levels = Levels(
            now=np.zeros(breadth_loop.NOW, np.int64),
            nodes=np.zeros(self._room() * breadth_loop.NODE, np.int64),
            firsts=np.full(breadth_loop.SCORES * count, -1, np.int64),
            lasts=np.full(breadth_loop.SCORES * count, -1, np.int64),
            left=np.zeros(count, np.int64),
        )
        self._levels.now[breadth_loop.WAITING] = depth_memory.NOTHING

    def _room(self) -> int:
        return len(self.memory.cache) // depth_memory.ENTRY

    def _go_on(self, budget: int) -> int:
        return int(_compiled()["run_levels"](self.memory, self._levels, budget))

    def order(self) -> list[int]:
        """The order that was found, as operations of the problem, once `run` says that there is."""
        _compiled()["traced"](self.memory, self._levels)
        return super().order()

    def _cache_is_full(self) -> bool:
        after = breadth_loop.MOST_AFTER
        return int(self.memory.reg[depth_memory.CACHED]) >= self._room() - after

    def _more_cache(self) -> None:
        taken = self.memory.cache.nbytes + self._levels.nodes.nbytes + self.memory.heads.nbytes
        if 3 * taken > self._bytes:
            raise LimitReached("memory limit")
        self._double_cache()
        nodes = self._levels.nodes
        more = np.zeros(self._room() * breadth_loop.NODE - len(nodes), np.int64)
        self._levels = self._levels._replace(nodes=np.concatenate([nodes, more]))
