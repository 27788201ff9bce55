"""Verifies verdicts, by means of their own: nothing here is shared with the engines that decide.

A history that is valid has a *witness*, an order of its operations. It is verified in linear time:
every answered operation stands in it once and every other at most once, what failed never; nothing
stands behind an operation that began after its own end; and the model accepts step after step.

One that is invalid has a *counterexample*: operations of the history that no order explains, with
nothing left out that might explain them (`checker.omissions`). All their orders are tried, or,
where these are too many, the moments are compared that the explanation names.
"""

import time
from collections.abc import Iterable, Sequence
from math import inf
from typing import Any

from checker.columns import canonical
from checker.errors import InternalError
from checker.models.model import Inconsistent, Model
from checker.operation import Operation, Outcome
from checker.verdict import Edge
from checker.wording import on_key

MOST_STEPS = 50_000
"""Steps of the model after which the orders of a counterexample are too many."""

MOST_CLOSED = 100_000
"""Steps of the model after which the states that there can be are too many."""

REAL_TIME = "real time"
"""The label of an edge that says: one operation had ended before the other began."""


def verify_witness(
    operations: Sequence[Operation], order: Sequence[Operation], model: Model
) -> None:
    """Verify that these very operations, of one object, have this order; else `InternalError`."""
    owed = {id(o): o for o in operations if o.outcome is not Outcome.FAIL}
    state, latest = model.initial(), order[0].invoked if order else 0
    for operation in order:
        if owed.pop(id(operation), None) is None:
            raise uncertified("stands in the witness twice or failed", operation)
        if operation.completed is not None and operation.completed < latest:
            raise uncertified("ended before one began that the witness puts first", operation)
        latest = max(latest, operation.invoked)
        after = model.step(state, operation)
        if isinstance(after, Inconsistent):
            raise uncertified(f"is impossible where the witness puts it: {after.reason}", operation)
        state = after
    for operation in owed.values():
        if operation.outcome is Outcome.OK:
            raise uncertified("was answered and is missing in the witness", operation)


def verify_counterexample(
    proofs: Iterable[Sequence[Operation]],
    model: Model,
    edges: Sequence[Edge],
    shown: Sequence[Operation],
    until: float = inf,
) -> bool:
    """Verify that no order explains the operations of one of these proofs; else `InternalError`.

    `edges` refer to the operations that are `shown`, of which the proofs were made. False where the
    orders are too many, or the moment `until` of `time.monotonic` came first, and only the moments
    were compared that the edges name.
    """
    for edge in edges:
        one, other = shown[edge.before - 1], shown[edge.after - 1]
        early = one.completed is not None and one.completed < other.invoked
        if edge.label == REAL_TIME and not early:
            raise uncertified("did not end before the operation that it is said to precede", one)
    found: bool | None = True
    for proof in proofs:
        found = has_order(proof, model, until)
        if not found:
            return found is False
    raise uncertified("and the others of the counterexample have an order", shown[0])


def has_order(operations: Sequence[Operation], model: Model, until: float = inf) -> bool | None:
    """Whether any order explains the operations of one object; None if too many must be tried."""
    todo = sorted((o for o in operations if o.outcome is not Outcome.FAIL), key=lambda o: o.invoked)
    ends = sorted((o.completed, place) for place, o in enumerate(todo) if o.completed is not None)
    ways, met, steps = [((1 << len(todo)) - 1, model.initial())], set(), 0
    while ways:
        left, state = way = ways.pop()
        horizon = next((end for end, place in ends if left >> place & 1), None)
        if horizon is None:
            return True
        if way in met:
            continue
        met.add(way)
        for place, operation in enumerate(todo):
            if operation.invoked > horizon:
                break
            if left >> place & 1:
                steps += 1
                after = model.step(state, operation)
                if not isinstance(after, Inconsistent):
                    ways.append((left & ~(1 << place), after))
        if steps > MOST_STEPS or time.monotonic() > until:
            return None
    return False


def impossible_ever(operation: Operation, operations: Iterable[Operation], model: Model) -> bool:
    """Whether no state allows the operation that any of those can lead to, in whatever order and
    however often; False, too, where the states are too many."""
    different: dict[Any, Operation] = {}
    for o in operations:
        if o.outcome is not Outcome.FAIL:
            who = o.process if getattr(model, "by_process", False) else None
            answer = o.result if o.outcome is Outcome.OK else None
            different[canonical([who, o.function, o.argument, str(o.outcome), answer])] = o
    states = {model.initial()}
    todo = [*states]
    while todo and len(states) * len(different) <= MOST_CLOSED:
        state = todo.pop()
        if not isinstance(model.step(state, operation), Inconsistent):
            return False
        for other in different.values():
            after = model.step(state, other)
            if not isinstance(after, Inconsistent) and after not in states:
                states.add(after)
                todo.append(after)
    return not todo


def uncertified(what: str, operation: Operation) -> InternalError:
    """What to raise where a verdict does not stand because of an operation."""
    called = f"{operation.function} by process {operation.process}{on_key(operation.key)}"
    where = f"invoked at position {operation.invoked}"
    return InternalError(
        f"the verdict was not certified: {called:.120}, {where}, {what}; "
        "this is a mistake of the checker: please report it with the history"
    )
