"""Orders that an engine found, proved by the model alone."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from checker.certificates import verify_witness
from checker.linearizability.filling import filled
from checker.linearizability.violation import Violation
from checker.models.model import Model
from checker.operation import Operation
from tests.checker.objects import Object, linearizable, stands_alone


def prove(found: Sequence[Operation], operations: Sequence[Operation], model: Model) -> None:
    """Fail unless the order, with those put in that stand anywhere, is one of the model's."""
    verify_witness(operations, filled(found, operations, model), model)


def agree(
    histories: Iterable[Sequence[Operation]],
    thing: Object,
    model: Model,
    judge: Callable[[Sequence[Operation]], Violation | None],
    order: Callable[[Sequence[Operation]], Sequence[Operation]],
) -> Counter[bool]:
    """Fail unless a rule says of each history what all its linearizations say, and shows it;
    otherwise how many had one, and how many had none."""
    seen: Counter[bool] = Counter()
    for operations in histories:
        truth = linearizable(operations, thing)
        violation = judge(operations)
        assert (violation is None) is truth, operations
        if violation is None:
            prove(order(operations), operations, model)
        else:
            assert stands_alone(violation.operations, operations, thing), violation
        seen[truth] += 1
    return seen
