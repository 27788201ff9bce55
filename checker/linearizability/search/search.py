"""The general search: any model, bounded in time and memory, exact where it has to be.

It keeps a *front* of configurations (`frontier`) through the events of a key. At first the front is
narrow, a handful of configurations: if any is left in the end, an order exists. Where none is left
the search goes back a little and on with a wider one. Only where the widest front dies too is the
whole one needed: none left then proves that no order exists. Before that, a shorter proof is tried:
that no order exists *whatever* the state was a little earlier, which needs no history before.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from checker.linearizability.search import window
from checker.linearizability.search.attempt import Attempt
from checker.linearizability.search.limits import LimitReached
from checker.linearizability.search.machine import Machine, Slow
from checker.linearizability.search.window import BITS

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

REFUTING = 20
"""How many budgets of steps the shorter proof may take."""


@dataclass(frozen=True)
class Tried:
    """What one engine did: for how long, and how that ended."""

    engine: str
    seconds: float
    ended: str

    def to_json(self) -> dict[str, Any]:
        """As statistics of a result."""
        return {"engine": self.engine, "seconds": round(self.seconds, 3), "ended": self.ended}


@dataclass
class Found:
    """What the search of one part found.

    `verdict` is None where `limit` stopped it. `done` is the event that it came to, or got stuck
    at, of `events`; `stuck` is the place of the operation concerned in what the problem was
    made of. `order` holds, where it was logged, the places of operations that an order is made of,
    and `ends` those of the operations at whose ends they took effect; for all others it has room
    (`checker.linearizability.filling`). `tried` tells which engines took part.
    """

    verdict: bool | None
    done: int
    events: int
    largest: int
    limit: str = ""
    stuck: int = -1
    order: Sequence[int] | None = None
    ends: Sequence[int] = ()
    tried: tuple[Tried, ...] = ()


class Search(Machine):
    """Searches the parts of one problem, one after the other."""

    @cached_property
    def _attempt(self) -> Attempt | None:
        """The quick try, which is for registers; of a short history it would not be quicker."""
        if self.problem.steps is not None or self.problem.count < QUICK_FROM:
            return None
        memory = self.memory
        return Attempt(self.problem, memory.ops, memory.events, self.fast, self.logs)

    def part(self, number: int) -> Found:
        """Decide one part."""
        bounds = self.problem.bounds
        first, last = bounds[number], bounds[number + 1]
        self._width = self.problem.widths[number]
        if time.monotonic() > self.until:
            return Found(None, 0, last - first, 0, "time limit")
        if self._attempt is not None:
            # What is that hard is tried once more, compiled.
            largest = self._attempt.part(number, min(self.until, self._patience))
            if largest:
                return self._found(last - first, largest, self._attempt.order(number))
        self.memory.reg[window.LOGGED] = 0
        try:
            self._begin(first, [self.problem.initial])
            found = self._decide(first, last)
        except LimitReached as limit:
            done = int(self.memory.reg[window.EVENT]) - first
            stuck = self._stuck_at(int(self.memory.reg[window.EVENT]))
            found = Found(
                None, done, last - first, int(self.memory.reg[window.LARGEST]), str(limit), stuck
            )
        except Slow:
            self._clean()
            compiled = Search(self.problem, self.until, self.memory_bytes, True, self.logs)
            compiled.effort_most = self.effort_most
            return compiled.part(number)
        self._clean()
        return found

    def _decide(self, first: int, last: int) -> Found:
        """Narrow fronts first, wider ones where these die, the whole one where nothing else helps.

        `tries` counts the dead ends since the search last came further than ever before.
        """
        places = [self._checkpoint()]
        tries, farthest, largest = 0, first, 0
        self.memory.reg[window.WIDTH] = (*WIDTHS, 0)[0]
        refuted = False
        while True:
            target = min(last, int(self.memory.reg[window.EVENT]) + SEGMENT)
            answer = self._run(target)
            event = int(self.memory.reg[window.EVENT])
            if answer == window.FINISHED:
                if event == last:
                    widest = int(self.memory.reg[window.LARGEST])
                    return self._found(last - first, widest, self._order())
                self._heed_limits()
                places.append(self._checkpoint())
                if not self.memory.reg[window.PRUNED]:
                    # Nothing was lost so far, so there is no need to go back any farther.
                    places = places[-1:]
                if len(places) > PLACES_MAX:
                    del places[1 + (len(places) // 2)]
                if event > farthest:
                    farthest, tries, refuted = event, 0, False
                    self.memory.reg[window.WIDTH] = (*WIDTHS, 0)[0]
                continue
            if not self.memory.reg[window.PRUNED]:
                return self._stuck(first, last, event)
            self._heed_limits()
            largest = max(largest, int(self.memory.reg[window.LARGEST]))
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
                while places[-1].pruned:
                    places.pop()
            self._return(places[-1])
            self.memory.reg[window.WIDTH] = (*WIDTHS, 0)[min(tries, len(WIDTHS))]

    def _found(self, events: int, largest: int, uses: tuple[Any, Any] | None) -> Found:
        """That there is an order, with the operations that were used, and at which events."""
        if uses is None:
            return Found(True, events, events, largest)
        rows, taken = self.problem.rows, self.problem.events
        if isinstance(rows, np.ndarray):
            order, ends = rows[uses[0]], rows[np.asarray(taken)[uses[1]] >> 1]
            return Found(True, events, events, largest, order=order, ends=ends)
        order = [rows[op] for op in uses[0]]
        return Found(True, events, events, largest, order=order)

    def _stuck(self, first: int, last: int, event: int) -> Found:
        largest = int(self.memory.reg[window.LARGEST])
        return Found(False, event - first, last - first, largest, stuck=self._stuck_at(event))

    def _stuck_at(self, event: int) -> int:
        """The place of the operation of an event in what the problem was made of."""
        if event >= len(self.memory.events):
            return -1
        return int(self.problem.rows[int(self.memory.events[event]) >> 1])

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
            if time.monotonic() > self.until:
                raise LimitReached("time limit")
            start = max(first, event - reach)
            self._clean()
            pending = self._pending_at(first, start)
            self._begin(start, states)
            words = int(self.memory.reg[window.WORDS])
            front, size = self.memory.front, 3 + 2 * words
            for slot, op in enumerate(pending):
                self._enter(op, slot)
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
        codes = np.asarray(self.memory.events[first:event], np.int64)
        begun, ended = codes[codes & 1 == 0] >> 1, codes[codes & 1 == 1] >> 1
        return [int(op) for op in begun[~np.isin(begun, ended)]]
