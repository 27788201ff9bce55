"""The search depth first, compiled: the driver of `depth_loop`."""

import time
from functools import cache
from typing import Any

import numpy as np

from checker.linearizability.search import (
    demands,
    depth_loop,
    depth_memory,
    depth_ranking,
    window,
)
from checker.linearizability.search.compiling import compiled, compiled_before, in_time
from checker.linearizability.search.depth import LIKELY, LOOK_EVERY, TRIES
from checker.linearizability.search.depth_memory import Depth
from checker.linearizability.search.limits import PROVES_NOTHING, LimitReached
from checker.linearizability.search.problem import Problem
from checker.memory import Watch

STEP = ("place_of", "ask", "known_step", "learn")
RUN = (
    *STEP, "settle", "hash_of", "tried", "loses", "arrive", "rank", "next_ranked", "go_on",
    "search", "run",
)  # fmt: skip
RELEARN = ("place_of", "learn", "relearn")
REHASH = ("place_of", "hash_of", "rehash")
MODULES = window, depth_memory, depth_ranking, demands, depth_loop

BUDGET = 100_000
"""Steps between two looks at the clock: some hundredths of a second."""

TRIP = 3
"""How many steps of the model it is worth to ask for some: that hands on two dozen arrays."""

COMPILING_S = 8.0
"""Seconds of a processor that compiling for the first time may take."""

ENTRIES, STEPS_KNOWN = 1 << 12, 1 << 12
"""Configurations and steps for which there is room at first."""

ASKED_MOST = 64
"""How many steps may be asked for at a time, or a quarter of those for which there is room."""

RANKED_SHARE = 16
"""Which part of the memory it may take to rank the moves from each configuration on the way."""

DEMANDS_SHARE = 8
"""Which part of it the demands of answers may take."""


@cache
def _compiled() -> dict[str, Any]:
    return {
        functions[-1]: compiled(functions, *MODULES, apart=("ask",))[functions[-1]]
        for functions in (RUN, RELEARN, REHASH, ("lay_out",), ("placed",))
    }


def loaded() -> bool:
    """Whether this process has the compiled functions already."""
    return bool(_compiled.cache_info().currsize)


def on_disk() -> bool:
    """Whether the functions were compiled before, so that they need only be loaded."""
    return compiled_before(depth_loop)


def may_compile(until: float) -> bool:
    """Whether that can be done, or loaded, well before the time limit."""
    return in_time(until, COMPILING_S, depth_loop)


class StepTable:
    """What is known of a problem's steps, which several searches of it may share."""

    def __init__(self, labels: int) -> None:
        self.steps = np.full(2 * STEPS_KNOWN, -1, np.int64)
        self.partial = np.zeros(labels, np.int64)
        self.known = 0


