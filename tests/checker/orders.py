"""Orders that an engine found, proved by the model alone."""

from collections.abc import Sequence

from checker.certificates import verify_witness
from checker.linearizability.filling import filled
from checker.models.model import Model
from checker.operation import Operation


def prove(found: Sequence[Operation], operations: Sequence[Operation], model: Model) -> None:
    """Fail unless the order, with those put in that stand anywhere, is one of the model's."""
    verify_witness(operations, filled(found, operations, model), model)
