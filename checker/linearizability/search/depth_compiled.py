"""The search depth first, compiled: the driver of `depth_loop`."""

import time
from functools import cache
from typing import Any

import numpy as np

from checker.linearizability.search import depth_loop, window
from checker.linearizability.search.compiling import compiled, compiled_before, in_time
from checker.linearizability.search.depth import LIKELY, LOOK_EVERY, TRIES
from checker.linearizability.search.depth_loop import Depth
from checker.linearizability.search.limits import LimitReached
from checker.linearizability.search.problem import Problem
from checker.memory import Watch

STEP = ("place_of", "known_step", "learn")
RUN = (*STEP, "settle", "tried", "arrive", "go_on", "run")
RELEARN = ("place_of", "learn", "relearn")
REHASH = ("place_of", "rehash")

BUDGET = 100_000
"""Steps between two looks at the clock: some hundredths of a second."""

PACE = 20
"""How many steps are worth one of plain Python, or one of the model."""

COMPILING_S = 8.0
"""Seconds of a processor that compiling for the first time may take."""

ENTRIES, STEPS_KNOWN = 1 << 12, 1 << 12
"""Configurations and steps for which there is room at first."""


@cache
def _compiled() -> dict[str, Any]:
    return {
        functions[-1]: compiled(functions, window, depth_loop)[functions[-1]]
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

    def __init__(self) -> None:
        self.steps = np.full(2 * STEPS_KNOWN, -1, np.int64)
        self.known = 0


class CompiledDepthFirst:
    """Searches as `depth.DepthFirst` does, for at most `window.BITS` operations at once."""

    def __init__(
        self,
        problem: Problem,
        memory_bytes: int,
        likely: float = LIKELY,
        table: StepTable | None = None,
    ) -> None:
        """`likely` says how far into its interval an operation is supposed to take effect.

        Raises `LimitReached` where the memory does not suffice.
        """
        assert problem.steps is not None
        self._problem, self._steps = problem, problem.steps
        self._table = StepTable() if table is None else table
        self._bytes = memory_bytes
        self._watch = Watch(memory_bytes)
        self._functions = _compiled()
        self._asked = 0
        self.memory = self._laid_out(likely)

    def _laid_out(self, likely: float) -> Depth:
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
        memory = Depth(
            reg=np.zeros(depth_loop.SCALARS, np.int64),
            ends=op[ending],
            bits=_bits(op, ending, count),
            labels=np.asarray(problem.labels, np.int64),
            last=last,
            window_at=window_at,
            window=np.zeros(window_at[-1], np.int64),
            alike=np.zeros(window_at[-1], np.int64),
            born_free=np.zeros(len(pending), np.int64),
            observes=np.asarray(steps.observes, bool),
            idle=np.full(len(steps.labels), TRIES, np.int64),
            steps=self._table.steps,
            cache=np.zeros(ENTRIES * depth_loop.ENTRY, np.int64),
            heads=np.full(ENTRIES, -1, np.int64),
            frames=np.zeros((2 * len(events) + 4) * depth_loop.FRAME, np.int64),
        )
        memory.reg[depth_loop.LABELS] = len(steps.labels)
        memory.reg[depth_loop.ASKED_STATE] = -1
        memory.reg[depth_loop.STATE] = problem.initial
        memory.reg[depth_loop.BY] = depth_loop.PASS
        self._functions["lay_out"](
            memory,
            np.where(ending, -1, op),
            rank,
            supposed | ~ended,
            np.zeros(max(problem.widths) + 1, np.int64),
        )
        return memory

    @property
    def stuck(self) -> int:
        """The event that no order came past so far: the end of an operation."""
        ends = self.memory.ends
        if not len(ends):
            return 0
        op = ends[min(int(self.memory.reg[depth_loop.FARTHEST]), len(ends) - 1)]
        return int(self.memory.last[op])

    def run(self, until: float, effort: float) -> bool | None:
        """Whether an order exists; None after that much more effort, in steps of plain Python.

        Raises `LimitReached` where the memory does not suffice, or that moment of `time.monotonic`
        came before.
        """
        reg = self.memory.reg
        self.memory = self.memory._replace(steps=self._table.steps)
        reg[depth_loop.KNOWN] = self._table.known
        stop = self._effort() + effort
        while True:
            answer = self._functions["run"](self.memory, min(BUDGET, int(effort * PACE) + 1))
            if answer == window.UNTABLED:
                state, label = int(reg[depth_loop.ASKED_STATE]), int(reg[depth_loop.ASKED_LABEL])
                reg[depth_loop.ANSWER] = self._steps.step(state, label)
                self._asked += 1
                self._table.known += 1
                if self._asked % LOOK_EVERY:
                    continue
            if answer == window.FINISHED:
                return True
            if answer == window.STUCK:
                return False
            if answer == window.FULL:
                self._grow()
            if time.monotonic() > until:
                raise LimitReached("time limit")
            if self._watch.exceeded():
                raise LimitReached("memory limit")
            if self._effort() >= stop:
                return None

    def _effort(self) -> float:
        return self._asked + float(self.memory.reg[depth_loop.STEPS]) / PACE

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
        if reg[depth_loop.KNOWN] >= len(memory.steps) // 4:
            if 2 * memory.steps.nbytes + self._steps.bytes() > self._bytes // 2:
                raise LimitReached("memory limit")
            self._table.steps = np.full(2 * len(memory.steps), -1, np.int64)
            self.memory = memory._replace(steps=self._table.steps)
            reg[depth_loop.KNOWN] = 0
            self._functions["relearn"](self.memory, memory.steps)
        memory = self.memory
        if (reg[depth_loop.FRAMES] + 1) * depth_loop.FRAME > len(memory.frames):
            frames = np.concatenate([memory.frames, np.zeros_like(memory.frames)])
            self.memory = memory = memory._replace(frames=frames)
        if reg[depth_loop.CACHED] * depth_loop.ENTRY >= len(memory.cache):
            self._more_cache()

    def _more_cache(self) -> None:
        memory = self.memory
        if 3 * memory.cache.nbytes > self._bytes // 2:
            memory.heads.fill(-1)
            memory.reg[depth_loop.CACHED] = 0
            return
        cache = np.concatenate([memory.cache, np.zeros_like(memory.cache)])
        self.memory = memory._replace(
            cache=cache, heads=np.full(2 * len(memory.heads), -1, np.int64)
        )
        self._functions["rehash"](self.memory)


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
