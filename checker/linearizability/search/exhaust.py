"""Tries every linearization of a handful of operations, and tells how far each order came.

The judge of what the search found, and the source of its sentences: it shares nothing with the
search but the model. Its cost is exponential in the number of overlapping operations, so it sees
only counterexamples, and gives up on those that are still too large.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from checker.models.asking import initial_state, step
from checker.models.model import Inconsistent, Model, State
from checker.operation import Operation, Outcome

MOST_STEPS = 100_000
"""Steps of the model after which it gives up: about a tenth of a second."""


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
    operations: Sequence[Operation], model: Model, supposed: frozenset[int] = frozenset()
) -> tuple[DeadEnd, ...]:
    """How the orders end that come farthest, one for each state; nothing if there is a whole one.

    That the operations at the places in `supposed` happened is not demanded. All dead ends name
    the same operation: the first that no order includes. Raises `TooLarge`.
    """
    seen: set[tuple[frozenset[int], State]] = set()
    ends: dict[State, DeadEnd] = {}
    farthest: tuple[float, int] = (-1, -1)
    steps = 0
    start = frozenset(place for place, o in enumerate(operations) if o.outcome is not Outcome.FAIL)
    todo: list[tuple[frozenset[int], State, tuple[int, ...]]] = [(start, initial_state(model), ())]
    while todo:
        left, state, order = todo.pop()
        if (left, state) in seen:
            continue
        seen.add((left, state))
        ended = (i for i in left - supposed if operations[i].completed is not None)
        demanded = [(_end(operations[i]), i) for i in ended]
        if not demanded:
            return ()
        horizon, stuck = min(demanded)
        for place in sorted(left, reverse=True):
            operation = operations[place]
            if operation.invoked > horizon:
                continue
            steps += 1
            after = step(model, state, operation)
            if not isinstance(after, Inconsistent):
                # What need not happen cannot come any more once a later operation did.
                late = {i for i in left & supposed if _end(operations[i]) < operation.invoked}
                todo.append((left - late - {place}, after, (*order, place)))
            elif place == stuck and (horizon, stuck) >= farthest:
                if (horizon, stuck) > farthest:
                    farthest, ends = (horizon, stuck), {}
                if state not in ends or len(order) < len(ends[state].order):
                    ends[state] = DeadEnd(order, state, stuck, after.reason)
        if steps > MOST_STEPS:
            raise TooLarge
    return tuple(sorted(ends.values(), key=lambda end: (len(end.order), end.order)))


def _end(operation: Operation) -> float:
    return float("inf") if operation.completed is None else operation.completed
