"""When a container may have been empty: what an operation that found nothing in it needs.

A value that was taken is certainly inside from one position to another (`Stay`). One that was never
taken stays from the end of its enqueue, unless an unanswered dequeue took it: each of those may
have taken one value, at any moment after it began. So the container may have been empty at a moment
if no value that was taken was certainly inside, and no more others had come than unanswered
dequeues had begun.

Moments do not mind each other. Where each suffices by itself, the first of the others to come was
taken by the first unanswered dequeue to begin, the second by the second, and so on, each in time
for the first moment after it came (Hall's theorem on nested sets).
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from checker.columns import NEVER
from checker.linearizability.objects.stay import Stay, longer
from checker.linearizability.registers.facts import began, ended
from checker.linearizability.violation import Violation
from checker.operation import Operation

SMALLEST_UP_TO = 100
"""Values of a violation up to which it is made as small as can be; a larger one says that it may
not be."""


@dataclass(frozen=True)
class Blocked:
    """Why it was not empty until some moment: of the taken values some, of the others the first."""

    taken: tuple[Stay, ...]
    others: int


class Moments:
    """The moments at which a container may have been empty."""

    def __init__(self, values: Sequence[Stay], unanswered: Sequence[Operation] = ()) -> None:
        """`values` are those that came for certain; `unanswered` the dequeues without an answer."""
        gone = sorted((v for v in values if v.dequeue), key=lambda v: v.inside)
        self.others = sorted((v for v in values if not v.dequeue), key=lambda v: v.inside)
        self._inside = [v.inside for v in gone]
        self._longest = list(accumulate(gone, longer))
        self._came = [v.inside for v in self.others]
        self._began = sorted(map(began, unanswered))

    def first(self, since: int, until: int) -> tuple[int, Blocked]:
        """The first such moment from one position on, and what was inside before.

        It lies after `until` where there is none up to that.
        """
        moment, taken, others = since, [], 0
        while moment <= until:
            helped = bisect_left(self._began, moment + 1)
            place = bisect_left(self._inside, moment)
            if bisect_left(self._came, moment) > helped:
                others = helped + 1
                moment = self._began[helped] if helped < len(self._began) else NEVER
            elif place and self._longest[place - 1].leaves > moment:
                taken.append(self._longest[place - 1])
                moment = taken[-1].leaves
            else:
                break
        return moment, Blocked(tuple(taken), others)


def never_empty(
    values: Sequence[Stay],
    empty: Sequence[Operation],
    unanswered: Sequence[Operation] = (),
    what: str = "queue",
) -> Violation | None:
    """What is wrong if one of the operations that found it empty has no moment for that."""
    moments = Moments(values, unanswered)
    for found in empty:
        moment, blocked = moments.first(began(found), ended(found))
        if moment > ended(found):
            shown = [*blocked.taken, *moments.others[: blocked.others]]
            mixed = bool(blocked.taken and blocked.others)
            if mixed and len(shown) <= SMALLEST_UP_TO:
                return _violation(_needed(shown, found, unanswered), found, unanswered, what)
            violation = _violation(shown, found, unanswered, what)
            return replace(violation, smallest=not mixed)
    return None


def _needed(
    values: Sequence[Stay], found: Operation, unanswered: Sequence[Operation]
) -> list[Stay]:
    """As few of the values as still keep it from being empty: none of them can be left out."""
    needed = list(values)
    for value in values:
        rest = [v for v in needed if v is not value]
        if Moments(rest, unanswered).first(began(found), ended(found))[0] > ended(found):
            needed = rest
    return needed


def _violation(
    values: Sequence[Stay], found: Operation, unanswered: Sequence[Operation], what: str
) -> Violation:
    shown = (found, *(o for v in values for o in v.operations()))
    reason = f"{{0}} found the {what} empty, but it never was meanwhile"
    helpers: tuple[Operation, ...] = ()
    if any(v.dequeue is None for v in values):
        until = max(ended(o) for o in shown)
        helpers = tuple(o for o in unanswered if began(o) <= until)
    if helpers:
        reason += ", whatever the unanswered ones took"
    return Violation((*shown, *helpers), reason)
