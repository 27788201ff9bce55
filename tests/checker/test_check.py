"""The dispatch: every engine gives the same verdict, within its limits, on lists of operations."""

import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from checker.history import History
from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from tests.checker.registers import draw, draw_hard, known, linearizable
from tests.deep import DEEP

REGISTER = MODELS["cas-register"]()


def operation(
    process: int, function: str, argument: Any, result: Any, begin: int, end: int, **more: Any
) -> Operation:
    return Operation(
        process, function, "k", argument, result, Outcome.OK, begin, end, begin, end, **more
    )


@pytest.mark.slow
def test_the_search_agrees_with_every_linearization() -> None:
    random = Random(1)
    seen: Counter[bool] = Counter()
    for _ in range(4_000 * DEEP):
        count, clients = random.randint(2, 7), random.randint(2, 4)
        repeat = random.choice([0, 0.5, 1])
        operations = draw_hard(random, count, clients=clients, repeat=repeat)
        truth = linearizable(operations)
        result = check(operations, REGISTER, engine="search")
        assert (result.verdict is Verdict.VALID) == (truth and known(operations)), operations
        seen[truth] += 1
    assert min(seen.values()) > 0.12 * seen.total()


@pytest.mark.slow
def test_graph_zones_and_search_agree_on_medium_histories() -> None:
    random = Random(2)
    seen: Counter[str] = Counter()
    for _ in range(600 * DEEP):
        operations = draw(
            random, random.randint(10, 200), clients=random.randint(2, 4), crash=0.01,
            lie=0.005, tie=0, cas=0.25,
        )  # fmt: skip
        history = History(operations)
        words = {
            engine: check(history, REGISTER, engine=engine).verdict.word
            for engine in ("graph", "zones", "search")
        }
        assert len(set(words.values())) == 1, words
        seen[words["graph"]] += 1
    assert min(seen["valid"], seen["invalid"]) > 0.15 * seen.total()


def test_a_short_valid_history_of_one_key_has_a_witness() -> None:
    overlapping = [
        operation(1, "write", 1, None, 1, 9),
        operation(2, "write", 2, None, 2, 8),
        operation(3, "read", None, 2, 3, 4),
        operation(3, "read", None, 1, 5, 6),
    ]
    result = check(overlapping, REGISTER)
    assert result.witness is not None
    assert [o.process for o in result.witness] == [2, 3, 1, 3]


def test_keys_with_repeated_values_alone_are_searched() -> None:
    random = Random(3)
    seen: Counter[Verdict] = Counter()
    for _ in range(500):
        operations = draw(random, 12, keys=3, repeat=0.4, lie=0.1, tie=0)
        truth = all(linearizable([o for o in operations if o.key == key]) for key in range(3))
        result = check(operations, REGISTER)
        assert (result.verdict is Verdict.VALID) == (truth and known(operations))
        seen[result.verdict] += 1
    assert min(seen[Verdict.VALID], seen[Verdict.INVALID]) > 50


def exploding(count: int) -> list[Operation]:
    """Overlapping compare-and-sets that no one order can include, in as many ways as there are."""
    random = Random(4)
    pairs = [random.sample(range(8), 2) for _ in range(count)]
    swaps = [operation(i, "cas", pair, pair[0], i, 10**6 + i) for i, pair in enumerate(pairs)]
    return [operation(999, "write", 0, None, -2, -1), *swaps]


@pytest.mark.timed
def test_limits_of_time_and_memory_end_in_unknown() -> None:
    started = time.monotonic()
    result = check(exploding(60), REGISTER, engine="search", time_limit_s=0.5)
    assert time.monotonic() - started < 0.8
    assert result.verdict is Verdict.UNKNOWN
    assert "time limit" in result.reason
    result = check(exploding(60), REGISTER, engine="search", memory_limit_bytes=1_000_000)
    assert result.verdict is Verdict.UNKNOWN
    assert "memory limit" in result.reason


def test_a_violation_found_by_search_shows_where_no_order_leads() -> None:
    result = check(
        [
            operation(1, "write", 5, None, 1, 2),
            operation(1, "read", None, 5, 3, 4),
            operation(1, "write", 5, None, 5, 6),
            operation(2, "write", 6, None, 7, 8),
            operation(3, "read", None, 5, 9, 10),
            operation(3, "read", None, 6, 11, 12),
        ],
        REGISTER,
    )
    assert result.algorithm == "search"
    assert [o.argument or o.result for o in result.counterexample] == [5, 6, 5]
    assert result.explanation == (
        "1: process 1 wrote 5.",
        "2: process 2 wrote 6.",
        "3: process 3 read 5.",
        "Of 1 it does not matter here whether it happened at all.",
        "After 1 and 2, in this order, 3 is not possible: the value is 6, not 5.",
        "No order is left that includes 3: a contradiction.",
    )


def test_versions_that_lie_are_a_violation() -> None:
    honest = operation(1, "write", 1, None, 1, 5, version=1)
    other = operation(2, "write", 2, None, 6, 9, version=2)
    assert check([honest, other], REGISTER).verdict is Verdict.VALID
    result = check([honest, replace(other, version=1)], REGISTER)
    assert result.verdict is Verdict.INVALID
    assert result.algorithm == "versions"


@pytest.mark.parametrize("model", MODELS)
def test_a_history_without_operations_is_not_valid(model: str) -> None:
    result = check([], MODELS[model]())
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "there is no operation to judge"


def test_keys_are_told_apart_as_in_json_and_searched_in_parallel() -> None:
    operations = [
        replace(operation(number, "write", 5, None, number, number), key=key)
        for number, key in enumerate([1, True, 1.0, [1], {"a": 1}, "1"])
    ]
    twice = [*operations, *[replace(o, invoked=10, completed=11) for o in operations]]
    read = replace(operation(9, "read", None, 5, 20, 21), key=[1])
    with ThreadPoolExecutor(2) as executor:
        result = check([*twice, read], REGISTER, executor=executor)
    assert result.verdict is Verdict.VALID
    assert result.algorithm == "search"
    assert result.statistics["keys"] == 6
    wrong = check([*twice, replace(read, result=6)], REGISTER, engine="search")
    assert wrong.verdict is Verdict.INVALID


def test_a_wrong_engine_is_named() -> None:
    with pytest.raises(ValueError, match="choose one of"):
        check([], REGISTER, engine="magic")


def test_short_histories_need_nothing_heavy() -> None:
    program = (
        "import sys, checker; from checker.linearizability.check import check\n"
        "from checker.models.catalogue import MODELS\n"
        "assert check([], MODELS['queue']()).verdict == 1\n"
        "heavy = {'numba', 'networkx', 'docker', 'harness'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_the_proof_that_crashed_operations_happened_does_not_go_in_a_ring() -> None:
    crashed = [
        replace(operation(n, "cas", pair, None, n, n), outcome=Outcome.INFO, completed=None)
        for n, pair in enumerate([[1, 2], [2, 1], [2, 3]], start=1)
    ]
    result = check([*crashed, operation(4, "read", None, 3, 4, 5)], REGISTER)
    assert result.verdict is Verdict.INVALID
    assert result.counterexample
