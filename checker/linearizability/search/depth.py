"""The search depth first: one order at a time, with a cache of the configurations that failed.

Wing and Gong's search with Lowe's cache ("Testing for linearizability"), over the configurations of
`checker.linearizability.search.frontier`: a state, and of each pending operation whether it is
used, free, or an obligation. It asks of the model only the steps on its way, so it is at its best
where an order exists and states are many; where none exists it tries every configuration that the
front would hold, one after the other.

What may come next is tried in the order in which operations are most likely to have taken effect, a
little before the middle of their intervals; where the operation that ends first is not possible,
those come before all others after which it is. Operations that leave the state as it is become free
at once, those that only observe are used at once, and of operations alike only the one that ends
first may be used.
"""

import time
from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass

from checker.linearizability.search.depth_memory import LOOKS
from checker.linearizability.search.limits import LimitReached
from checker.linearizability.search.problem import Problem
from checker.linearizability.search.window import NO_STEP
from checker.memory import Watch

LIKELY = 0.4
"""How far into its interval an operation is supposed to have taken effect."""

TRIES = 16
"""States in which an operation is tried in vain before it is no longer expected to be idle."""

LOOK_EVERY = 256
"""Steps between two looks at the clock and the memory."""

MEASURE_EVERY = 4_096
"""Steps between two estimates of the memory."""

ENTRY_BYTES, STEP_BYTES, FRAME_BYTES, WINDOW_BYTES = 240, 110, 700, 120
"""About what a configuration in the cache, a known step, an operation of the order that is being
tried, and a pending operation of one moment take."""

PASS = -1
"""Instead of an operation: the one that ends first ends, and was free."""


@dataclass(slots=True)
class _Choice:
    """A configuration on the way, with what may come next; `done` is what happened to get here."""

    end: int
    state: int
    used: int
    free: int
    moves: Iterator[tuple[int, int]]
    by: int


class DepthFirst:
    """Searches a problem of one part, whose model has steps; `run` may be called again to go on."""

    def __init__(self, problem: Problem, memory_bytes: int) -> None:
        assert problem.steps is not None
        self._steps = problem.steps
        self._label_count = len(problem.steps.labels)
        self._labels = problem.labels
        self._memory = memory_bytes
        self.watch = Watch(memory_bytes)
        self._table: dict[int, int] = {}
        self._idle = [TRIES] * self._label_count
        self._seen: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self._timeline = _Timeline(problem)
        self._choices: list[_Choice] = []
        self._cached = 0
        self._done = self._looks = 0
        self._farthest = 0
        if self._timeline.ends:
            self._arrive(0, problem.initial, 0, 0, PASS)

    @property
    def stuck(self) -> int:
        """The event that no order came past so far: the end of an operation."""
        ends = self._timeline.end_events
        return ends[min(self._farthest, len(ends) - 1)] if ends else 0

    def run(self, until: float, steps: float) -> bool | None:
        """Whether an order exists; None after that many more steps.

        Raises `LimitReached` where the memory does not suffice, or that moment of `time.monotonic`
        came before.
        """
        timeline, choices = self._timeline, self._choices
        stop = self._done + self._looks // LOOKS + steps
        while choices:
            choice = choices[-1]
            if self._done + self._looks // LOOKS >= stop:
                return None
            move = next(choice.moves, None)
            if move is None:
                choices.pop()
                continue
            self._done += 1
            if self._done % LOOK_EVERY == 0:
                if time.monotonic() > until:
                    raise LimitReached("time limit")
                if self._done % MEASURE_EVERY == 0:
                    self._bound_memory()
            op, state = move
            if op == PASS:
                end = choice.end + 1
                if end == len(timeline.ends):
                    return True
                keep = ~timeline.bits[timeline.ends[choice.end]]
                self._arrive(end, state, choice.used & keep, choice.free & keep, PASS)
            else:
                bit = timeline.bits[op]
                self._arrive(choice.end, state, choice.used | bit, choice.free & ~bit, op)
        return not timeline.ends

    def _arrive(self, end: int, state: int, used: int, free: int, by: int) -> None:
        """Go on from a configuration, unless one that allows as much was tried before."""
        window = self._timeline.window(end)
        free |= self._timeline.born_free[end] & ~used
        done = used | free
        for _, bit, label, _ in window:
            if done & bit or not self._idle[label]:
                continue
            if self._step(state, label) == state:
                if self._steps.observes[label]:
                    used |= bit
                else:
                    free |= bit
                self._idle[label] = -1
            elif self._idle[label] > 0:
                self._idle[label] -= 1
        tried = self._seen.setdefault((end, state), [])
        self._looks += len(tried)
        for other_used, other_free in tried:
            if not (free | (used ^ other_used)) & ~other_free:
                return
        tried.append((used, free))
        self._cached += 1
        self._farthest = max(self._farthest, end)
        moves = self._moves(end, state, used, free)
        self._choices.append(_Choice(end, state, used, free, moves, by))

    def _moves(self, end: int, state: int, used: int, free: int) -> Iterator[tuple[int, int]]:
        """What may come next, each with the state after it, the most promising first."""
        timeline, table, count = self._timeline, self._table, self._label_count
        first = timeline.ends[end]
        due, due_label = timeline.bits[first], self._labels[first]
        if used & due:
            yield PASS, state
            return
        if free & due:
            yield PASS, state
        ahead = not free & due and self._step(state, due_label) == NO_STEP
        others = []
        for op, bit, label, alike in timeline.window(end):
            if used & bit:
                continue
            open_ = alike & ~used
            if open_ and (free & bit or open_ & ~free):
                continue
            after = table.get(state * count + label)
            if after is None:
                after = self._step(state, label)
            if after == NO_STEP or (after == state and free & bit):
                continue
            if ahead and self._step(after, due_label) == NO_STEP:
                others.append((op, after))
            else:
                yield op, after
        yield from others

    def _step(self, state: int, label: int) -> int:
        key = state * self._label_count + label
        after = self._table.get(key)
        if after is None:
            after = self._table[key] = self._steps.step(state, label)
            # One step of the search may ask for many, and each may make a large state.
            if len(self._table) % LOOK_EVERY == 0 and self.watch.exceeded():
                raise LimitReached("memory limit")
        return after

    def _bound_memory(self) -> None:
        """Forget the cache where it grows too large; give up where that does not suffice."""
        fixed = (
            len(self._table) * STEP_BYTES
            + len(self._choices) * FRAME_BYTES
            + self._timeline.taken * WINDOW_BYTES
            + self._steps.bytes()
        )
        if fixed > self._memory or self.watch.exceeded():
            raise LimitReached("memory limit")
        if fixed + self._cached * ENTRY_BYTES > self._memory:
            self._seen.clear()
            self._cached = 0

    def order(self) -> list[int]:
        """The order that was found, as operations of the problem, once `run` has said that it is.

        What was free took effect where it became so, if it was not used later.
        """
        timeline, placed = self._timeline, dict[int, int]()
        before: list[list[int]] = [[] for _ in self._choices]
        waiting: dict[int, tuple[int, bool]] = {}
        # Of each operation that is free: since which choice.
        for place, choice in enumerate(self._choices):
            if choice.by != PASS:
                placed[choice.by] = place
                waiting.pop(choice.by, None)
            for op, bit, _, _ in timeline.window(choice.end):
                if op in placed or op in waiting:
                    continue
                if (choice.used | choice.free) & bit:
                    waiting[op] = (place, bool(choice.used & bit))
        for op, (place, _) in waiting.items():
            if timeline.ended[op]:
                before[place].append(op)
        order = []
        for choice, idle in zip(self._choices, before, strict=True):
            if choice.by != PASS:
                order.append(choice.by)
            order += idle
        return order


