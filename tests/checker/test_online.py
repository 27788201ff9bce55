"""Judging event by event finds the first event after which the past is not linearizable."""

from bisect import bisect_left
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from checker import online
from checker.linearizability.check import check
from checker.linearizability.registers import stream
from checker.linearizability.registers.graph import decide
from checker.models.catalogue import MODELS
from checker.online import Online
from checker.operation import Operation, Outcome
from tests.checker.objects import OBJECTS
from tests.checker.objects import draw as draw_object
from tests.checker.registers import draw, of_key
from tests.deep import DEEP

Event = tuple[int, bool, Operation]


def events(operations: list[Operation]) -> list[Event]:
    """Invocations and completions in order; a crashed operation is given up after a while."""
    ends = [(o.completed or o.invoked + 40, True, o) for o in operations]
    return sorted([(o.invoked, False, o) for o in operations] + ends, key=lambda e: e[:2])


def feed(judge: Online, event: Event) -> None:
    _, ends, o = event
    if ends:
        judge.complete(o.process, o.outcome, o.result)
    else:
        judge.invoke(o.process, o.function, o.key, o.argument)


def first_violation(operations: list[Operation], model: str) -> int | None:
    """The position of the first event at which the judge speaks up."""
    judge = Online(MODELS[model]())
    for event in events(operations):
        feed(judge, event)
        if judge.violation:
            return event[0]
    return None


def truth(operations: list[Operation]) -> int | None:
    """The same, by judging the past: what is open has crashed. A violation never goes away."""
    ends = sorted(o.completed for o in operations if o.completed is not None)

    def wrong(position: int) -> bool:
        past = [
            o
            if o.completed is not None and o.completed <= position
            else replace(o, outcome=Outcome.INFO, completed=None, result=None)
            for o in operations
            if o.invoked <= position
        ]
        return any(decide(of_key(past, key)).order is None for key in {o.key for o in past})

    first = bisect_left(ends, True, key=wrong)
    return ends[first] if first < len(ends) else None


@pytest.mark.slow
@pytest.mark.parametrize("tidy_every", [1, 3])
def test_the_first_violation_is_found_at_once(
    tidy_every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "TIDY_EVERY", tidy_every)
    random = Random(f"online {tidy_every}")
    seen: Counter[bool] = Counter()
    for _ in range(10_000 * DEEP):
        operations = draw(
            random, random.randint(3, 20), clients=random.randint(2, 4), tie=0,
            keys=random.choice([1, 1, 2]), lie=random.choice([0.02, 0.1, 0.4]),
            cas=random.choice([0, 0.3, 0.6]), crash=random.choice([0, 0.1, 0.3]),
        )  # fmt: skip
        found, expected = first_violation(operations, "cas-register"), truth(operations)
        assert found == expected, operations
        seen[expected is None] += 1
    assert min(seen.values()) > 0.2 * seen.total()


@pytest.mark.parametrize("name", ["queue", "etcd", "list", "mutex"])
def test_other_objects_are_judged_from_time_to_time(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(online, "LOOK_EVERY", 1)
    random = Random(5)
    seen: Counter[tuple[bool, bool]] = Counter()
    for _ in range(200):
        operations = [
            replace(o, process=number)
            for number, o in enumerate(draw_object(random, OBJECTS[name]))
        ]
        judge = Online(MODELS[name]())
        for event in events(operations):
            feed(judge, event)
        valid = check(operations, MODELS[name]()).verdict == 0
        assert not (valid and judge.violation), operations
        seen[valid, bool(judge.violation)] += 1
    assert seen[False, True] > 4 * seen[False, False], seen


def test_memory_does_not_grow_with_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online, "KEPT_UP_TO", 100)
    random = Random(8)
    judge = Online(MODELS["cas-register"]())
    operations = draw(random, 20_000, clients=8, lie=0, crash=0.001, fail=0.01, tie=0, cas=0.5)
    largest = 0
    for event in events(operations):
        feed(judge, event)
        largest = max(largest, *(key.stream.size() for key in judge._keys.values() if key.stream))
    assert not judge.violation
    assert largest < 300


def test_a_key_with_too_many_repeated_values_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online, "KEPT_UP_TO", 50)
    monkeypatch.setattr(online, "ALL_KEPT_UP_TO", 120)
    judge = Online(MODELS["register"]())
    for key in "abcd":
        for number in range(45 if key < "d" else 60):
            judge.invoke(1, "write", key, number % 3)
            judge.complete(1, Outcome.OK, None)
    assert not judge.violation
    assert judge.let_go >= 1
    assert judge._kept <= 120
