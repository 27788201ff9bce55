"""Runs the loop of `frontier`, plain or compiled, and gives it the memory that it asks for."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from checker.linearizability.search import frontier, narrow, window
from checker.linearizability.search.compiling import compiled, compiled_before, in_time
from checker.linearizability.search.limits import LimitReached, TurnOver
from checker.linearizability.search.problem import Problem
from checker.linearizability.search.window import BITS, Memory
from checker.memory import Watch

SLOW_S = 1.0
"""Seconds after which a short history is searched by compiled functions all the same."""

COMPILING_S = 20.0
"""Seconds of a processor that compiling `frontier` and `narrow` for the first time may take."""

COMPILED_FROM = 10_000
"""Operations from which loading the compiled loop, a second, is less than running without it."""

LOADED_FROM = 100
"""Operations from which the compiled loop is quicker, once it is loaded."""

BUDGET = {True: 3_000_000, False: 20_000}
"""Steps between two looks at the clock, compiled and plain: some hundredths of a second."""

TABLE_SHARE = 4
"""Which part of the memory the table of steps may take: filling it in takes time as well."""

LOG_FIRST = 4_096
LOG_SHARE = 8
"""Numbers that the log holds at first, and which part of the memory it may take."""

PACE = {True: 200, False: 0.75}
"""How many steps are worth one of the search depth first in plain Python, compiled and plain."""

BYTES = {True: 8, False: 40}
"""Bytes that a number takes in an array, and about those that it takes in a list."""

FUNCTIONS = (
    "look", "enter", "leave", "add", "begin", "arrive", "note", "expand", "obliged", "threshold",
    "settle", "invoke", "run",
)  # fmt: skip


class Slow(Exception):
    """A short history that is so hard that compiled functions should search it."""


@dataclass
class Checkpoint:
    """Where the search can go back to."""

    event: int
    pruned: int
    held: list[tuple[int, int]]
    front: Any


@cache
def _compiled() -> dict[str, Any]:
    return compiled(FUNCTIONS, window, frontier)


def loaded() -> bool:
    """Whether this process has the compiled functions already."""
    return bool(_compiled.cache_info().currsize)


def on_disk() -> bool:
    """Whether `frontier` was compiled before, so that it need only be loaded."""
    return compiled_before(frontier)


def may_compile(until: float, quick: bool = True) -> bool:
    """Whether that can be done, or loaded, well before the time limit.

    Without the `quick` try, which is for registers, `narrow` is not needed.
    """
    modules = (frontier, narrow) if quick else (frontier,)
    return in_time(until, COMPILING_S, *modules)


class Machine:
    """Searches one problem, in the same memory for all its parts."""

    def __init__(
        self,
        problem: Problem,
        until: float,
        memory_bytes: int,
        compile_: bool | None = None,
        log: bool = False,
    ) -> None:
        """`until` is the moment of `time.monotonic` at which to give up.

        `compile_` says whether compiled functions are used; None leaves it to what suits. With
        `log` it notes what was used, so that an order can be told in the end.
        """
        fast = bool(compile_)
        self.effort_most = math.inf
        self._asked = 0
        self._patience = math.inf
        if compile_ is None:
            enough = LOADED_FROM if loaded() else COMPILED_FROM
            fast = problem.count >= enough and may_compile(until)
            if not fast and may_compile(until):
                self._patience = time.monotonic() + SLOW_S
        self.fast = fast
        self.problem = problem
        self.until = until
        self.memory_bytes = memory_bytes
        self._watch = Watch(memory_bytes)
        self.words = max(1, -(-max(problem.widths, default=1) // BITS))
        self._functions = _compiled() if fast else vars(frontier)
        self._states = max(problem.states, 16)
        self._room = 0
        self._width = 0
        self.logs = log
        self.memory = self._allocated()
        self._grow(256 + 2 * self.words * BITS)

    # --- memory -----------------------------------------------------------------------------------

    def _new(self, count: int, filling: int) -> Any:
        return np.full(count, filling, np.int64) if self.fast else [filling] * count

    def _given(self, column: Any) -> Any:
        if self.fast:
            return np.asarray(column, np.int64)
        return column.tolist() if isinstance(column, np.ndarray) else list(column)

    def _allocated(self) -> Memory:
        words, slots = self.words, self.words * BITS
        steps = self.problem.steps
        labels = len(steps.labels) if steps else 0
        values = 1 if steps else self._states
        ops = self._given(self.problem.records)
        # The problem may have been searched before, compiled, in these very records.
        ops[window.WHERE :: window.OP] = self._new(self.problem.count, -1)
        return Memory(
            reg=self._new(window.SIZE, 0),
            events=self._given(self.problem.events),
            ops=ops,
            slots=self._new(slots * (2 + words), -1),
            sets=self._new(window.SETS * words, 0),
            values=self._new(values * window.BY_VALUE * words, 0),
            table=self._new(max(1, self._states * labels), window.UNKNOWN_STEP),
            front=self._new(0, 0),
            seen=self._new(0, 0),
            seen_head=self._new(self._states, -1),
            found=self._new(0, 0),
            found_head=self._new(self._states, -1),
            counts=self._new(slots + 2, 0),
            log=self._new(LOG_FIRST if self.logs else 0, 0),
        )

    def _grow(self, room: int) -> None:
        """Make room for this many configurations in each pool, or as many as the limit allows."""
        # The front may be kept a second time, to come back to it.
        each = 4 * (3 + 2 * self.words) * BYTES[self.fast]
        room = min(room, self.memory_bytes // each)
        if room <= self._room:
            raise LimitReached("memory limit")
        size = room * (3 + 2 * self.words)
        for pool in (self.memory.front, self.memory.seen, self.memory.found):
            if self.fast:
                pool.resize(size, refcheck=False)
            else:
                pool.extend([0] * (size - len(pool)))
        self._room = room

    def _more_log(self) -> None:
        """Make room for more uses; beyond a part of the limit nothing is logged any more."""
        log = self.memory.log
        if 4 * len(log) * BYTES[self.fast] > self.memory_bytes // LOG_SHARE:
            self.logs = False
            self.memory = self.memory._replace(log=self._new(0, 0))
        elif self.fast:
            log.resize(2 * len(log), refcheck=False)
        else:
            log.extend([0] * len(log))

    def _order(self) -> tuple[list[int], list[int]] | None:
        """What is used on the way to the first configuration: operations and events, in order."""
        if not self.logs:
            return None
        reg, log = self.memory.reg, self.memory.log
        order, events = [], []
        entry = int(self.memory.front[2 + 2 * int(reg[window.WORDS])])
        while entry != window.NO_TRAIL:
            order.append(int(log[3 * entry + 1]))
            events.append(int(log[3 * entry + 2]))
            entry = int(log[3 * entry])
        return order[::-1], events[::-1]

    def _more_states(self) -> None:
        """Make room for more states of a model that is explored while it is searched."""
        steps = self.problem.steps
        assert steps is not None
        added, self._states = self._states, self._states * 2
        if self._states * len(steps.labels) * BYTES[self.fast] > self.memory_bytes // TABLE_SHARE:
            raise LimitReached("memory limit")
        new = self._new(added * len(steps.labels), window.UNKNOWN_STEP)
        memory, none = self.memory, self._new(added, -1)
        self.memory = memory._replace(
            table=self._joined(memory.table, new),
            seen_head=self._joined(memory.seen_head, none),
            found_head=self._joined(memory.found_head, none),
        )

    def _joined(self, one: Any, other: Any) -> Any:
        return np.concatenate([one, other]) if self.fast else one + other

    # --- running ----------------------------------------------------------------------------------

    def _begin(self, event: int, states: Sequence[int]) -> None:
        reg, words = self.memory.reg, max(1, -(-self._width // BITS))
        if words != reg[window.WORDS]:
            self._lay_out_again()
        logged = reg[window.LOGGED]
        for place in range(window.SIZE):
            reg[place] = 0
        reg[window.LOGGED] = logged
        reg[window.EVENT], reg[window.WORDS], reg[window.SLOTS] = event, words, self._width
        reg[window.LABELS] = len(self.problem.steps.labels) if self.problem.steps else 0
        while self._room <= len(states) + BITS * words:
            self._grow(self._room * 2)
        reg[window.FRONT] = len(states)
        front, size = self.memory.front, 3 + 2 * words
        for c, state in enumerate(states):
            front[c * size] = state
            for field in range(2, size - 1):
                front[c * size + field] = 0
            front[c * size + size - 1] = window.NO_TRAIL

    def _lay_out_again(self) -> None:
        """Empty what a part leaves in the sets and slots, before sets become longer or shorter:
        what one of them held would be another one's. Those by value are empty after each part."""
        memory = self.memory
        memory.sets[:] = self._new(len(memory.sets), 0)
        memory.slots[:] = self._new(len(memory.slots), -1)

    def _clean(self) -> None:
        """Leave nothing of this part in the memory that the next one will use."""
        memory, reg = self.memory, self.memory.reg
        size = 3 + 2 * int(reg[window.WORDS])
        if reg[window.OPEN]:
            for pool, head, count in (
                (memory.seen, memory.seen_head, window.SEEN),
                (memory.found, memory.found_head, window.FOUND),
            ):
                for c in range(int(reg[count])):
                    if pool[c * size] >= 0:
                        head[pool[c * size]] = -1
            reg[window.OPEN] = 0
        for slot, _ in self._held():
            self._functions["leave"](memory, slot)

    def _held(self) -> list[tuple[int, int]]:
        """The slots that are taken, each with its operation."""
        memory = self.memory
        words = int(memory.reg[window.WORDS])
        held = []
        for word in range(words):
            rest = int(memory.sets[window.PENDING * words + word])
            while rest:
                slot = word * BITS + (rest & -rest).bit_length() - 1
                rest &= rest - 1
                held.append((slot, int(memory.slots[slot * (2 + words)])))
        return held

    def _enter(self, op: int, slot: int) -> None:
        self._functions["enter"](self.memory, op, slot)

    def _run(self, until: int, budgets: float = math.inf) -> int:
        """Run to an event or to a dead end, giving the loop whatever it asks for on the way.

        After that many budgets of steps it ends as `PAUSED`.
        """
        effort = min(self.effort_most, BUDGET[True])
        budget = max(1, int(min(BUDGET[self.fast], PACE[self.fast] * effort)))
        while True:
            answer = self._functions["run"](self.memory, until, self._room, budget)
            if answer == window.FULL:
                self._grow(self._room * 2)
            elif answer == window.LOG_FULL:
                self._more_log()
            elif answer == window.UNTABLED:
                self._fill_in()
            elif answer != window.PAUSED:
                return int(answer)
            elif (budgets := budgets - 1) <= 0:
                return window.PAUSED
            self._heed_limits()

    def _heed_limits(self) -> None:
        """Raise `TurnOver`, `LimitReached` or `Slow` where it is time for that."""
        if self._asked + self.memory.reg[window.STEPS] / PACE[self.fast] > self.effort_most:
            raise TurnOver
        now = time.monotonic()
        if now > self.until:
            raise LimitReached("time limit")
        if self._watch.exceeded(now):
            raise LimitReached("memory limit")
        if now > self._patience and not self.fast and may_compile(self.until):
            raise Slow

    def _fill_in(self) -> None:
        """Fill in the step that is asked for, and what all pending operations do to that state,
        which is looked at next."""
        steps = self.problem.steps
        assert steps is not None
        state = int(self.memory.reg[window.ASKED_STATE])
        asked = {int(self.memory.reg[window.ASKED_LABEL]): None}
        asked |= {self.problem.labels[op]: None for _, op in self._held()}
        for label in asked:
            place = state * len(steps.labels) + label
            if self.memory.table[place] != window.UNKNOWN_STEP:
                continue
            after = steps.step(state, label)
            self._asked += 1
            while len(steps.states) > self._states:
                self._more_states()
            self.memory.table[place] = after

    # --- going back -------------------------------------------------------------------------------

    def _checkpoint(self) -> Checkpoint:
        reg = self.memory.reg
        size = 3 + 2 * int(reg[window.WORDS])
        front = self.memory.front[: int(reg[window.FRONT]) * size]
        kept = front.copy() if self.fast else front
        return Checkpoint(int(reg[window.EVENT]), int(reg[window.PRUNED]), self._held(), kept)

    def _return(self, to: Checkpoint) -> None:
        """Go back to a checkpoint."""
        reg = self.memory.reg
        largest, steps, stopped = (
            int(reg[name]) for name in (window.LARGEST, window.STEPS, window.EVENT)
        )
        self._clean()
        self._begin(to.event, ())
        reg[window.LARGEST], reg[window.STEPS], reg[window.PRUNED] = largest, steps, to.pruned
        self._forget(to.event, max(stopped, to.event) + 1)
        for slot, op in to.held:
            self._enter(op, slot)
        reg[window.FRONT] = len(to.front) // (3 + 2 * int(reg[window.WORDS]))
        self.memory.front[: len(to.front)] = to.front

    def _forget(self, start: int, stop: int) -> None:
        """Take back the slots of the operations that begin between two events."""
        for place in range(start, min(stop, len(self.memory.events))):
            code = int(self.memory.events[place])
            if not code & 1:
                self.memory.ops[(code >> 1) * window.OP + window.WHERE] = -1
