"""Tries quickly whether the operations of a register have an order: the driver of `narrow`."""

import time
from functools import cache
from typing import Any

import numpy as np

from checker.linearizability.search import narrow, window
from checker.linearizability.search.compiling import compiled
from checker.linearizability.search.narrow import HELD, Narrow
from checker.linearizability.search.problem import Problem

BUDGET = {True: 500_000, False: 5_000}
"""Steps between two looks at the clock, compiled and plain."""

FUNCTIONS = (
    "low_place", "size", "score", "enter", "leave", "add", "keep_best", "earliest", "note", "use",
    "expand", "finish", "save", "back", "invoke", "run",
)  # fmt: skip
"""The functions of `narrow`, each after those that it calls."""

LOG_FIRST = 1 << 15
LOG_MOST = 1 << 25
"""Numbers that the log of uses holds at first, and at most about a half of what it may."""

ROOM_PLAIN = 256
"""Configurations that a list holds where all runs as plain Python."""

PLACES = [0] * 67
for _bit in range(window.BITS):
    PLACES[(1 << _bit) % 67] = _bit


@cache
def _compiled() -> dict[str, Any]:
    return compiled(FUNCTIONS, window, narrow)


class Attempt:
    """Tries the parts of one problem, one after the other, in the same memory."""

    def __init__(
        self, problem: Problem, ops: Any, events: Any, fast: bool, log: bool = False
    ) -> None:
        """`ops` and `events` are the problem's, as arrays if `fast`, else as lists.

        With `log` it notes what was used, so that an order can be told in the end.
        """
        self._fast = fast
        self._problem = problem
        self._functions = _compiled() if fast else vars(narrow)
        room = 4 * (narrow.ROOM if fast else ROOM_PLAIN)
        self._memory = Narrow(
            now=self._new(narrow.NOW),
            events=events,
            ops=ops,
            slots=self._new(len(problem.kinds)),
            values=self._new(narrow.BY_VALUE * problem.states),
            held=self._new(HELD * window.BITS),
            places=np.array(PLACES) if fast else PLACES,
            front=self._new(room),
            found=self._new(room),
            work=self._new(room),
            more=self._new(room),
            counts=self._new(2),
            scores=self._new(3 * window.BITS),
            saved=self._new(narrow.KEPT * (2 + 4 * narrow.SAVED_FRONT)),
            log=self._new(LOG_FIRST if log else 0),
        )

    def _new(self, count: int) -> Any:
        return np.zeros(count, np.int64) if self._fast else [0] * count

    def part(self, number: int, until: float) -> tuple[bool, int, int]:
        """Whether an order was found, to which event it came, and how many there were at most."""
        if self._problem.widths[number] > window.BITS:
            return False, 0, 0
        bounds = self._problem.bounds
        now, front = self._memory.now, self._memory.front
        for name in range(narrow.NOW):
            now[name] = 0
        now[narrow.EVENT] = bounds[number]
        now[narrow.WIDTH] = now[narrow.NARROW] = narrow.NARROWEST
        now[narrow.COUNT] = 1
        front[0], front[1], front[2], front[3] = self._problem.initial, 0, 0, window.NO_TRAIL
        answer = window.PAUSED
        while answer in (window.PAUSED, window.LOG_FULL) and time.monotonic() < until:
            if answer == window.LOG_FULL:
                self._more_log()
            answer = self._functions["run"](self._memory, bounds[number + 1], BUDGET[self._fast])
        self._clean()
        farthest = max(int(now[narrow.EVENT]), int(now[narrow.FARTHEST]))
        return answer == window.FINISHED, farthest, int(now[narrow.LARGEST])

    def _more_log(self) -> None:
        """Make room for more uses; if that would be too much, nothing is logged any more."""
        log = self._memory.log
        if len(log) > LOG_MOST:
            self._memory = self._memory._replace(log=self._new(0))
        elif self._fast:
            log.resize(2 * len(log), refcheck=False)
        else:
            log.extend([0] * len(log))

    def order(self) -> list[int] | None:
        """The operations that are used on the way to the end, in their order, if it was logged."""
        front, log = self._memory.front, self._memory.log
        if not len(log):
            return None
        order = []
        entry = int(front[3])
        while entry != window.NO_TRAIL:
            order.append(int(log[2 * entry + 1]))
            entry = int(log[2 * entry])
        return order[::-1]

    def _clean(self) -> None:
        """Leave nothing of this part in the memory that the next one will use."""
        pending = int(self._memory.now[narrow.PENDING])
        while pending:
            low = pending & -pending
            pending ^= low
            op = int(self._memory.held[HELD * (low.bit_length() - 1) + 2])
            self._functions["leave"](self._memory, op)
