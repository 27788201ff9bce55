"""What answers demand: what is left out for it never decides, and is tried in the end."""

import time
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from checker.linearizability.search import demands, portfolio
from checker.linearizability.search.demands import demands_of
from checker.linearizability.search.depth_compiled import CompiledDepthFirst
from checker.linearizability.search.depth_memory import (
    DEMAND,
    DEMAND_GIVERS,
    DEMAND_OWED,
    LEFT_OUT,
)
from checker.linearizability.search.engines import Engine
from checker.linearizability.search.limits import PROVES_NOTHING, LimitReached
from checker.linearizability.search.portfolio import decide
from checker.linearizability.search.problem import Problem, of_operations
from checker.models.catalogue import MODELS
from checker.models.model import Inconsistent, Model
from checker.operation import Operation, Outcome
from tests.checker.objects import MODEL_OF, OBJECTS, draw, linearizable
from tests.checker.test_depth import is_linearization
from tests.checker.test_users_caches import Cache, played
from tests.deep import DEEP

GIGABYTE = 1 << 30
FOR_EVER = 1e18


def demanding(problem: Problem) -> CompiledDepthFirst:
    """The search that leaves out what loses an answer."""
    return CompiledDepthFirst(problem, GIGABYTE, sparing=True, demanding=True)


@pytest.mark.parametrize("name", OBJECTS)
def test_an_order_that_is_found_is_one_and_what_was_left_out_proves_nothing(name: str) -> None:
    thing, model = OBJECTS[name], MODELS[MODEL_OF.get(name, name)]()
    random, seen = Random(f"demands {name}"), Counter[str]()
    for _ in range(60 * DEEP):
        operations = draw(random, thing, random.choice([5, 7, 9]))
        truth = linearizable(operations, thing)
        for problem in (explored := of_operations(model, operations), explored.fresh()):
            search = demanding(problem)
            try:
                found = search.run(time.monotonic() + 60, FOR_EVER)
            except LimitReached:
                assert search.memory.reg[LEFT_OUT]
                seen[f"left out {truth}"] += 1
                continue
            assert found is truth, operations
            seen[f"found {truth}"] += 1
            if truth:
                order = [problem.rows[op] for op in search.order()]
                assert is_linearization(model, operations, order), (operations, order)
    assert seen["found True"] > 10 * seen["left out True"], seen


@dataclass
class Doubling:
    """A number that is set, doubled and read: zero, twice, is zero, so doubling gives nothing."""

    name: str = "doubling"

    def initial(self) -> int:
        return 0

    def step(self, state: Any, operation: Operation) -> Any:
        if operation.function == "set":
            return operation.argument
        if operation.function == "double":
            return 2 * state
        return state if operation.result == state else Inconsistent(f"it is {state}")


def calls(*called: tuple[str, int | None, int | None]) -> list[Operation]:
    """One operation after the other: the function, the argument and the answer of each."""
    return [
        Operation(0, function, "k", argument, result, Outcome.OK, 2 * n, 2 * n + 1, 0, 0)
        for n, (function, argument, result) in enumerate(called)
    ]


MISLED = calls(("set", 2, None), ("set", 1, None), ("double", None, None), ("read", None, 2))
"""An answer whose only giver at first was overwritten, and to which another operation leads."""


def test_what_loses_an_answer_is_tried_once_nothing_else_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    search = demanding(of_operations(Doubling(), MISLED).fresh())
    with pytest.raises(LimitReached, match=PROVES_NOTHING):
        search.run(time.monotonic() + 60, FOR_EVER)
    monkeypatch.setattr(portfolio.machine, "LOADED_FROM", 0)
    monkeypatch.setattr(portfolio._Portfolio, "_loaded", lambda self: True)
    late = _only("late", monkeypatch)
    found = decide(of_operations(Doubling(), MISLED), time.monotonic() + 60, GIGABYTE)
    assert (found.verdict, len(late)) == (True, 1)
    wrong = [*MISLED[:-1], *calls(("read", None, 3))]
    found = decide(of_operations(Doubling(), wrong), time.monotonic() + 60, GIGABYTE)
    assert found.verdict is False