class _Timeline:
    """When the operations of a problem begin and end, and which are pending at each end.

    A *bit* stands for an operation while it is pending. The windows are worked out as far as the
    search comes.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        count = len(problem.labels)
        supposed = problem.supposed
        self.ends: list[int] = []
        self.end_events: list[int] = []
        self.bits = [0] * count
        self.ended = [False] * count
        self.taken = 0
        self.born_free: list[int] = []
        self._begins: list[list[int]] = []
        self._likely = [0.0] * count
        self._place = [len(problem.events)] * count
        self._windows: list[list[tuple[int, int, int, int]]] = []
        self._by_end: list[tuple[int, int]] = []
        self._by_likely: list[tuple[float, int]] = []
        self._earlier = [0] * count
        begun, fresh, taken = [0] * count, list[int](), 0
        for place, event in enumerate(problem.events):
            op = event >> 1
            if event & 1:
                self.ends.append(op)
                self.end_events.append(place)
                self._begins.append(fresh)
                fresh = []
                self.ended[op] = True
                self._place[op] = place
                taken &= ~self.bits[op]
                self._likely[op] = begun[op] + (place - begun[op]) * LIKELY
            else:
                begun[op] = place
                self._likely[op] = float("inf")
                fresh.append(op)
                # The lowest bit that is not taken.
                self.bits[op] = ~taken & (taken + 1)
                taken |= self.bits[op]
        self._optional = [
            bool(free) or not ended for free, ended in zip(supposed, self.ended, strict=True)
        ]

    def window(self, end: int) -> list[tuple[int, int, int, int]]:
        """Of each operation that is pending before that end: itself, its bit, its label, and the
        bits of those with the same label that end earlier."""
        while len(self._windows) <= end:
            self._next()
        return self._windows[end]

    def _next(self) -> None:
        end = len(self._windows)
        for op in self._begins[end]:
            insort(self._by_end, (self._place[op], op))
            insort(self._by_likely, (self._likely[op], op))
        labels, bits = self._problem.labels, self.bits
        alike: dict[int, int] = {}
        born_free = 0
        earlier = self._earlier
        for _, op in self._by_end:
            label = labels[op]
            earlier[op] = alike.get(label, 0)
            alike[label] = earlier[op] | bits[op]
            if self._optional[op]:
                born_free |= bits[op]
        self._windows.append([(op, bits[op], labels[op], earlier[op]) for _, op in self._by_likely])
        self.born_free.append(born_free)
        self.taken += len(self._by_end)
        gone = self.ends[end]
        self._by_end.remove((self._place[gone], gone))
        self._by_likely.remove((self._likely[gone], gone))
