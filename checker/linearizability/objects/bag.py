"""Unordered queues whose values repeat, as long as no dequeue found them empty, in O(n log n).

Of equal values it does not matter which is taken, and different ones do not mind each other. So the
order exists if and only if each dequeue of a value has an enqueue of it that began before the
dequeue ended: of the dequeues in order of their ends and the enqueues in order of their beginnings
the first needs the first, the second the second, and so on (Hall's theorem on nested sets). Every
enqueue then takes effect as soon as it can, every dequeue as late.
"""

from collections.abc import Hashable, Sequence

from checker.columns import canonical
from checker.linearizability.registers.facts import Ambiguous, began, ended
from checker.linearizability.violation import Violation
from checker.operation import Operation, Outcome


def check_bag(operations: Sequence[Operation]) -> Violation | None:
    """Judge `enqueue` and `dequeue`; raises `Ambiguous` where a dequeue returned null."""
    put: dict[Hashable, list[Operation]] = {}
    got: dict[Hashable, list[Operation]] = {}
    for o in operations:
        if o.function == "enqueue" and o.outcome is not Outcome.FAIL:
            put.setdefault(canonical(o.argument), []).append(o)
        elif o.function == "dequeue" and o.outcome is Outcome.OK:
            if o.result is None:
                raise Ambiguous
            got.setdefault(canonical(o.result), []).append(o)
    for value, dequeues in got.items():
        enqueues = sorted(put.get(value, ()), key=began)
        for number, dequeue in enumerate(sorted(dequeues, key=ended)):
            if number >= len(enqueues) or began(enqueues[number]) > ended(dequeue):
                taken = sorted(dequeues, key=ended)[: number + 1]
                reason = f"{number + 1} dequeues of one value had ended when only {number} enqueues"
                return Violation((*taken, *enqueues[:number]), f"{reason} of it had begun")
    return None


def order_bag(operations: Sequence[Operation]) -> list[Operation]:
    """A linearization of what `check_bag` finds nothing wrong with."""
    moves = [
        (began(o), 0, o) if o.function == "enqueue" else (ended(o), 1, o)
        for o in operations
        if o.outcome is Outcome.OK or (o.function, o.outcome) == ("enqueue", Outcome.INFO)
    ]
    return [o for _, _, o in sorted(moves, key=lambda move: move[:2])]