def _only(likely: str, monkeypatch: pytest.MonkeyPatch) -> list[Engine]:
    """Leaves the portfolio but that search; those that it made."""
    made: list[Engine] = []
    engines = portfolio._Portfolio._engines

    def one(self: portfolio._Portfolio, fast: bool) -> list[Engine]:
        left = [engine for engine in engines(self, fast) if likely in engine.name]
        made.extend(left)
        return left

    monkeypatch.setattr(portfolio._Portfolio, "_engines", one)
    return made


def demanded(operations: list[Operation], model: Model) -> list[list[tuple[int, int]]]:
    """Of each end how many pending operations give each answer that is demanded, and whether that
    is owed already."""
    problem = of_operations(model, operations).fresh()
    bits = demanding(problem).memory.bits
    found = demands_of(problem, bits, GIGABYTE)
    each = found.records.reshape(-1, DEMAND)
    counted = [
        (int(one[DEMAND_GIVERS]).bit_count(), int(one[DEMAND_OWED]).bit_count()) for one in each
    ]
    return [counted[first:last] for first, last in pairwise(found.at.tolist())]


def test_an_answer_demands_from_when_its_givers_have_begun_until_it_is_given() -> None:
    one_by_one = calls(("set", 1, None), ("set", 2, None), ("read", None, 2), ("read", None, 0))
    # The second write gives the answer: at its own end it is pending, and the read has not begun.
    assert demanded(one_by_one, Doubling()) == [[], [(1, 0)], [(0, 1)], []]
    beside = [
        Operation(0, "set", "k", 2, None, Outcome.OK, 0, 9, 0, 0),
        Operation(1, "set", "k", 2, None, Outcome.INFO, 1, None, 0, None),
        Operation(2, "read", "k", None, 2, Outcome.OK, 2, 8, 0, 0),
        Operation(3, "read", "k", None, 2, Outcome.INFO, 3, None, 0, None),
    ]
    # Both writes are its givers while they are pending; without an answer nothing is demanded.
    assert demanded(beside, Doubling()) == [[(2, 1)], []]


def test_what_many_operations_give_is_not_demanded() -> None:
    for many in (demands.MOST_GIVERS, demands.MOST_GIVERS + 1):
        operations = calls(*[("set", 1, None)] * many, ("read", None, 1))
        assert any(demanded(operations, Doubling())) == (many == demands.MOST_GIVERS)


def test_givers_are_looked_for_as_long_as_there_is_time_and_room() -> None:
    operations = calls(*(("set", n, None) for n in range(1, 9)), ("read", None, 8))
    assert any(demanded(operations, Doubling()))
    problem = of_operations(Doubling(), operations).fresh()
    bits = demanding(problem).memory.bits
    assert not len(demands_of(problem, bits, 8).records)
    problem = of_operations(Doubling(), operations, until=time.monotonic() + 3_600).fresh()
    assert problem.steps is not None
    problem.steps.until = time.monotonic() - 1
    assert not len(demands_of(problem, bits, GIGABYTE).records)


def test_a_cache_that_many_clients_use_all_the_time_is_decided_at_once() -> None:
    random = Random("demands of caches")
    for _ in range(3 * DEEP):
        operations = played(Cache(3), random, 1_000, 20, lie=False, pause=0.5)
        problem = of_operations(Cache(3), operations).fresh()
        plainly = CompiledDepthFirst(problem, GIGABYTE, sparing=True)
        search = demanding(problem)
        assert search.run(time.monotonic() + 60, FOR_EVER)
        order = [problem.rows[op] for op in search.order()]
        assert is_linearization(Cache(3), operations, order)
        effort = search._effort()
        assert plainly.run(time.monotonic() + 60, 3 * effort) is None
