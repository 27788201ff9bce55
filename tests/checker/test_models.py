"""Every model, judged by `check` as a user would have it, against every linearization."""

import os
from collections import Counter
from random import Random

import pytest

from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.verdict import Verdict
from tests.checker.objects import MODEL_OF, OBJECTS, draw, linearizable

DEEP = int(os.environ.get("LABRYS_DEEP", "1"))
"""Multiplies the number of drawn histories; 50 makes a million of them."""


def test_every_model_is_here() -> None:
    assert {MODEL_OF.get(name, name) for name in OBJECTS} == set(MODELS)


@pytest.mark.parametrize("name", OBJECTS)
def test_agrees_with_every_linearization(name: str) -> None:
    thing, model = OBJECTS[name], MODELS[MODEL_OF.get(name, name)]()
    random = Random(f"models {name}")
    seen: Counter[str] = Counter()
    for _ in range(20_000 * DEEP):
        operations = draw(random, thing)
        truth = linearizable(operations, thing)
        result = check(operations, model)
        assert (result.verdict is Verdict.VALID) == truth, operations
        seen["valid" if truth else "invalid"] += 1
    assert min(seen["valid"], seen["invalid"]) > 0.12 * seen.total(), seen
