"""Locks and semaphores, `acquire` and `release` by anyone: one order is as good as all.

Acquires are all alike, and so are releases. Let each take effect as late as it can, when it ends.
An acquire that ends while every permit is taken (a lock has one) needs a release that is open, and
of several it uses the one that ends first, since that one can wait least. So does a release that
ends while no permit is taken.
Where none is open no order exists: everything that had ended had to take effect, and whatever took
effect before its end was needed, so that in any other order as many permits would be taken.

What happened up to a moment at which all that took effect had ended, and as many permits were taken
as at first, does not matter after it: whatever open operations took effect before, they can as
well do so right after, in their order.
"""

from collections.abc import Sequence

from checker.linearizability.registers.facts import began, ended
from checker.linearizability.violation import Violation
from checker.operation import Operation, Outcome


def check_lock(operations: Sequence[Operation], permits: int = 1) -> Violation | None:
    """Judge `acquire` and `release` of one lock, or of a semaphore, that is free at first."""
    game = _Game(operations, permits)
    stuck = game.stuck
    if stuck is None:
        return None
    shown = [
        o
        for place, o in enumerate(operations)
        if o is not stuck
        and o.outcome is not Outcome.FAIL
        and (place not in game.past or o.process < 0)
        and began(o) <= ended(stuck)
    ]
    thing = "the lock" if permits == 1 else "a permit"
    reason = (
        f"{{0}} acquired {thing}, but no release that had begun by its end can have freed it"
        if stuck.function == "acquire"
        else f"{{0}} released {thing}, but no acquire that had begun by its end can have taken it"
    )
    return Violation((stuck, *shown), reason)


def order_lock(operations: Sequence[Operation], permits: int = 1) -> list[Operation]:
    """A linearization of what `check_lock` finds nothing wrong with."""
    return _Game(operations, permits).order


class _Game:
    """Lets everything take effect, up to the operation that is `stuck`, if any is.

    What is `past` does not matter, by place. What brings it to its beginning is of no process.
    """

    def __init__(self, operations: Sequence[Operation], permits: int) -> None:
        self.order: list[Operation] = []
        self.stuck: Operation | None = None
        self.past: set[int] = set()
        self._operations = operations
        self._waiting: tuple[dict[int, Operation], dict[int, Operation]] = ({}, {})
        self._permits = permits
        self._taken = 0
        at_first = sum(o.process < 0 for o in operations)
        self._early: set[int] = set()
        gone: list[int] = []
        events = []
        for place, o in enumerate(operations):
            if o.outcome is not Outcome.FAIL:
                events.append((o.invoked, 0, place))
            if o.outcome is Outcome.OK:
                events.append((ended(o), 1, place))
        for _, ends, place in sorted(events):
            if not ends:
                self._waiting[operations[place].function == "release"][place] = operations[place]
            elif not self._end(place):
                self.stuck = operations[place]
                return
            else:
                gone.append(place)
                if not self._early and self._taken == at_first:
                    self.past.update(gone)
                    gone.clear()

    def _end(self, place: int) -> bool:
        """An operation ends; whether it can have taken effect."""
        releases = self._operations[place].function == "release"
        if place in self._early:
            self._early.remove(place)
        else:
            if self._taken == (0 if releases else self._permits):
                others = self._waiting[not releases]
                if not others:
                    return False
                soonest = min(others, key=lambda other: ended(others[other]))
                self._early.add(soonest)
                self._use(soonest, not releases)
            self._use(place, releases)
        return True

    def _use(self, place: int, releases: bool) -> None:
        self.order.append(self._waiting[releases].pop(place))
        self._taken += -1 if releases else 1
