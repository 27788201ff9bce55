"""Orders that are guessed, and proved by the model alone.

A model that says nothing of what it behaves as may be a stack or a queue all the same. Where one of
its two functions takes a value and the other answers with one, the rules of these objects find an
order that fits them at once. If the model accepts it step by step it is an order, whatever the
model is; if not, nothing was learnt, and the model is searched.

That no such order exists proves nothing of another model. But where the search cannot decide, the
user is told what would follow if the model is what it looks like.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from math import inf
from random import Random

from checker.columns import canonical
from checker.errors import InternalError, ModelError
from checker.linearizability import certified
from checker.linearizability.objects.rules import RULES, Rule
from checker.linearizability.registers.facts import Ambiguous
from checker.linearizability.violation import Violation
from checker.models.asking import quick_enough
from checker.models.known import ObjectKind
from checker.models.model import Inconsistent, Model
from checker.models.queues import Queue
from checker.models.stack import Stack
from checker.operation import Operation, Outcome
from checker.verdict import Result, Verdict

LIKE: dict[ObjectKind, Stack | Queue] = {ObjectKind.STACK: Stack(), ObjectKind.QUEUE: Queue()}
"""The objects that a model is tried as."""

MOST_OPERATIONS = 20_000

ALIKE_STEPS = 400
"""Steps in which a model that looks like an object must do what that does."""

ALIKE_S = 0.1
"""Seconds that these may take."""

REFUSALS = (
    InternalError, ModelError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError,
)  # fmt: skip
"""What shows that a model is another object."""


def guessed(operations: Sequence[Operation], model: Model, until: float = inf) -> Result | str:
    """That the operations of one key have an order, if one is guessed until then.

    Else what is to be said where nothing else decides: that they have none if the model is the
    object that it looks like; or "".
    """
    suspicion = ""
    for kind, called in _renamed(operations).items():
        began = time.monotonic()
        alike = cache(partial(_alike, operations, called, model, kind))
        found = _tried(called, kind, (began + until) / 2, alike)
        if isinstance(found, Violation) and alike(strict=True):
            suspicion = (
                f"; in {ALIKE_STEPS} trials the model behaved like a {kind}, and for a {kind} it "
                f'is invalid: if it is one, let it say behaves_as = KnownObject("{kind}")'
            )
        if not isinstance(found, Rule):
            continue
        own = {id(renamed): o for renamed, o in zip(called, operations, strict=True)}
        order = [own[id(o)] for o in found.order(called)]
        try:
            if not quick_enough(model, order, until):
                break
            witness = certified.certify(operations, order, model)
        except REFUSALS:
            continue  # What the model raised, it raises again when it is searched.
        seconds = round(time.monotonic() - began, 3)
        ran = {"engine": f"as a {kind}", "seconds": seconds, "ended": "found an order"}
        return Result(
            verdict=Verdict.VALID,
            algorithm="search",
            witness=witness,
            statistics={"engines": [ran]},
        )
    return suspicion


def _renamed(operations: Sequence[Operation]) -> dict[ObjectKind, list[Operation]]:
    """The operations as those of each object that they may be of."""
    puts = {o.function for o in operations if o.argument is not None}
    takes = {o.function for o in operations if o.argument is None}
    if len(operations) > MOST_OPERATIONS or (len(puts), len(takes)) != (1, 1) or puts == takes:
        return {}
    (put,), (take,) = puts, takes
    if any(o.function == put and o.result is not None for o in operations):
        return {}
    return {
        kind: [
            replace(o, function=dict(zip((put, take), like.functions, strict=True))[o.function])
            for o in operations
        ]
        for kind, like in LIKE.items()
    }


def _tried(
    called: list[Operation], kind: ObjectKind, until: float, alike: Callable[..., bool]
) -> Violation | Rule | None:
    """What a rule of an object finds wrong; the rule itself where it finds nothing; None where no
    rule can decide. A rule that searches is for a model that is `alike`."""
    for rule in RULES[kind]:
        if rule.searches and not alike():
            continue
        judge = partial(rule.judge, until=until) if rule.searches else rule.judge
        try:
            return judge(called) or rule
        except Ambiguous:
            continue
    return None


def _alike(
    operations: Sequence[Operation],
    called: list[Operation],
    model: Model,
    kind: ObjectKind,
    strict: bool = False,
) -> bool:
    """Whether the model does in a walk through some of its states what the object does.

    Unless that is `strict`, it may refuse to take in what the object does: it may be full.
    """
    random, like = Random(f"alike {kind}"), LIKE[kind]
    until = time.monotonic() + ALIKE_S
    pairs = list(zip(operations, called, strict=True))
    answers = {
        canonical(o.result): (o, c)
        for o, c in pairs
        if o.argument is None and o.outcome is Outcome.OK
    }
    try:
        state, other = model.initial(), like.initial()
        for _ in range(ALIKE_STEPS):
            one, two = random.choice(pairs)
            if one.argument is None and isinstance(other, tuple) and other:
                one, two = answers.get(other[-1 if kind is ObjectKind.STACK else 0], (one, two))
            after, then = model.step(state, one), like.step(other, two)
            refused = isinstance(after, Inconsistent)
            full = refused and not strict and one.argument is not None
            differ = refused is not isinstance(then, Inconsistent) and not full
            if differ or time.monotonic() > until:
                return False
            if not refused:
                state, other = after, then
    except REFUSALS:
        return False
    return True
