"""Many short keys judged in one pass, against every linearization of each and the search alone."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
import pytest

from checker.columns import Columns
from checker.errors import ModelError
from checker.history import History
from checker.linearizability.check import check
from checker.linearizability.objects import codes, rules
from checker.linearizability.search import short_keys
from checker.linearizability.search.short_keys import settle
from checker.models.catalogue import MODELS
from checker.models.known import known_object
from checker.models.model import Inconsistent, Model, State
from checker.models.stack import Stack
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from tests.checker.objects import MODEL_OF, OBJECTS, draw, linearizable
from tests.deep import DEEP

AT_ONCE = 250


def model_of(name: str) -> Model:
    return MODELS[MODEL_OF.get(name, name)]()


TOGETHER = [
    name for name in OBJECTS if short_keys.possible(model_of(name), known_object(model_of(name)))
]


@dataclass
class Plain:
    """A model of which nothing is known: another one that hides what it behaves as."""

    model: Model
    name: str = "plain"

    def __post_init__(self) -> None:
        self.by_process = getattr(self.model, "by_process", False)
        self.observers = getattr(self.model, "observers", frozenset())

    def initial(self) -> State:
        return self.model.initial()

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        return self.model.step(state, operation)


@dataclass
class Begun:
    """The same model, which looks at the key of an operation."""

    model: Model
    name: str = "keyed"

    def initial(self) -> State:
        return self.model.initial()

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert operation.key is not None
        return self.model.step(state, operation)


class Failing:
    """A model with a mistake."""

    name = "failing"

    def initial(self) -> State:
        return 0

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        raise KeyError(operation.function)


def together(parts: Sequence[Sequence[Operation]]) -> History:
    """Each as a key of its own."""
    return History([replace(o, key=key) for key, own in enumerate(parts) for o in own])


def swept(columns: Columns, model: Model) -> list[int]:
    """What is found of each key."""
    found = codes.by_key(columns)
    found.mark(np.arange(len(columns.keys)), codes.AMBIGUOUS)
    settle(columns, model, known_object(model), found, time.monotonic() + 600, 2 << 30)
    numbers: list[int] = found.finding.tolist()
    return [numbers[columns.keys.find(key)] for key in range(len(columns.keys))]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("name", TOGETHER)
def test_agrees_with_every_linearization(name: str, known: bool) -> None:
    thing, model = OBJECTS[name], model_of(name)
    random = Random(f"short keys {name}")
    seen: Counter[str] = Counter()
    for _ in range(DEEP if known else 1):
        parts = [draw(random, thing, most=9) for _ in range(AT_ONCE)]
        parts = [own for own in parts if own]
        columns = together(parts).columns
        findings = swept(columns, model if known else Plain(model))
        for own, finding in zip(parts, findings, strict=True):
            truth = codes.CLEAN if linearizable(own, thing) else codes.WRONG
            seen[str(finding)] += 1
            assert finding in (truth, codes.AMBIGUOUS), own
    assert seen[str(codes.CLEAN)] > 10
    assert seen[str(codes.WRONG)] > 10
    assert seen[str(codes.AMBIGUOUS)] <= sum(seen.values()) // 10


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are judged together, however few there are."""
    monkeypatch.setattr(rules, "COLUMNS_FROM", 1)
    monkeypatch.setattr(short_keys, "pays", lambda *_: True)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("name", TOGETHER)
def test_the_counterexample_is_that_of_the_key_alone(name: str) -> None:
    thing, model = OBJECTS[name], model_of(name)
    random = Random(f"counterexample {name}")
    right: list[list[Operation]] = []
    wrong: list[list[Operation]] = []
    while len(right) < 12 or len(wrong) < 3:
        own = draw(random, thing, most=6)
        (right if linearizable(own, thing) else wrong).append(own)
    assert check(together(right[:12]), model).verdict is Verdict.VALID
    history = together([*right[:6], wrong[0], *right[6:12], *wrong[1:3]])
    result = check(history, model)
    mine = [o for o in history.operations if o.key == result.key]
    alone = check(mine, model)
    assert result.verdict is alone.verdict is Verdict.INVALID
    assert (result.counterexample, result.explanation) == (alone.counterexample, alone.explanation)
    assert result.reason == alone.reason


def test_a_model_that_looks_at_keys_is_asked_for_each_key() -> None:
    columns = together([stacked(value, pops=(value,)) for value in range(20)]).columns
    assert set(swept(columns, Begun(model_of("stack")))) == {codes.AMBIGUOUS}
    assert set(swept(columns, Plain(model_of("stack")))) == {codes.CLEAN}


@pytest.mark.usefixtures("eager")
def test_what_a_model_raises_is_its_mistake_of_one_key() -> None:
    with pytest.raises(ModelError, match="the model failing failed at push of 1 by process"):
        check(together([stacked(1), stacked(1)]), Failing())


@pytest.mark.usefixtures("eager")
def test_a_beginning_belongs_to_every_key() -> None:
    parts = [[*stacked(1, pops=(1, 7)), *stacked(2, 20, pops=(2,))] for _ in range(5)]
    assert check(together(parts), MODELS["stack"]()).verdict is Verdict.INVALID
    assert check(together(parts), Stack(start=[3, 7])).verdict is Verdict.VALID


def test_a_crowd_is_left_to_the_search() -> None:
    crowd = [
        replace(o, completed=None, completed_ns=None, outcome=Outcome.INFO, process=n)
        for n in range(70)
        for o in stacked(n)
    ]
    assert swept(together([crowd, stacked(1)]).columns, MODELS["stack"]()) == [
        codes.AMBIGUOUS,
        codes.CLEAN,
    ]


def stacked(value: int, begin: int = 0, pops: Sequence[int] = ()) -> list[Operation]:
    """A push, and then pops, one after the other."""
    calls = [("push", value, None), *(("pop", None, popped) for popped in pops)]
    return [
        Operation(
            0, function, "k", argument, result, Outcome.OK, begin + 2 * place,
            begin + 2 * place + 1, 0, 0,
        )
        for place, (function, argument, result) in enumerate(calls)
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["queue", "queue of nulls"])
def test_what_dequeues_can_take_changes_no_finding(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(f"due {name}")
    columns = together([draw(random, OBJECTS[name], most=18) for _ in range(2_000)]).columns
    findings = swept(columns, model_of(name))
    assert {codes.CLEAN, codes.WRONG} <= {*findings}
    monkeypatch.setattr(short_keys, "DUE_MOST", -1)
    assert swept(columns, model_of(name)) == findings
