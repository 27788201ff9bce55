"""Stacks whose values are distinct, in O(n log n) for each level at which values lie on each other.

A value is *certainly inside* between the end of its push and the beginning of its pop. Moments at
which no value is certainly inside divide the others into stretches: there is an order in which the
stack is empty at all of these moments, since whichever value might be inside can come later or go
earlier. Within a stretch one value must lie at the bottom: pushed by the time at which the first
value is certainly inside, popped when the last one no longer is. If no value can, there is no
order; else it is put aside, and what is left is divided further. A value whose push and pop overlap
comes and goes at one moment and disturbs nobody.

Source: Lee, Mathur, Efficient decrease-and-conquer linearizability monitoring (2025), and Abdulla
and others, Efficient linearizability monitoring (2025), from which the values that can be put aside
are. A push that was never answered and whose value nobody popped is left out. A pop that was never
answered may have taken any value: what is wrong without it is left to the search.
"""

import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

from checker.columns import NEVER
from checker.linearizability.objects.emptiness import never_empty
from checker.linearizability.objects.stay import POPPED, Stay, enqueued, taken
from checker.linearizability.registers.facts import Ambiguous, began, ended
from checker.linearizability.violation import Violation
from checker.operation import Operation, Outcome

MOST_VISITS = 5_000_000
"""How often values may be looked at, some seconds, before the stack is left to the search."""

SHRINKING_VISITS = 100_000
"""How often they may be while a counterexample is made smaller."""

Moves = list[tuple[int, Operation]]
"""Operations with the moments at which they take effect, which never decrease."""


def check_stack(operations: Sequence[Operation], until: float = inf) -> Violation | None:
    """Judge `push` and `pop` of one stack; a pop of an empty one returns null.

    Raises `Ambiguous` where a value is pushed twice or is null, which is also what an empty stack
    answers, where what is wrong might be due to an unanswered pop, where values lie on each other
    at very many levels, or where the moment `until` of `time.monotonic` comes first.
    """
    stack = _Stack.of(operations)
    if isinstance(stack, Violation):
        return stack
    violation = never_empty(stack.values, stack.empty, what="stack")
    if violation is None:
        stuck = _Nesting(stack.values, until=until).stuck
        violation = None if stuck is None else _no_bottom(stuck, until)
    if violation is not None and stack.crashed:
        raise Ambiguous
    return violation


def order_stack(operations: Sequence[Operation]) -> list[Operation]:
    """An order of a stack that was found to be right; some that crashed are left out."""
    stack = _Stack.of(operations)
    assert isinstance(stack, _Stack)
    nesting = _Nesting(stack.values, stack.empty)
    moves, moments = nesting.moves, [moment for moment, _ in nesting.moves]
    brief: list[list[Operation]] = [[] for _ in range(len(moves) + 1)]
    for value in sorted(stack.brief, key=lambda value: value.leaves):
        brief[bisect_right(moments, value.leaves)] += value.operations()
    order = brief[0]
    for (_, operation), after in zip(moves, brief[1:], strict=True):
        order += [operation, *after]
    return order


@dataclass
class _Stack:
    """The values that are certainly inside for a while, those that are not, and other pops."""

    values: list[Stay] = field(default_factory=list)
    brief: list[Stay] = field(default_factory=list)
    empty: list[Operation] = field(default_factory=list)
    crashed: bool = False

    @classmethod
    def of(cls, operations: Sequence[Operation]) -> "_Stack | Violation":
        """What there is of a stack, or what is wrong with a single value."""
        found = cls()
        values = {value: Stay(push) for value, push in enqueued(operations, "push").items()}
        for pop in operations:
            if pop.function != "pop" or pop.outcome is Outcome.FAIL:
                continue
            if pop.outcome is Outcome.INFO:
                found.crashed = True
            elif pop.result is None:
                found.empty.append(pop)
            elif violation := taken(values, pop, POPPED):
                return violation
        for value in sorted(values.values(), key=lambda value: value.inside):
            if value.dequeue is not None and value.leaves <= value.inside:
                found.brief.append(value)
            elif value.dequeue is not None or value.enqueue.outcome is Outcome.OK:
                found.values.append(value)
        return found


