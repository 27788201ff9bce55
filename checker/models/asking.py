"""Asks a model, and says which model failed at which operation where it answers with no state."""

import time
from collections.abc import Hashable, Sequence

from checker.errors import ModelError
from checker.models.model import Inconsistent, Model, State, only_observes
from checker.operation import Operation, Outcome
from checker.wording import on_key

STEPPING_S = 0.1
"""Seconds that all steps may take in any case."""

ANSWERS = "its step must answer every operation with a hashable state or an Inconsistent"
"""What to do about a step that fails."""


def initial_state(model: Model) -> State:
    """The state before the first operation; raises `ModelError` where the model has none."""
    try:
        state = model.initial()
        hash(state)
    except MemoryError:
        raise
    except Exception as error:
        raise _failed(model, "has no initial state", error) from error
    return state


def step(model: Model, state: State, operation: Operation) -> State | Inconsistent:
    """What the model answers; raises `ModelError` where that is not a state."""
    try:
        after = model.step(state, operation)
        hash(after)
    except MemoryError:
        raise
    except Exception as error:
        raise failed_at(model, operation, error) from error
    return after


def quick_enough(model: Model, operations: Sequence[Operation], until: float) -> bool:
    """Whether the model can take a step for each of the operations until that moment of
    `time.monotonic`, if each is as slow as the first."""
    if not operations:
        return True
    began = time.monotonic()
    step(model, initial_state(model), operations[0])
    now = time.monotonic()
    return (now - began) * len(operations) <= max(until - now, STEPPING_S)


def part(model: Model, operation: Operation) -> Hashable | None:
    """The part of the object that the operation touches; None for all, or where no model says."""
    ask = getattr(model, "part", None)
    if ask is None:
        return None
    try:
        touched: Hashable | None = ask(operation)
        hash(touched)
    except Exception as error:
        raise failed_at(model, operation, error) from error
    return touched


def unmissed(model: Model, operations: Sequence[Operation]) -> frozenset[int]:
    """The places of unanswered operations that need not be searched, since nothing misses them."""
    ask = getattr(model, "unmissed", None)
    try:
        told = frozenset() if ask is None else frozenset(ask(operations))
    except Exception as error:
        how = "fails to say which operations nothing misses"
        raise _failed(model, how, error, "its unmissed must give their places") from error
    only_observed = (
        place
        for place, o in enumerate(operations)
        if o.outcome is Outcome.INFO and only_observes(model, o)
    )
    return told.union(only_observed)


def failed_at(model: Model, operation: Operation, error: Exception) -> ModelError:
    """What to raise where a model failed at an operation."""
    given = "" if operation.argument is None else f" of {operation.argument!r:.60}"
    called = f"{operation.function}{given} by process {operation.process}{on_key(operation.key)}"
    return _failed(model, f"failed at {called:.200}", error)


def impure(model: Model, operation: Operation) -> ModelError:
    """What to raise where a model answered an operation in two ways, in one state."""
    return ModelError(
        f"the model {model.name} answers {operation.function:.60} by process {operation.process}"
        f"{on_key(operation.key):.70} now so and now otherwise, in the same state; "
        "its step must be a pure function of the state and the operation"
    )


def _failed(model: Model, how: str, error: Exception, advice: str = ANSWERS) -> ModelError:
    name = getattr(model, "name", type(model).__name__)
    return ModelError(f"the model {name} {how}: {type(error).__name__}: {error!s:.200}; {advice}")
