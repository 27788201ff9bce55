"""Orders that are guessed, and proved by the model alone.

A model that says nothing of what it behaves as may be a stack or a queue all the same. Where one of
its two functions takes a value and the other answers with one, the rules of these objects find an
order that fits them at once. If the model accepts it step by step it is an order, whatever the
model is; if not, nothing was learnt, and the model is searched.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

from checker.errors import InternalError
from checker.linearizability import certified
from checker.linearizability.objects.rules import RULES
from checker.linearizability.registers.facts import Ambiguous
from checker.models.known import ObjectKind
from checker.models.model import Model
from checker.operation import Operation
from checker.verdict import Result, Verdict

LIKE = {ObjectKind.STACK: ("push", "pop"), ObjectKind.QUEUE: ("enqueue", "dequeue")}
"""The functions of the objects that a model is tried as."""

MOST_OPERATIONS = 20_000


def guessed(operations: Sequence[Operation], model: Model) -> Result | None:
    """That the operations of one key have an order, if one is guessed."""
    names = _put_and_take(operations)
    if names is None or len(operations) > MOST_OPERATIONS:
        return None
    for kind, functions in LIKE.items():
        began = time.monotonic()
        order = _order(operations, dict(zip(names, functions, strict=True)), kind)
        if order is None:
            continue
        try:
            witness = certified.certify(operations, order, model)
        except (InternalError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            continue  # The model refuses it. What it raised, it raises again when it is searched.
        seconds = round(time.monotonic() - began, 3)
        ran = {"engine": f"as a {kind}", "seconds": seconds, "ended": "found an order"}
        return Result(
            verdict=Verdict.VALID,
            algorithm="search",
            witness=witness,
            statistics={"engines": [ran]},
        )
    return None


def _put_and_take(operations: Sequence[Operation]) -> tuple[str, str] | None:
    """The function that takes values and the one that answers with some, if there are no more."""
    puts = {o.function for o in operations if o.argument is not None}
    takes = {o.function for o in operations if o.argument is None}
    if len(puts) != 1 or len(takes) != 1 or puts == takes:
        return None
    (put,), (take,) = puts, takes
    answered = any(o.function == put and o.result is not None for o in operations)
    return None if answered else (put, take)


def _order(
    operations: Sequence[Operation], names: dict[str, str], kind: ObjectKind
) -> list[Operation] | None:
    called = [replace(o, function=names[o.function]) for o in operations]
    own = {id(renamed): o for renamed, o in zip(called, operations, strict=True)}
    for rule in RULES[kind]:
        try:
            if rule.judge(called) is None:
                return [own[id(o)] for o in rule.order(called)]
        except Ambiguous:
            continue
        return None
    return None