class CompiledDepthFirst:
    """Searches as `depth.DepthFirst` does, for at most `window.BITS` operations at once."""

    asked_most = ASKED_MOST

    pace = 20
    """How many steps are worth one of plain Python, or one of the model."""

    steps_share = 2
    """Which part of the memory the table of steps may take, with the states."""

    def __init__(
        self,
        problem: Problem,
        memory_bytes: int,
        likely: float = LIKELY,
        table: StepTable | None = None,
        *,
        sparing: bool = False,
        demanding: bool = False,
    ) -> None:
        """`likely` says how far into its interval an operation is supposed to take effect.

        If it is `sparing`, what makes the fewest others impossible is tried first; if `demanding`,
        what does not meet the demands of later answers is left out. Raises `LimitReached` where the
        memory does not suffice.
        """
        assert problem.steps is not None
        self._problem, self._steps = problem, problem.steps
        self._table = StepTable(len(problem.steps.labels)) if table is None else table
        self._bytes = memory_bytes
        self.watch = Watch(memory_bytes)
        """Tells when the process takes too much; the tables here keep to `memory_bytes` anyway."""

        self._functions = _compiled()
        self._asked = self._trips = 0
        self.memory = self._laid_out(likely, sparing, demanding)

    def _laid_out(self, likely: float, sparing: bool, demanding: bool) -> Depth:
        problem, steps = self._problem, self._steps
        events = np.asarray(problem.events, np.int64)
        count = problem.count
        op, ending = events >> 1, (events & 1).astype(bool)
        places = np.arange(len(events))
        begun, last = np.zeros(count), np.full(count, len(events)) + np.arange(count)
        begun[op[~ending]] = places[~ending]
        last[op[ending]] = places[ending]
        ended = last < len(events)
        rank = np.where(ended, begun + (last - begun) * likely, np.inf)
        pending = np.cumsum(np.where(ending, -1, 1))[ending] + 1
        window_at = np.concatenate([[0], np.cumsum(pending)])
        if window_at[-1] * 16 > self._bytes // 4:
            raise LimitReached("memory limit")
        supposed = np.asarray(problem.supposed, bool)
        deepest, width = 2 * len(events) + 4, max(problem.widths) + 1
        sparing = sparing and deepest * width * 8 <= self._bytes // RANKED_SHARE
        asked = depth_memory.ASK * max(1, min(self.asked_most, STEPS_KNOWN // 4))
        bits = _bits(op, ending, count)
        demanded = (
            demands.demands_of(problem, bits, self._bytes // DEMANDS_SHARE)
            if demanding
            else demands.no_demands(len(pending))
        )
        memory = Depth(
            reg=np.zeros(depth_memory.SCALARS, np.int64),
            ends=op[ending],
            bits=bits,
            labels=np.asarray(problem.labels, np.int64),
            last=last,
            window_at=window_at,
            window=np.zeros(window_at[-1], np.int64),
            alike=np.zeros(window_at[-1], np.int64),
            born_free=np.zeros(len(pending), np.int64),
            observes=np.asarray(steps.observes, bool),
            idle=np.full(len(steps.labels), TRIES, np.int64),
            partial=self._table.partial,
            steps=self._table.steps,
            asked=np.zeros(asked, np.int64),
            cache=np.zeros(ENTRIES * depth_memory.ENTRY, np.int64),
            heads=np.full(ENTRIES, -1, np.int64),
            frames=np.zeros(deepest * depth_memory.FRAME, np.int64),
            ranked=np.zeros(deepest * width * sparing, np.int64),
            demands_at=demanded.at,
            demands=demanded.records,
        )
        memory.reg[depth_memory.LABELS] = len(steps.labels)
        memory.reg[depth_memory.STATE] = problem.initial
        memory.reg[depth_memory.BY] = depth_memory.PASS
        self._functions["lay_out"](
            memory,
            np.where(ending, -1, op),
            rank,
            supposed | ~ended,
            np.zeros(width, np.int64),
        )
        return memory

    @property
    def stuck(self) -> int:
        """The event that no order came past so far: the end of an operation."""
        ends = self.memory.ends
        if not len(ends):
            return 0
        op = ends[min(int(self.memory.reg[depth_memory.FARTHEST]), len(ends) - 1)]
        return int(self.memory.last[op])

    def run(self, until: float, effort: float) -> bool | None:
        """Whether an order exists; None after that much more effort, in steps of plain Python.

        Raises `LimitReached` where the memory does not suffice, where that moment of
        `time.monotonic` came before, or where there is no order but what was left out.
        """
        reg = self.memory.reg
        self.memory = self.memory._replace(steps=self._table.steps)
        reg[depth_memory.KNOWN] = self._table.known
        stop = self._effort() + effort
        while True:
            answer = self._go_on(min(BUDGET, int(effort * self.pace) + 1))
            self._table.known = int(reg[depth_memory.KNOWN])
            if answer == window.UNTABLED:
                before = self._asked // LOOK_EVERY
                self._answer(int(reg[depth_memory.ASKED]))
                if self._asked // LOOK_EVERY == before:
                    continue
            if answer == window.FINISHED:
                return True
            if answer == window.STUCK:
                if reg[depth_memory.LEFT_OUT]:
                    raise LimitReached(PROVES_NOTHING)
                return False
            if answer == window.FULL:
                self._grow()
            if time.monotonic() > until:
                raise LimitReached("time limit")
            if self.watch.exceeded():
                raise LimitReached("memory limit")
            if self._effort() >= stop:
                return None

    def _go_on(self, budget: int) -> int:
        return int(self._functions["run"](self.memory, budget))

    def _answer(self, count: int) -> None:
        """Ask the model for that many steps."""
        width = depth_memory.ASK
        asked = self.memory.asked[: count * width]
        states = asked[depth_memory.ASKED_STATE :: width].tolist()
        labels = asked[depth_memory.ASKED_LABEL :: width].tolist()
        asked[depth_memory.ANSWER :: width] = self._steps.many(states, labels)
        self._asked += count
        self._trips += 1

    def _effort(self) -> float:
        steps = float(self.memory.reg[depth_memory.STEPS])
        return self._asked + self._trips * TRIP + steps / self.pace

    def order(self) -> list[int]:
        """The order that was found, as operations of the problem, once `run` has said that it is.

        What was free took effect where it became so, if it was not used later.
        """
        at = np.full(self._problem.count, -1, np.int64)
        self._functions["placed"](self.memory, at, len(self._problem.events))
        order = np.argsort(at, kind="stable")
        return [int(op) for op in order[np.searchsorted(at[order], 0) :]]

    def _grow(self) -> None:
        """Make room in what is full; forget the cache where it may not grow."""
        memory, reg = self.memory, self.memory.reg
        if reg[depth_memory.KNOWN] >= len(memory.steps) // 4:
            most = self._bytes // self.steps_share
            if 2 * memory.steps.nbytes + self._steps.bytes() > most:
                raise LimitReached("memory limit")
            self._table.steps = np.full(2 * len(memory.steps), -1, np.int64)
            self.memory = memory._replace(steps=self._table.steps)
            reg[depth_memory.KNOWN] = 0
            self._functions["relearn"](self.memory, memory.steps)
        memory = self.memory
        if (reg[depth_memory.FRAMES] + 1) * depth_memory.FRAME > len(memory.frames):
            frames = np.concatenate([memory.frames, np.zeros_like(memory.frames)])
            ranked = np.concatenate([memory.ranked, np.zeros_like(memory.ranked)])
            self.memory = memory = memory._replace(frames=frames, ranked=ranked)
        if self._cache_is_full():
            self._more_cache()

    def _cache_is_full(self) -> bool:
        cached = int(self.memory.reg[depth_memory.CACHED])
        return cached * depth_memory.ENTRY >= len(self.memory.cache)

    def _more_cache(self) -> None:
        memory = self.memory
        taken = memory.cache.nbytes
        if 3 * taken > self._bytes // 2 or not self.watch.allows(2 * taken):
            memory.heads.fill(-1)
            memory.reg[depth_memory.CACHED] = 0
        else:
            self._double_cache()

    def _double_cache(self) -> None:
        memory = self.memory
        cache = longer(memory.cache, 2 * len(memory.cache))
        self.memory = memory._replace(
            cache=cache, heads=np.full(2 * len(memory.heads), -1, np.int64)
        )
        self._functions["rehash"](self.memory)


def longer(array: Any, size: int) -> Any:
    """The same numbers, and zeros up to that size: pages of these take no memory until used."""
    result = np.zeros(size, np.int64)
    result[: len(array)] = array
    return result


def _bits(op: Any, ending: Any, count: int) -> Any:
    """A bit for each operation that no other has which is pending at the same time."""
    bits, free = np.zeros(count, np.int64), (1 << window.BITS) - 1
    for number, ends in zip(op.tolist(), ending.tolist(), strict=True):
        if ends:
            free |= int(bits[number])
        else:
            bits[number] = free & -free
            free &= free - 1
    return bits
