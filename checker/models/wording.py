"""What models say of an operation that cannot happen."""

from checker.models.model import Inconsistent, State
from checker.operation import Operation


def unknown(operation: Operation) -> Inconsistent:
    """The model does not know the function."""
    return Inconsistent(f"{operation.function!r} is no operation of this model")


def shown(state: State) -> str:
    """A value, or that there is none."""
    return "absent" if state is None else repr(state)
