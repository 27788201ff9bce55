"""Completes the order of some operations by all others that had to happen.

A search orders only what changes the state where that matters. Every other operation has a place
where nothing notices it: where it leaves the state as it is, or right before one that sets the
state whatever it was. Each is put at the first such place that real time allows, those that ended
earlier first; so none stands later than in the search's own order, or in the way of another.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

from checker.errors import InternalError
from checker.models.model import Inconsistent, Model, State
from checker.operation import Operation, Outcome

NEVER = 2**62


def filled(
    skeleton: Sequence[Operation], operations: Iterable[Operation], model: Model
) -> list[Operation]:
    """The operations in an order that the skeleton, an order of some, is a part of.

    What crashed and is not in the skeleton is left out. Raises `InternalError` where an answered
    operation finds no place. That the skeleton itself is an order is looked at only on the way.
    """
    there = {id(o) for o in skeleton}
    rest = [o for o in operations if o.outcome is Outcome.OK and id(o) not in there]
    if not rest:
        return list(skeleton)
    order = _Order(skeleton, model)
    # What finds no place at first may find one beside another that is put in later.
    # One that lasted throughout another may need to stand beside it.
    inner_first = sorted(rest, key=lambda o: (_end(o), -o.invoked))
    left = [o for o in inner_first if not order.put(o)]
    while left:
        again = [o for o in left if not order.put(o)]
        if len(again) == len(left):
            raise InternalError(f"an order was found, but in it there is no place for {left[0]}")
        left = again
    return order.listed()


class _Order:
    """The gaps before, between and behind the operations of the skeleton, and what stands in each.

    `states` holds for each gap the states before, between and behind what stands in it.
    """

    def __init__(self, skeleton: Sequence[Operation], model: Model) -> None:
        self._model = model
        self._skeleton = skeleton
        self._gaps: list[list[Operation]] = [[] for _ in range(len(skeleton) + 1)]
        state = model.initial()
        self._states: list[list[State]] = [[state]]
        for operation in skeleton:
            after = model.step(state, operation)
            if isinstance(after, Inconsistent):
                raise InternalError(f"an order was found in which {operation} is impossible")
            state = after
            self._states.append([state])
        # Where an operation may stand: not before one that had ended, nor behind one yet to begin.
        self._begun = list(accumulate((o.invoked for o in skeleton), max))
        self._ends = list(accumulate(map(_end, reversed(skeleton)), min))[::-1]

    def listed(self) -> list[Operation]:
        """All of it."""
        order = list(self._gaps[0])
        for operation, gap in zip(self._skeleton, self._gaps[1:], strict=True):
            order.append(operation)
            order += gap
        return order

    def put(self, operation: Operation) -> bool:
        """Put an operation at the first place where nothing notices it; False if there is none."""
        low = bisect_left(self._ends, operation.invoked)
        high = bisect_right(self._begun, _end(operation))
        # What stands in these gaps counts as well: behind all that had ended before it began.
        begin = (low, 0)
        for gap in range(low, high + 1):
            for place, other in enumerate(self._gaps[gap], start=1):
                if _end(other) < operation.invoked:
                    begin = gap, place
        for gap in range(begin[0], high + 1):
            first = begin[1] if gap == begin[0] else 0
            for place in range(first, len(self._gaps[gap]) + 1):
                if self._put_at(operation, gap, place):
                    return True
                others = self._gaps[gap]
                if place < len(others) and others[place].invoked > _end(operation):
                    return False
        return False

    def _put_at(self, operation: Operation, gap: int, place: int) -> bool:
        states, others = self._states[gap], self._gaps[gap]
        after = self._model.step(states[place], operation)
        if isinstance(after, Inconsistent):
            return False
        if after != states[place]:
            # It must be overwritten at once, by what is next in the order.
            if place < len(others):
                following, expected = others[place], states[place + 1]
            elif gap < len(self._skeleton):
                following, expected = self._skeleton[gap], self._states[gap + 1][0]
            else:
                following, expected = None, after
            if following is not None and self._model.step(after, following) != expected:
                return False
        others.insert(place, operation)
        states.insert(place + 1, after)
        return True


def _end(operation: Operation) -> int:
    return NEVER if operation.completed is None else operation.completed