class _Nesting:
    """How values lie on each other: `moves`, or `stuck`, a stretch in which none can be lowest."""

    def __init__(
        self,
        values: Sequence[Stay],
        empty: Sequence[Operation] = (),
        most: int = MOST_VISITS,
        until: float = inf,
    ) -> None:
        self.moves: Moves = []
        self.stuck: list[Stay] | None = None
        self._visits, self._until = most, until
        stretches = [_Stretch(own) for own in _divided(values)]
        gaps = [*_in_gaps(sorted(empty, key=began), stretches)]
        todo: list[tuple[Moves, list[Stay]]] = [(gaps[-1], [])]
        for stretch, gap in zip(reversed(stretches), reversed(gaps[:-1]), strict=True):
            todo += [*self._taken_apart(stretch), (gap, [])]
        while todo and self.stuck is None:
            moves, above = todo.pop()
            self.moves += moves
            for own in reversed([*_divided(above)]):
                todo += self._taken_apart(_Stretch(own))

    def _taken_apart(self, stretch: "_Stretch") -> list[tuple[Moves, list[Stay]]]:
        """What happens in a stretch, the last first: moves, and values that then lie above."""
        lowest = [value for value in stretch.values if stretch.encloses(value)]
        self._visits -= len(stretch.values)
        if self._visits < 0 or time.monotonic() > self._until:
            raise Ambiguous
        if not lowest:
            self.stuck = stretch.values
            return []
        rest = [value for value in stretch.values if not stretch.encloses(value)]
        pushes = [(stretch.first, value.enqueue) for value in lowest]
        pops = [(stretch.last, value.dequeue) for value in reversed(lowest) if value.dequeue]
        return [(pops, []), (pushes, rest)]


class _Stretch:
    """Values of which at every moment from `first` to `last` one is certainly inside."""

    def __init__(self, values: list[Stay]) -> None:
        self.values = values
        self.first = values[0].inside
        self.last = max(value.leaves for value in values)

    def encloses(self, value: Stay) -> bool:
        """Whether a value can lie below all the others."""
        gone = NEVER if value.dequeue is None else ended(value.dequeue)
        return began(value.enqueue) <= self.first and gone >= self.last


def _divided(values: Sequence[Stay]) -> Iterator[list[Stay]]:
    """The values by stretch; they come in the order in which they are certainly inside."""
    own: list[Stay] = []
    last = -NEVER
    for value in values:
        if own and value.inside >= last:
            yield own
            own = []
        own.append(value)
        last = max(last, value.leaves)
    if own:
        yield own


def _in_gaps(empty: Sequence[Operation], stretches: Sequence[_Stretch]) -> Iterator[Moves]:
    """The pops of an empty stack, before each stretch and after the last."""
    firsts = [stretch.first for stretch in stretches]
    gaps: list[Moves] = [[] for _ in range(len(stretches) + 1)]
    for pop in empty:
        place = bisect_right(firsts, began(pop) - 1)
        floor = stretches[place - 1].last if place else -NEVER
        gaps[place].append((max(began(pop), floor), pop))
    for gap in gaps:
        yield sorted(gap, key=lambda move: move[0])


def _no_bottom(stuck: list[Stay], until: float) -> Violation:
    """That none of these values can be the lowest, of as few of them as a few trials find."""
    left, visits, size = stuck, SHRINKING_VISITS, len(stuck) // 2
    while size and visits > 0 and time.monotonic() < until:
        start = 0
        while start < len(left) and visits > 0:
            rest = left[:start] + left[start + size :]
            visits -= len(rest)
            found = _stuck(rest)
            left, start = (left, start + size) if found is None else (found, 0)
        size = min(size, len(left)) // 2
    shown = tuple(o for value in left for o in value.operations())
    first = shown.index(left[0].enqueue)
    last = max(left, key=lambda value: value.leaves)
    span = "on" if last.dequeue is None else f"until {{{shown.index(last.dequeue)}}} began"
    return Violation(
        shown,
        f"from the end of {{{first}}} {span} the stack was never empty, so one of these values "
        "lay below all the others; but none was both pushed so early and popped so late",
    )


def _stuck(values: Sequence[Stay]) -> list[Stay] | None:
    try:
        return _Nesting(values, most=SHRINKING_VISITS).stuck
    except Ambiguous:
        return None
