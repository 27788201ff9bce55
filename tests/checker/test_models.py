"""Every model and every rule of one, as `check` uses them, against every linearization."""

import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from checker.columns import Columns
from checker.history import History
from checker.linearizability.check import check
from checker.linearizability.objects import codes, columnar, rules
from checker.linearizability.objects.rules import Rule, rules_for
from checker.linearizability.registers.facts import Ambiguous
from checker.linearizability.search.problem import of_operations
from checker.linearizability.search.search import Search
from checker.models.catalogue import MODELS
from checker.models.known import known_object
from checker.models.model import Model
from checker.operation import Operation
from checker.verdict import Verdict
from tests.checker.objects import (
    MODEL_OF,
    OBJECTS,
    Object,
    draw,
    judged,
    linearizable,
    scattered,
    stands_alone,
)
from tests.checker.registers import known
from tests.deep import DEEP

AT_ONCE = 100
"""Histories that are judged together on columns, each as a key of its own."""

WHOLE_EVERY = 20
"""One history in this many is judged with all that belongs to it, the others for their verdict."""

Judged = tuple[list[Operation], bool]


def has_rules(model: Model) -> bool:
    """Whether the model describes an object that has rules of its own."""
    thing = known_object(model)
    return thing is not None and thing.kind in rules.RULES


RULED = [name for name in OBJECTS if has_rules(MODELS[MODEL_OF.get(name, name)]())]


ACCOUNTS = {"total-queue", "set-full"}
"""Models that are not searched; `test_accounts.py` counts for them."""


def test_every_model_is_here() -> None:
    assert {MODEL_OF.get(name, name) for name in OBJECTS} | ACCOUNTS == set(MODELS)


@pytest.mark.slow
@pytest.mark.parametrize("name", OBJECTS)
def test_agrees_with_every_linearization(name: str) -> None:
    thing, model = OBJECTS[name], MODELS[MODEL_OF.get(name, name)]()
    seen: Counter[str] = Counter()
    waiting: list[Judged] = []
    histories = judged(name, f"models {name}", 10_000 * DEEP)
    for number, (operations, truth) in enumerate(histories):
        seen["valid" if truth else "invalid"] += 1
        if number % WHOLE_EVERY:
            algorithm, verdict = decide(operations, model)
            assert verdict == truth, operations
        else:
            algorithm = judged_whole(operations, model, thing, truth)
        seen[algorithm] += 1
        if not has_rules(model):
            continue
        waiting.append((operations, truth))
        if len(waiting) == AT_ONCE:
            functions = {o.function for own, _ in waiting for o in own}
            for rule in rules_for(known_object(model), functions)[:1]:
                if rule.on_columns:
                    seen["on columns"] += judged_on_columns(rule, waiting)
                else:
                    seen["on columns"] += AT_ONCE
            waiting.clear()
    assert min(seen["valid"], seen["invalid"]) > 0.12 * 10_000 * DEEP, seen
    if name == "etcd":
        assert seen["graph"] > 0.5 * 10_000 * DEEP / WHOLE_EVERY, seen
    if name == "counter":
        assert seen["bounds"] > 0.5 * seen["invalid"]
    if has_rules(model) and name not in ("set", "counter", "answering counter"):
        assert min(seen["rules"], seen["on columns"]) > 0.4 * 10_000 * DEEP, seen


@pytest.mark.parametrize("name", OBJECTS)
def test_agrees_on_operations_that_lie_anywhere(name: str) -> None:
    thing, model = OBJECTS[name], MODELS[MODEL_OF.get(name, name)]()
    random, seen = Random(f"scattered {name}"), Counter[bool]()
    while seen.total() < 300 * DEEP:
        operations = scattered(random, thing, crash=random.choice([0.1, 0.5]))
        if known(operations):
            truth = linearizable(operations, thing)
            judged_whole(operations, model, thing, truth)
            seen[truth] += 1
    assert min(seen[True], seen[False]) > 10 * DEEP, seen


def decide(operations: list[Operation], model: Model) -> tuple[str, bool | None]:
    """The bare verdict of whichever algorithm decides, and its name."""
    for rule in rules_for(known_object(model), {o.function for o in operations}):
        with contextlib.suppress(Ambiguous):
            violation = rule.judge(operations)
            if violation is not None or not rule.refutes_only:
                return rule.algorithm, violation is None
    problem = of_operations(model, operations)
    return "search", Search(problem, time.monotonic() + 60, 1 << 28).part(0).verdict


def judged_whole(operations: list[Operation], model: Model, thing: Object, truth: bool) -> str:
    """Judge as a user does, and see whether the counterexample stands alone."""
    result = check(operations, model)
    assert (result.verdict is Verdict.VALID) == (truth and known(operations)), operations
    searched = check(operations, model, engine="search")
    assert searched.verdict is result.verdict
    for one in (result, searched) if not truth else ():
        assert stands_alone(one.counterexample, operations, thing), one
    return result.algorithm


def judged_on_columns(rule: Rule, judged: Sequence[Judged]) -> int:
    """Judge all at once and one by one; return of how many the rule knew the verdict."""
    operations = [replace(o, key=key) for key, (own, _) in enumerate(judged) for o in own]
    columns = Columns.of(operations)
    found = getattr(columnar, rule.on_columns)(columns)
    known = 0
    for key, (own, truth) in enumerate(judged):
        parts = found.part[columns.key == columns.keys.find(key)]
        finding = max(found.finding[parts], default=codes.CLEAN)
        if finding != codes.AMBIGUOUS:
            assert (finding == codes.CLEAN) == truth, own
            known += 1
        try:
            violation = rule.judge(own)
        except Ambiguous:
            assert finding == codes.AMBIGUOUS
        else:
            wrong = violation is not None
            assert wrong == (finding == codes.WRONG), own
            assert wrong or rule.refutes_only == (finding == codes.AMBIGUOUS)
    return known


@pytest.mark.parametrize("name", RULED)
def test_long_histories_of_many_keys(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "COLUMNS_FROM", 0)
    thing, model = OBJECTS[name], MODELS[MODEL_OF.get(name, name)]()
    random = Random(f"long {name}")
    seen: Counter[Verdict] = Counter()
    for _ in range(300):
        parts = [draw(random, thing) for _ in range(random.randint(1, 3))]
        truth = all(linearizable(own, thing) for own in parts)
        whole = [replace(o, key=[number]) for number, own in enumerate(parts) for o in own]
        result = check(History(whole), model)
        assert (result.verdict is Verdict.VALID) == (truth and known(whole)), whole
        seen[result.verdict] += 1
    assert min(seen[Verdict.VALID], seen[Verdict.INVALID]) > 20
