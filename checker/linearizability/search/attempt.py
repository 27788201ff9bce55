"""Tries quickly whether the operations of a register have an order: the driver of `narrow`."""

import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from checker.linearizability.search import narrow, parts, window
from checker.linearizability.search.compiling import compiled
from checker.linearizability.search.narrow import HELD, Narrow
from checker.linearizability.search.problem import Problem

BUDGET = {True: 500_000, False: 5_000}
"""Steps between two looks at the clock, compiled and plain."""

FUNCTIONS = (
    "low_place", "size", "score", "enter", "leave", "add", "keep_best", "earliest", "note", "use",
    "expand", "finish", "save", "back", "invoke", "run", "begin", "clean", "tell",
    "several",
)  # fmt: skip
"""The functions of `narrow`, each after those that it calls."""

TOGETHER = 4_096
"""Events of the parts that are tried before the clock is looked at again."""

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
    return compiled(FUNCTIONS, window, narrow, parts)


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
        self._functions = _compiled() if fast else vars(parts)
        room = 4 * (narrow.ROOM if fast else ROOM_PLAIN)
        self._memory = Narrow(
            now=self._new(narrow.NOW),
            events=events,
            ops=ops,
            slots=self._new(problem.count),
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
            order=self._new(2 * problem.count if log else 0),
            told=self._new(len(problem.widths) + 1),
        )

        self._bounds, self._widths = self._given(problem.bounds), self._given(problem.widths)
        self._proven = self._new(len(problem.widths))
        self._parts = self._new(3)
        self._upto = 0

    def _given(self, numbers: Sequence[int]) -> Any:
        return np.array(numbers, np.int64) if self._fast else list(numbers)

    def _new(self, count: int) -> Any:
        return np.zeros(count, np.int64) if self._fast else [0] * count

    def part(self, number: int, until: float) -> int:
        """How large the front became where an order was found; 0 where none was.

        Parts are asked for in order.
        """
        if number >= self._upto:
            self._try_from(number, until)
        return int(self._proven[number])

    def _try_from(self, number: int, until: float) -> None:
        """Try this part, and with it as many of the next ones as are short."""
        bounds, last = self._bounds, number + 1
        while last < len(self._widths) and bounds[last + 1] - bounds[number] <= TOGETHER:
            last += 1
        self._upto = last
        self._parts[0], self._parts[1], self._parts[2] = number, last, 0
        answer = window.PAUSED
        while answer in (window.PAUSED, window.LOG_FULL) and time.monotonic() < until:
            if answer == window.LOG_FULL:
                self._more_log()
            answer = self._functions["several"](
                self._memory, bounds, self._widths, self._problem.initial, self._parts,
                self._proven, BUDGET[self._fast],
            )  # fmt: skip
        if answer != window.FINISHED:
            # Nothing of what was under way may be left to the next part.
            self._functions["clean"](self._memory)

    def _more_log(self) -> None:
        """Make room for more uses; if that would be too much, nothing is logged any more."""
        log = self._memory.log
        if len(log) > LOG_MOST:
            self._memory = self._memory._replace(log=self._new(0))
        elif self._fast:
            log.resize(2 * len(log), refcheck=False)
        else:
            log.extend([0] * len(log))

    def order(self, number: int) -> tuple[Any, Any] | None:
        """Of a part that has an order the operations that are used, in order, and at which events.

        None if it was not logged.
        """
        if not len(self._memory.log):
            return None
        start, stop = 2 * self._memory.told[number], 2 * self._memory.told[number + 1]
        uses = self._memory.order[start:stop][::-1]
        return uses[1::2], uses[::2]
