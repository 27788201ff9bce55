"""Tries every linearization of a handful of operations, and tells how far each order came.

The judge of what the search found, and the source of its sentences: it shares nothing with the
search but the model. Its cost is exponential in the number of overlapping operations, so it sees
only counterexamples, and gives up on those that are still too large.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

from checker.models.asking import initial_state, step
from checker.models.model import Inconsistent, Model, State
from checker.operation import Operation, Outcome

MOST_STEPS = 100_000
"""Steps of the model after which it gives up: about a tenth of a second."""

MOST_OPERATIONS = 500
"""Operations beyond which there are too many orders, or too long a sentence for any of them."""

Order: TypeAlias = "tuple[Order, int] | None"
"""The operations so far by their places: all but the last, and the last. Orders share these."""


class TooLarge(Exception):
    """There are too many orders to try them all."""


@dataclass(frozen=True)
class DeadEnd:
    """The operations at these places, in this order, leave a state in which `stuck` cannot come.

    `reason` says why it cannot, although it had ended by then.
    """

    order: tuple[int, ...]
    state: State
    stuck: int
    reason: str


def dead_ends(
    operations: Sequence[Operation],
    model: Model,
    supposed: frozenset[int] = frozenset(),
    until: float = inf,
) -> tuple[DeadEnd, ...]:
    """How the orders end that come farthest, one for each state; nothing if there is a whole one.

    That the operations at the places in `supposed` happened is not demanded. All dead ends name
    the same operation: the first that no order includes. Raises `TooLarge` where there are too many
    orders, or the moment `until` of `time.monotonic` has come.
    """
    if len(operations) > MOST_OPERATIONS:
        raise TooLarge
    places = [place for place, o in enumerate(operations) if o.outcome is not Outcome.FAIL]
    ends = [inf if o.completed is None else o.completed for o in operations]
    demanded = sorted(
        (p for p in places if p not in supposed and ends[p] < inf), key=ends.__getitem__
    )
    # What is left of the operations is a set of their places, as one number.
    seen: set[tuple[int, State]] = set()
    found = _Farthest()
    steps = 0
    todo: list[tuple[int, State, Order, int]] = [
        (sum(1 << place for place in places), initial_state(model), None, 0)
    ]
    while todo:
        left, state, order, count = todo.pop()
        if (left, state) in seen:
            continue
        seen.add((left, state))
        stuck = next((place for place in demanded if left >> place & 1), None)
        if stuck is None:
            return ()
        horizon = ends[stuck]
        for place in reversed(places):
            operation = operations[place]
            if not left >> place & 1 or operation.invoked > horizon:
                continue
            steps += 1
            if steps > MOST_STEPS or time.monotonic() > until:
                raise TooLarge
            after = step(model, state, operation)
            if not isinstance(after, Inconsistent):
                # What need not happen cannot come any more once a later operation did.
                late = sum(
                    1 << other
                    for other in supposed
                    if left >> other & 1 and ends[other] < operation.invoked
                )
                todo.append((left & ~late & ~(1 << place), after, (order, place), count + 1))
            elif place == stuck:
                found.note((horizon, stuck), state, order, count, after.reason)
    return found.dead_ends()


class _Farthest:
    """The dead ends of the orders that come farthest, the shortest order for each state."""

    def __init__(self) -> None:
        self._reached: tuple[float, int] = (-inf, -1)
        self._ends: dict[State, tuple[int, Order, str]] = {}

    def note(
        self, reached: tuple[float, int], state: State, order: Order, count: int, reason: str
    ) -> None:
        if reached > self._reached:
            self._reached, self._ends = reached, {}
        known = self._ends.get(state)
        if reached == self._reached and (known is None or count < known[0]):
            self._ends[state] = count, order, reason

    def dead_ends(self) -> tuple[DeadEnd, ...]:
        stuck = self._reached[1]
        ends = (
            DeadEnd(_flat(order), state, stuck, reason)
            for state, (_, order, reason) in self._ends.items()
        )
        return tuple(sorted(ends, key=lambda end: (len(end.order), end.order)))


def _flat(order: Order) -> tuple[int, ...]:
    places = []
    while order is not None:
        order, place = order
        places.append(place)
    return tuple(reversed(places))
