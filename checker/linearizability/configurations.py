"""The plain search over configurations: any model, short histories, no compiled code.

A *configuration* is a state and the pending operations that were linearized to reach it. Events are
taken in order. An operation needs to be linearized only when it ends, together with whatever other
pending ones help (Lowe's just-in-time linearization; Knossos' `linear`), so that the configurations
left after each event are all that the past allows. None left: the history is not linearizable, and
that event is the first that no order explains.

A pending operation that only observes is linearized as soon as the state allows it, which spoils
nothing. Which functions only observe is told by the model, in an optional attribute `observers`.

Crashed operations stay pending for ever. Those with the same function, argument and key are
interchangeable and only counted, and of two configurations that differ only in how many crashed
operations they used up, the one that used fewer allows whatever the other does.
"""

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from checker.columns import canonical
from checker.history import Operation, Outcome
from checker.models.model import Inconsistent, Model, State

Counts: TypeAlias = tuple[int, ...]
"""How many crashed operations of each label were used up."""

Configurations: TypeAlias = dict[tuple[State, frozenset[int]], list[Counts]]

BYTES_EACH = 400
"""About what one configuration takes in memory."""


@dataclass(frozen=True)
class Outcomes:
    """What the search found: `stuck_at` is the operation that no order could include.

    `verdict` is None where a limit stopped it, `limit` then says which, after `done` of all events.
    """

    verdict: bool | None
    done: int
    events: int
    largest: int
    limit: str = ""
    stuck_at: Operation | None = None
    reasons: tuple[str, ...] = ()


@dataclass
class Search:
    """One search; `until` is the moment of `time.monotonic` at which to give up."""

    model: Model
    operations: Sequence[Operation]
    until: float
    memory_bytes: int
    labels: list[Operation] = field(default_factory=list)
    steps: dict[tuple[State, int], State | Inconsistent] = field(default_factory=dict)
    largest: int = 1
    reasons: list[str] = field(default_factory=list)

    @property
    def observers(self) -> frozenset[str]:
        """The functions that only observe, as far as the model tells."""
        return getattr(self.model, "observers", frozenset())

    def run(self) -> Outcomes:
        """Take all events in order."""
        todo = [o for o in self.operations if o.outcome is not Outcome.FAIL]
        label = self._label(todo)
        # At equal positions invocations come first, so that the two operations overlap.
        events = sorted(
            [(o.invoked, 0, i) for i, o in enumerate(todo)]
            + [(o.completed, 1, i) for i, o in enumerate(todo) if o.completed is not None]
        )
        crashed: dict[int, int] = {}
        pending: set[int] = set()
        left: Configurations = {(self.model.initial(), frozenset()): [()]}
        for done, (_, ends, number) in enumerate(events):
            if not ends and todo[number].completed is None:
                if todo[number].function not in self.observers:
                    crashed[label[number]] = crashed.get(label[number], 0) + 1
            elif not ends:
                pending.add(number)
            else:
                try:
                    after = self._complete(left, number, sorted(pending), label, crashed)
                except _Stop as stop:
                    return Outcomes(None, done, len(events), self.largest, str(stop))
                pending.discard(number)
                if not after:
                    reasons = tuple(dict.fromkeys(self.reasons))
                    return Outcomes(
                        False, done, len(events), self.largest, "", todo[number], reasons
                    )
                left = after
        return Outcomes(True, len(events), len(events), self.largest)

    def _label(self, todo: Sequence[Operation]) -> list[int]:
        """Number the operations so that those which no model can tell apart share a number."""
        numbers: dict[Hashable, int] = {}
        label = []
        for o in todo:
            parts: list[Any] = [o.function, o.key, o.argument, o.result, str(o.outcome)]
            name = canonical(parts)
            if name not in numbers:
                numbers[name] = len(self.labels)
                self.labels.append(o)
            label.append(numbers[name])
        return label

    def _complete(
        self,
        left: Configurations,
        number: int,
        pending: Sequence[int],
        label: Sequence[int],
        crashed: dict[int, int],
    ) -> Configurations:
        """The configurations in which this operation is done, which is then pending no more."""
        after: Configurations = {}
        seen: Configurations = {}
        self.reasons = []
        stack = [(state, done, used) for (state, done), several in left.items() for used in several]
        for state, done, used in stack:
            _keep(seen, (state, done), used)
        while stack:
            if time.monotonic() > self.until:
                raise _Stop("time limit")
            state, done, used = stack.pop()
            done = self._observe(state, done, pending, label)
            if number in done:
                _keep(after, (state, done - {number}), used)
                continue
            moved = self._step(state, label[number])
            if not isinstance(moved, Inconsistent):
                _keep(after, (moved, done), used)
            used = used + (0,) * (len(crashed) - len(used))
            options = [
                (label[i], done | {i}, used) for i in pending if i != number and i not in done
            ]
            for place, (kind, count) in enumerate(crashed.items()):
                if used[place] < count:
                    more = (*used[:place], used[place] + 1, *used[place + 1 :])
                    options.append((kind, done, more))
            for kind, now, spent in options:
                moved = self._step(state, kind)
                if isinstance(moved, Inconsistent) or (now is done and moved == state):
                    continue
                if _keep(seen, (moved, now), spent):
                    stack.append((moved, now, spent))
            size = len(seen) + len(after)
            self.largest = max(self.largest, size)
            if size * BYTES_EACH > self.memory_bytes:
                raise _Stop("memory limit")
        return after

    def _observe(
        self, state: State, done: frozenset[int], pending: Sequence[int], label: Sequence[int]
    ) -> frozenset[int]:
        """Linearize at once every pending operation that only observes, and observed this state."""
        seen = [
            i
            for i in pending
            if i not in done
            and self.labels[label[i]].function in self.observers
            and not isinstance(self._step(state, label[i]), Inconsistent)
        ]
        return done.union(seen) if seen else done

    def _step(self, state: State, label: int) -> State | Inconsistent:
        found = self.steps.get((state, label), self)
        if found is self:
            found = self.model.step(state, self.labels[label])
            self.steps[state, label] = found
        if isinstance(found, Inconsistent) and len(self.reasons) < 20:
            self.reasons.append(found.reason)
        return found


class _Stop(Exception):
    """A limit was reached; the message names it."""


def _keep(kept: Configurations, where: tuple[State, frozenset[int]], used: Counts) -> bool:
    """Add a configuration unless one that is there used up no more of anything."""
    several = kept.setdefault(where, [])
    if any(_covers(other, used) for other in several):
        return False
    several[:] = [other for other in several if not _covers(used, other)]
    several.append(used)
    return True


def _covers(less: Counts, more: Counts) -> bool:
    wide = max(len(less), len(more))
    one, other = (counts + (0,) * (wide - len(counts)) for counts in (less, more))
    return all(a <= b for a, b in zip(one, other, strict=True))
