"""Versions that a system reports: what they prove, and how lies are told. And unique ids."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from checker.columns import Columns
from checker.linearizability.check import check
from checker.linearizability.objects.bounds import check_unique_ids
from checker.linearizability.objects.columnar import find_lies
from checker.linearizability.registers.versions import check_versions, verified
from checker.models.catalogue import MODELS
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from tests.checker.objects import OBJECTS, draw, order
from tests.checker.registers import known
from tests.deep import DEEP


def operation(function: str, argument: Any, result: Any, at: int, version: int) -> Operation:
    return Operation(
        at, function, "k", argument, result, Outcome.OK, at, at + 1, at, at, version=version
    )


def test_unique_ids() -> None:
    ids = [operation("generate", None, number, number, 0) for number in range(5)]
    assert check_unique_ids(ids) is None
    twice = check_unique_ids([*ids, operation("generate", None, 3, 10, 0)])
    assert twice is not None
    assert [o.result for o in twice.operations] == [3, 3]


def test_versions_that_lie_are_caught() -> None:
    first = operation("write", 17, None, 1, 1)
    second = operation("cas", [17, 18], 17, 3, 2)
    assert check_versions([first, second, operation("read", None, 18, 5, 2)]) is None
    for lie, reason in [
        (operation("read", None, 17, 5, 1), "ended before"),
        (operation("read", None, 17, 5, 2), "different values"),
        (operation("write", 18, None, 5, 2), "both made version"),
    ]:
        violation = check_versions([first, second, lie])
        assert violation is not None
        assert reason in violation.reason


def numbered(random: Random, witness: Sequence[Operation]) -> dict[int, int]:
    """Honest versions by identity, with gaps now and then, of operations in this order."""
    version, value = random.choice([0, 0, 5]), None
    versions = {}
    for done in witness:
        updates = done.function == "write"
        if done.function == "cas" and done.argument[0] == value:
            updates = True
        if updates:
            version += random.choice([1, 1, 3])
            value = done.argument if done.function == "write" else done.argument[1]
        versions[id(done)] = version
    return versions


@pytest.mark.slow
def test_versions_prove_only_what_is_so() -> None:
    thing, model = OBJECTS["etcd"], MODELS["etcd"]()
    random = Random(41)
    seen: Counter[str] = Counter()
    for number in range(10_000 * DEEP):
        operations = draw(random, thing)
        witness = order(operations, thing)
        versions = numbered(random, operations if witness is None else witness)
        honest = random.random() < 0.5
        told = [
            replace(o, version=versions.get(id(o), 0) + (0 if honest else random.choice([0, 1, 2])))
            if o.outcome is Outcome.OK
            else o
            for o in operations
        ]
        lies = check_versions(told)
        assert find_lies(Columns.of(told)) == ([0] if lies else [])
        proven = verified(told)
        if number % 4:
            assert not (proven and (lies or witness is None)), told
            continue
        result = check(told, model)
        if witness is None:
            assert not proven, told
            assert result.verdict is Verdict.INVALID
            assert result.algorithm != "versions"
            seen["not linearizable"] += 1
        elif lies is not None:
            assert not honest
            assert not proven
            assert (result.verdict, result.algorithm) == (Verdict.INVALID, "versions")
            assert "the versions lie" in result.reason
            seen["lies"] += 1
        else:
            assert result.verdict is (Verdict.VALID if known(told) else Verdict.UNKNOWN)
            seen["proven" if proven else f"not proven {honest}"] += 1
    assert min(seen["not linearizable"], seen["lies"], seen["proven"]) > 0.1 * seen.total(), seen
    assert seen["not proven True"] < 0.2 * seen["proven"], seen


def test_versions_spare_the_search() -> None:
    """Many overlapping writes of few values, which a search alone could not order in this time."""
    count = 2_000
    operations = [
        Operation(
            number, "write" if number % 2 else "read", "k", number // 2 % 3 if number % 2 else None,
            None if number % 2 or not number else (number - 1) // 2 % 3, Outcome.OK,
            number, number + 400, number, number + 400, version=(number + 1) // 2,
        )
        for number in range(count)
    ]  # fmt: skip
    result = check(operations, MODELS["register"](), time_limit_s=10)
    assert (result.verdict, result.algorithm) == (Verdict.VALID, "versions")
