"""Locks, `acquire` and `release` by anyone, in linear time: one order is as good as all.

Acquires are all alike, and so are releases. Let each take effect as late as it can, when it ends.
An acquire that ends while the lock is held needs a release that is open, and of several it takes
the one that ends first, since that one can wait least. So does a release that ends while it is
free.
Where none is open no order exists: everything that had ended had to take effect, and whatever took
effect before its end was needed, so that in any other order the lock would be as it is.

What happened up to a moment at which all that took effect had ended, and the lock was as it was at
first, does not matter after it: whatever open operations took effect before, they can as well do so
right after, in their order.
"""

from collections.abc import Sequence

from checker.columns import NEVER
from checker.linearizability.registers.facts import began, ended
from checker.linearizability.violation import Violation
from checker.operation import Operation, Outcome


def check_lock(operations: Sequence[Operation]) -> Violation | None:
    """Judge `acquire` and `release` of one lock that is free at first."""
    game = _Game(operations)
    stuck = game.stuck
    if stuck is None:
        return None
    shown = [
        o
        for o in operations
        if o is not stuck
        and o.outcome is not Outcome.FAIL
        and (ended(o) > game.since or o.process < 0)
        and began(o) <= ended(stuck)
    ]
    reason = (
        "{0} acquired the lock, but no release that had begun by its end can have freed it"
        if stuck.function == "acquire"
        else "{0} released the lock, but no acquire that had begun by its end can have taken it"
    )
    return Violation((stuck, *shown), reason)


def order_lock(operations: Sequence[Operation]) -> list[Operation]:
    """A linearization of a lock that `check_lock` finds nothing wrong with."""
    return _Game(operations).order


class _Game:
    """Lets everything take effect, up to the operation that is `stuck`, if any is.

    What ended before `since` does not matter. What brings a lock to its beginning is of no process.
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.order: list[Operation] = []
        self.stuck: Operation | None = None
        self.since = -NEVER
        self._operations = operations
        self._waiting: tuple[dict[int, Operation], dict[int, Operation]] = ({}, {})
        self._held = False
        self._at_first = any(o.process < 0 for o in operations)
        self._early: set[int] = set()
        events = []
        for place, o in enumerate(operations):
            if o.outcome is not Outcome.FAIL:
                events.append((o.invoked, 0, place))
            if o.outcome is Outcome.OK:
                events.append((ended(o), 1, place))
        for position, ends, place in sorted(events):
            if not ends:
                self._waiting[operations[place].function == "release"][place] = operations[place]
            elif not self._end(place):
                self.stuck = operations[place]
                return
            elif not self._early and self._held is self._at_first:
                self.since = position

    def _end(self, place: int) -> bool:
        """An operation ends; whether it can have taken effect."""
        releases = self._operations[place].function == "release"
        if place in self._early:
            self._early.remove(place)
        else:
            if self._held is not releases:
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
        self._held = not releases
