"""Tries quickly whether the operations of a register have an order: the driver of `narrow`."""

import time
from functools import cache
from typing import Any

import numpy as np

from checker.linearizability.search import narrow, window
from checker.linearizability.search.compiling import compiled
from checker.linearizability.search.narrow import HELD
from checker.linearizability.search.problem import Problem

BUDGET = {True: 500_000, False: 5_000}
"""Steps between two looks at the clock, compiled and plain."""

FUNCTIONS = (
    "low_place", "size", "score", "enter", "leave_slot", "keep", "worst_kept", "earliest", "use",
    "expand_one", "finish", "save", "back", "begin_one", "advance",
)  # fmt: skip
"""The functions of `narrow`, each after those that it calls."""

ROOM_PLAIN = 256
"""Configurations that a list holds where all runs as plain Python."""

PLACES = [0] * 67
for _bit in range(window.BITS):
    PLACES[(1 << _bit) % 67] = _bit


@cache
def _compiled() -> dict[str, Any]:
    return compiled(FUNCTIONS, window, narrow, whole=True)


class Attempt:
    """Tries the parts of one problem, one after the other, in the same memory."""

    def __init__(self, problem: Problem, ops: Any, events: Any, fast: bool) -> None:
        """`ops` and `events` are the problem's, as arrays if `fast`, else as lists."""
        self._fast = fast
        self._problem = problem
        self._functions = _compiled() if fast else vars(narrow)
        room = narrow.ROOM if fast else ROOM_PLAIN
        self._slots = self._new(len(problem.kinds))
        self._values = self._new(narrow.BY_VALUE * problem.states)
        self._held = self._new(HELD * window.BITS)
        self._places = np.array(PLACES) if fast else PLACES
        self._ops, self._events = ops, events
        self._pools = [self._new(3 * room) for _ in range(4)]
        self._counts = self._new(2)
        self._scores = self._new(3 * window.BITS)
        self._saved = self._new(narrow.KEPT * (2 + 3 * narrow.SAVED_FRONT))

    def _new(self, count: int) -> Any:
        return np.zeros(count, np.int64) if self._fast else [0] * count

    def part(self, number: int, until: float) -> tuple[bool, int, int]:
        """Whether an order was found, to which event it came, and how many there were at most."""
        if self._problem.widths[number] > window.BITS:
            return False, 0, 0
        bounds = self._problem.bounds
        now = self._new(narrow.NOW)
        now[narrow.EVENT] = bounds[number]
        now[narrow.WIDTH] = now[narrow.NARROW] = narrow.NARROWEST
        now[narrow.COUNT] = 1
        front = self._pools[0]
        front[0], front[1], front[2] = self._problem.initial, 0, 0
        answer = narrow.TIME
        while answer == narrow.TIME and time.monotonic() < until:
            answer = self._functions["advance"](
                now, self._events, bounds[number + 1], self._ops, self._slots, self._values,
                self._held, self._places, *self._pools, self._counts, self._scores, self._saved,
                BUDGET[self._fast],
            )  # fmt: skip
        self._clean(now)
        farthest = max(int(now[narrow.EVENT]), int(now[narrow.FARTHEST]))
        return answer == narrow.DONE, farthest, int(now[narrow.LARGEST])

    def _clean(self, now: Any) -> None:
        """Leave nothing of this part in the memory that the next one will use."""
        pending = int(now[narrow.PENDING])
        while pending:
            low = pending & -pending
            pending ^= low
            op = int(self._held[HELD * (low.bit_length() - 1) + 2])
            self._functions["leave_slot"](now, self._ops, self._slots, self._values, op)
