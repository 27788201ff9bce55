"""A value that was put into a container and perhaps taken out again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from checker.columns import NEVER, canonical
from checker.linearizability.registers.facts import Ambiguous, began, ended
from checker.linearizability.violation import Violation
from checker.operation import Operation, Outcome


@dataclass(eq=False)
class Stay:
    """A value, put in by `enqueue` and, if there is one, taken out by `dequeue`."""

    enqueue: Operation
    dequeue: Operation | None = None

    @property
    def inside(self) -> int:
        """From here on it is inside for certain, if it was not taken."""
        return min(ended(self.enqueue), ended(self.dequeue) if self.dequeue else NEVER)

    @property
    def leaves(self) -> int:
        """Until here it is inside for certain, once it is."""
        return max(began(self.dequeue), began(self.enqueue)) if self.dequeue else NEVER

    def operations(self) -> tuple[Operation, ...]:
        return (self.enqueue,) if self.dequeue is None else (self.enqueue, self.dequeue)


def longer(one: Stay, other: Stay) -> Stay:
    """The one that leaves last."""
    return one if one.leaves >= other.leaves else other


def enqueued(operations: Sequence[Operation], function: str = "enqueue") -> dict[object, Operation]:
    """What enqueued each value; `Ambiguous` where one is null, or was enqueued twice."""
    found: dict[object, Operation] = {}
    for operation in operations:
        if operation.function == function and operation.outcome is not Outcome.FAIL:
            value = canonical(operation.argument)
            if operation.argument is None or value in found:
                raise Ambiguous
            found[value] = operation
    return found


DEQUEUED = ("dequeued", "enqueued", "enqueue")
POPPED = ("popped", "pushed", "push")


def taken(
    values: Mapping[object, Stay], take: Operation, words: tuple[str, str, str] = DEQUEUED
) -> Violation | None:
    """Note that a value was taken out, unless that is wrong by itself."""
    took, put, putting = words
    value = values.get(canonical(take.result))
    if value is None:
        return Violation((take,), f"{{0}} {took} a value that nothing {put}")
    if value.dequeue is not None:
        reason = f"{{1}} and {{2}} both {took} what {{0}} had {put} once"
        return Violation((*value.operations(), take), reason)
    value.dequeue = take
    if ended(take) < began(value.enqueue):
        reason = f"{{1}} had {took} the value before {{0}} began to {putting} it"
        return Violation(value.operations(), reason)
    return None
