"""Shrinks a violation that was found by search, for any model.

Two things may be taken from a violation, and what is left is one all the more surely for the whole:
that an operation which only observed happened at all; and that an update must have happened. Such
an update is only *supposed* then: it may have happened within its interval, or never. It cannot
just be left out, since it might be what explains the rest.

Of a register, two kinds of supposed updates can be left out: those of a value that no one needs,
and a write after which another of the same value ended before anyone who saw that value began.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from checker.columns import canonical
from checker.linearizability.registers.facts import NOT, Unsupported, ended, saw_and_wrote
from checker.linearizability.search.limits import LimitReached
from checker.linearizability.search.portfolio import decide
from checker.linearizability.search.problem import Answers, Problem, of_operations
from checker.linearizability.search.search import Found
from checker.models.known import is_register, known_object
from checker.models.model import Model
from checker.operation import Operation, Outcome

WINDOWS = (8, 32, 128, 512)
"""How many of the last operations are tried alone, all before being but supposed."""

MEMORY_BYTES = 1 << 28


@dataclass(frozen=True)
class Unexplained:
    """Operations that no order explains, even if those in `supposed` need not have happened.

    `stuck` is one that no order includes. `smallest` says that nothing more can be left out.
    """

    operations: tuple[Operation, ...]
    supposed: tuple[Operation, ...] = ()
    stuck: Operation | None = None
    smallest: bool = False

    @property
    def places(self) -> frozenset[int]:
        """The places of the supposed operations."""
        chosen = {id(o) for o in self.supposed}
        return frozenset(place for place, o in enumerate(self.operations) if id(o) in chosen)

    @property
    def demanded(self) -> tuple[Operation, ...]:
        """The operations that must have happened."""
        chosen = {id(o) for o in self.supposed}
        return tuple(o for o in self.operations if o.completed is not None and id(o) not in chosen)


def violation_at(operations: Sequence[Operation], stuck: Operation, model: Model) -> Unexplained:
    """The violation that shows when `stuck` ends, as no order includes it.

    What began later does not matter, and what ended later may not have happened by then.
    """
    observers: frozenset[str] = getattr(model, "observers", frozenset())
    moment = ended(stuck)
    kept = [
        o
        for o in operations
        if o.invoked <= moment
        and o.outcome is not Outcome.FAIL
        and (ended(o) <= moment or o.function not in observers)
    ]
    open_ = (o for o in kept if ended(o) > moment and o.completed is not None)
    return Unexplained(tuple(kept), tuple(open_), stuck)


def shrink(
    violation: Unexplained,
    model: Model,
    until: float,
    memory_bytes: int = MEMORY_BYTES,
    answers: Answers | None = None,
) -> Unexplained:
    """The violation as small as can be made of it until that moment.

    `answers` are those that the model gave before.
    """
    trials = Trials(model, until, min(memory_bytes, MEMORY_BYTES), answers)
    left = _window(violation, trials)
    size = max(1, len(left.demanded) // 2)
    smallest = False
    while not smallest and time.monotonic() < until:
        demanded = left.demanded
        trials.undecided = False
        for start in range(0, len(demanded), size):
            if time.monotonic() > until:
                return _without_observers(left, model)
            left = trials.weaker(left, demanded[start : start + size]) or left
        unchanged = size == 1 and len(left.demanded) == len(demanded)
        if unchanged and trials.undecided:
            break
        smallest = unchanged
        size = max(1, size // 2)
    return replace(_without_observers(left, model), smallest=smallest)


def _window(whole: Unexplained, trials: "Trials") -> Unexplained:
    """The violation with only the last operations demanded, as few as do."""
    last = sorted(whole.demanded, key=ended)
    for window in WINDOWS:
        if window >= len(last):
            break
        smaller = trials.weaker(whole, last[:-window])
        if smaller is not None:
            return smaller
    return without_the_useless(whole, trials.model)


def supposing(violation: Unexplained, taken: Sequence[Operation]) -> Unexplained:
    """The same, though it does not matter whether these operations happened."""
    return replace(violation, supposed=(*violation.supposed, *taken))


class Trials:
    """Tries what less is a violation still, with one problem for as long as the operations last."""

    def __init__(
        self,
        model: Model,
        until: float,
        memory_bytes: int = MEMORY_BYTES,
        answers: Answers | None = None,
    ) -> None:
        self.model = model
        self._answers = Answers() if answers is None else answers
        self._until, self._memory = until, memory_bytes
        self._operations: tuple[Operation, ...] = ()
        self._problem: Problem | None = None
        self.undecided = False
        """Whether something could not be tried to its end."""

    def weaker(self, violation: Unexplained, taken: Sequence[Operation]) -> Unexplained | None:
        """The same with these operations but supposed, without what cannot help; None where it is
        no violation, or time ran out."""
        less = supposing(violation, taken)
        stuck = self.stuck(less)
        return (
            None if stuck is None else without_the_useless(replace(less, stuck=stuck), self.model)
        )

    def stuck(self, violation: Unexplained) -> Operation | None:
        """The operation at which the search finds no order; None where it finds one, or no answer,
        which makes it `undecided`."""
        if not violation.demanded:
            return None
        found = self._decided(violation)
        self.undecided |= found is None or found.verdict is None
        return violation.operations[found.stuck] if found and found.verdict is False else None

    def _decided(self, violation: Unexplained) -> Found | None:
        if time.monotonic() > self._until:
            return None
        try:
            if self._problem is None or violation.operations is not self._operations:
                self._operations = violation.operations
                self._problem = of_operations(
                    self.model, violation.operations, until=self._until, answers=self._answers
                )
        except LimitReached:
            return None
        return decide(self._problem.supposing(violation.places), self._until, self._memory)


def _without_observers(violation: Unexplained, model: Model) -> Unexplained:
    """The same without the supposed operations that only observe: they explain nothing."""
    observers: frozenset[str] = getattr(model, "observers", frozenset())
    gone = {id(o) for o in violation.supposed if o.function in observers}
    return replace(
        violation,
        operations=tuple(o for o in violation.operations if id(o) not in gone),
        supposed=tuple(o for o in violation.supposed if id(o) not in gone),
    )


def without_the_useless(violation: Unexplained, model: Model) -> Unexplained:
    """Leave out the supposed updates that cannot help, as far as that is known of the model."""
    if not is_register(known_object(model)):
        return violation
    try:
        facts = [(o, *saw_and_wrote(o)) for o in violation.operations]
    except Unsupported:
        return violation
    optional = {id(o) for o in violation.supposed}
    optional |= {id(o) for o in violation.operations if o.completed is None}
    needed = {canonical(saw) for o, saw, _ in facts if saw is not NOT and id(o) not in optional}
    size = -1
    while size != len(needed):
        size = len(needed)
        needed |= {
            canonical(saw)
            for _, saw, wrote in facts
            if saw is not NOT and wrote is not NOT and canonical(wrote) in needed
        }
    begun: dict[object, int] = {}
    for o, saw, wrote in facts:
        if saw is not NOT and (id(o) not in optional or canonical(wrote) in needed):
            value = canonical(saw)
            begun[value] = min(begun.get(value, o.invoked), o.invoked)
    latest: dict[object, Operation] = {}
    for o, saw, wrote in facts:
        if saw is NOT and wrote is not NOT and o.completed is not None:
            value = canonical(wrote)
            in_time = value in begun and o.completed < begun[value]
            if in_time and (value not in latest or ended(o) > ended(latest[value])):
                latest[value] = o
    kept = []
    for o, saw, wrote in facts:
        if id(o) in optional:
            value = canonical(wrote)
            later = latest.get(value)
            surpassed = saw is NOT and later is not None and ended(o) < ended(later)
            if value not in needed or surpassed:
                continue
        kept.append(o)
    stay = {id(o) for o in kept}
    supposed = tuple(o for o in violation.supposed if id(o) in stay)
    return replace(violation, operations=tuple(kept), supposed=supposed)
