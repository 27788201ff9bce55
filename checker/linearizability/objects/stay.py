"""A value that was put into a container and perhaps taken out again."""

from collections.abc import Sequence
from dataclasses import dataclass

from checker.columns import NEVER, canonical
from checker.linearizability.registers.facts import Ambiguous, began, ended
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
