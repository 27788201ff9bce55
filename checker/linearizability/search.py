"""The general search: any model, bounded in time and memory, exact where it has to be.

It keeps a *front* of configurations (`frontier`) through the events of a key. At first the front is
narrow, a handful of configurations: if any is left in the end, an order exists. Where none is left
the search goes back a little and on with a wider one. Only where the widest front dies too is the
whole one needed: none left then proves that no order exists. Before that, a shorter proof is tried:
that no order exists *whatever* the state was a little earlier, which needs no history before.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from checker.linearizability import frontier, window
from checker.linearizability.attempt import Attempt
from checker.linearizability.compiling import compiled
from checker.linearizability.problem import Problem
from checker.linearizability.window import BITS

COMPILED_FROM = 20_000
"""Operations from which loading the compiled loop, a second, is less than running without it."""

QUICK_FROM = 200
"""Operations from which the quick try of `narrow` comes first."""

WIDTHS = (4, 32, 256)
"""How many configurations the front may hold, one try after the other; then any number."""

SEGMENT = 512
"""Events between two places to which the search can go back."""

PLACES_MAX = 12

WINDOWS = (64, 512, 4_096)
"""Events before a dead end from which the shorter proof is tried."""

MOST_STATES = 4_096
"""States up to which the shorter proof is tried: it starts from all of them."""

BUDGET = {True: 3_000_000, False: 20_000}
"""Steps between two looks at the clock, compiled and plain: some hundredths of a second."""

BYTES = {True: 8, False: 40}
"""Bytes that a number takes in an array, and about those that it takes in a list."""

REFUTING = 20
"""How many budgets of steps the shorter proof may take."""

FUNCTIONS = (
    "look", "place", "leave", "add", "begin", "arrive", "expand", "obliged", "threshold",
    "settle", "invoke", "run",
)  # fmt: skip


class LimitReached(Exception):
    """Time or memory ran out; the message names which."""


@dataclass
class Found:
    """What the search of one part found.

    `verdict` is None where `limit` stopped it. `done` is the event that it came to, or got stuck
    at, of `events`; `stuck` is the place of the operation concerned in what the problem was
    made of.
    """

    verdict: bool | None
    done: int
    events: int
    largest: int
    limit: str = ""
    stuck: int = -1


@dataclass
class Place:
    """Where the search can go back to."""

    event: int
    cut: int
    held: list[tuple[int, int]]
    front: Any


@cache
def _compiled() -> dict[str, Any]:
    return compiled(FUNCTIONS, window, frontier)


class Search:
    """Searches the parts of one problem, one after the other, in the same memory."""

    def __init__(
        self, problem: Problem, until: float, memory_bytes: int, compile_: bool | None = None
    ) -> None:
        """`until` is the moment of `time.monotonic` at which to give up."""
        fast = len(problem.kinds) >= COMPILED_FROM if compile_ is None else compile_
        self.fast = fast
        self.problem = problem
        self.until = until
        self.memory_bytes = memory_bytes
        self.words = max(1, -(-max(problem.widths, default=1) // BITS))
        self._functions = _compiled() if fast else vars(frontier)
        self._ops = self._given(problem.records())
        self._events = self._given(problem.events)
        self._states = max(problem.states, 16)
        self._room = 0
        self._width = 0
        self._allocate()
        # The quick try is for registers; of a short history it would not be quicker.
        quick = problem.steps is None and len(problem.kinds) >= QUICK_FROM
        self._attempt = Attempt(problem, self._ops, self._events, fast) if quick else None

    # --- memory -----------------------------------------------------------------------------------

    def _new(self, count: int, filling: int) -> Any:
        return np.full(count, filling, np.int64) if self.fast else [filling] * count

    def _given(self, column: Any) -> Any:
        if self.fast:
            return np.asarray(column, np.int64)
        return column.tolist() if isinstance(column, np.ndarray) else list(column)

    def _allocate(self) -> None:
        words, slots = self.words, self.words * BITS
        self.reg = self._new(window.SIZE, 0)
        self._slots = self._new(slots * (2 + words), -1)
        self._sets = self._new(window.SETS * words, 0)
        values = 1 if self.problem.steps else self._states
        self._values = self._new(values * window.BY_VALUE * words, 0)
        self._counts = self._new(slots + 2, 0)
        labels = len(self.problem.steps.labels) if self.problem.steps else 0
        self._table = self._new(max(1, self._states * labels), window.UNKNOWN_STEP)
        self._pools = [self._new(0, 0) for _ in range(3)]
        self._heads = [self._new(self._states, -1) for _ in range(2)]
        self._grow(256 + 2 * slots)

    def _grow(self, room: int) -> None:
        """Make room for so many configurations in each pool, or as many as the limit allows."""
        # The front may be kept a second time, to come back to it.
        each = 4 * (2 + 2 * self.words) * BYTES[self.fast]
        room = min(room, self.memory_bytes // each)
        if room <= self._room:
            raise LimitReached("memory limit")
        size = room * (2 + 2 * self.words)
        for pool in self._pools:
            if self.fast:
                pool.resize(size, refcheck=False)
            else:
                pool.extend([0] * (size - len(pool)))
        self._room = room

    def _more_states(self) -> None:
        """Make room for more states of a model that is explored while it is searched."""
        steps = self.problem.steps
        assert steps is not None
        added, self._states = self._states, self._states * 2
        if self._states * len(steps.labels) * BYTES[self.fast] > self.memory_bytes:
            raise LimitReached("memory limit")
        new = self._new(added * len(steps.labels), window.UNKNOWN_STEP)
        self._table = self._joined(self._table, new)
        self._heads = [self._joined(head, self._new(added, -1)) for head in self._heads]

    def _joined(self, one: Any, other: Any) -> Any:
        return np.concatenate([one, other]) if self.fast else one + other

    # --- running ----------------------------------------------------------------------------------

    def part(self, number: int) -> Found:
        """Decide one part."""
        bounds = self.problem.bounds
        first, last = bounds[number], bounds[number + 1]
        self._width = self.problem.widths[number]
        if self._attempt is not None:
            proven, _, largest = self._attempt.part(number, self.until)
            if proven:
                return Found(True, last - first, last - first, largest)
        self._begin(first, [self.problem.initial])
        try:
            found = self._decide(first, last)
        except LimitReached as limit:
            done = int(self.reg[window.EVENT]) - first
            stuck = self._stuck_at(int(self.reg[window.EVENT]))
            found = Found(
                None, done, last - first, int(self.reg[window.LARGEST]), str(limit), stuck
            )
        self._clean()
        return found

    def _begin(self, event: int, states: Sequence[int]) -> None:
        reg, words = self.reg, max(1, -(-self._width // BITS))
        for place in range(window.SIZE):
            reg[place] = 0
        reg[window.EVENT], reg[window.WORDS], reg[window.SLOTS] = event, words, self._width
        reg[window.LABELS] = len(self.problem.steps.labels) if self.problem.steps else 0
        while self._room <= len(states) + BITS * words:
            self._grow(self._room * 2)
        reg[window.FRONT] = len(states)
        front, size = self._pools[0], 2 + 2 * words
        for c, state in enumerate(states):
            front[c * size] = state
            for field in range(2, size):
                front[c * size + field] = 0

    def _clean(self) -> None:
        """Leave nothing of this part in the memory that the next one will use."""
        size = 2 + 2 * int(self.reg[window.WORDS])
        if self.reg[window.OPEN]:
            for pool, head, count in zip(
                self._pools[1:], self._heads, (window.SEEN, window.FOUND), strict=True
            ):
                for c in range(int(self.reg[count])):
                    if pool[c * size] >= 0:
                        head[pool[c * size]] = -1
            self.reg[window.OPEN] = 0
        for slot, _ in self._held():
            self._functions["leave"](
                self.reg, self._ops, self._slots, self._sets, self._values, slot
            )

    def _held(self) -> list[tuple[int, int]]:
        """The slots that are taken, each with its operation."""
        size = 2 + int(self.reg[window.WORDS])
        taken = self._slots[: self._width * size : size]
        return [(slot, int(op)) for slot, op in enumerate(taken) if op >= 0]

    def _put(self, op: int, slot: int) -> None:
        self._functions["place"](
            self.reg, self._ops, self._slots, self._sets, self._values, op, slot
        )

    def _run(self, until: int, budgets: float = math.inf) -> int:
        """Run to an event or to a dead end, giving the loop whatever it asks for on the way.

        After so many budgets of steps it ends as `PAUSED`.
        """
        while True:
            (front, seen, found), (seen_head, found_head) = self._pools, self._heads
            answer = self._functions["run"](
                self.reg, self._events, until, self._ops, self._slots, self._sets, self._values,
                self._table, front, seen, seen_head, found, found_head, self._counts,
                self._room, BUDGET[self.fast],
            )  # fmt: skip
            if answer == window.FULL:
                self._grow(self._room * 2)
            elif answer == window.UNTABLED:
                self._fill_in()
            elif answer != window.PAUSED:
                return int(answer)
            elif (budgets := budgets - 1) <= 0:
                return window.PAUSED
            if time.monotonic() > self.until:
                raise LimitReached("time limit")

    def _fill_in(self) -> None:
        steps = self.problem.steps
        assert steps is not None
        state, label = int(self.reg[window.ASKED_STATE]), int(self.reg[window.ASKED_LABEL])
        after = steps.step(state, label)
        while len(steps.states) > self._states:
            self._more_states()
        self._table[state * len(steps.labels) + label] = after

    # --- the strategy -----------------------------------------------------------------------------

    def _decide(self, first: int, last: int) -> Found:
        """Narrow fronts first, wider ones where these die, the whole one where nothing else helps.

        `tries` counts the dead ends since the search last came further than ever before.
        """
        places = [self._place()]
        tries, farthest, largest = 0, first, 0
        self.reg[window.WIDTH] = (*WIDTHS, 0)[0]
        refuted = False
        while True:
            target = min(last, int(self.reg[window.EVENT]) + SEGMENT)
            answer = self._run(target)
            event = int(self.reg[window.EVENT])
            if answer == window.FINISHED:
                if event == last:
                    return Found(True, last - first, last - first, int(self.reg[window.LARGEST]))
                places.append(self._place())
                if not self.reg[window.CUT]:
                    # Nothing was lost so far, so there is no need to go back any farther.
                    places = places[-1:]
                if len(places) > PLACES_MAX:
                    del places[1 + (len(places) // 2)]
                if event > farthest:
                    farthest, tries, refuted = event, 0, False
                    self.reg[window.WIDTH] = (*WIDTHS, 0)[0]
                continue
            if not self.reg[window.CUT]:
                return self._stuck(first, last, event)
            largest = max(largest, int(self.reg[window.LARGEST]))
            tries += 1
            farthest = max(farthest, event)
            if tries >= len(WIDTHS) and not refuted:
                if self._refute(first, event):
                    return self._stuck(first, last, event)
                refuted = True
            if tries < len(WIDTHS):
                back = max(0, len(places) - tries)
                del places[back + 1 :]
            else:
                while places[-1].cut:
                    places.pop()
            self._return(places[-1])
            self.reg[window.WIDTH] = (*WIDTHS, 0)[min(tries, len(WIDTHS))]

    def _stuck(self, first: int, last: int, event: int) -> Found:
        largest = int(self.reg[window.LARGEST])
        return Found(False, event - first, last - first, largest, stuck=self._stuck_at(event))

    def _stuck_at(self, event: int) -> int:
        """The place of the operation of an event in what the problem was made of."""
        if event >= len(self._events):
            return -1
        return int(self.problem.rows[int(self._events[event]) >> 1])

    def _refute(self, first: int, event: int) -> bool:
        """Try to prove the dead end from a little before, whatever the state was there.

        Every state is a possible beginning there, and every operation that was pending may have
        been used already or not, which is what being free says. So the front stands for all that
        is possible and more: if it dies, no order exists.
        """
        if self.problem.states > MOST_STATES or self.problem.steps:
            return False
        states = range(self.problem.states)
        for reach in WINDOWS:
            start = max(first, event - reach)
            self._clean()
            pending = self._pending_at(first, start)
            self._begin(start, states)
            words = int(self.reg[window.WORDS])
            front, size = self._pools[0], 2 + 2 * words
            for slot, op in enumerate(pending):
                self._put(op, slot)
                for c in states:
                    front[c * size + 2 + words + slot // BITS] |= 1 << (slot % BITS)
            self._forget(start, event + 1)
            answer = self._run(event + 1, REFUTING)
            if answer == window.STUCK:
                return True
            if start == first or answer == window.PAUSED:
                return False
        return False

    def _pending_at(self, first: int, event: int) -> list[int]:
        open_: dict[int, None] = {}
        for place in range(first, event):
            code = int(self._events[place])
            if code & 1:
                open_.pop(code >> 1)
            else:
                open_[code >> 1] = None
        return list(open_)

    def _place(self) -> Place:
        reg, size = self.reg, 2 + 2 * int(self.reg[window.WORDS])
        front = self._pools[0][: int(reg[window.FRONT]) * size]
        kept = front.copy() if self.fast else front
        return Place(int(reg[window.EVENT]), int(reg[window.CUT]), self._held(), kept)

    def _return(self, place: Place) -> None:
        """Go back to a place."""
        largest, steps, stopped = (
            int(self.reg[name]) for name in (window.LARGEST, window.STEPS, window.EVENT)
        )
        self._clean()
        self._begin(place.event, ())
        self.reg[window.LARGEST], self.reg[window.STEPS], self.reg[window.CUT] = (
            largest,
            steps,
            place.cut,
        )
        self._forget(place.event, max(stopped, place.event) + 1)
        for slot, op in place.held:
            self._put(op, slot)
        self.reg[window.FRONT] = len(place.front) // (2 + 2 * int(self.reg[window.WORDS]))
        self._pools[0][: len(place.front)] = place.front

    def _forget(self, start: int, stop: int) -> None:
        """Take back the slots of the operations that begin between two events."""
        for place in range(start, min(stop, len(self._events))):
            code = int(self._events[place])
            if not code & 1:
                self._ops[(code >> 1) * window.OP + window.WHERE] = -1
