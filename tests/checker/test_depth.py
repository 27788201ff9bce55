"""The search depth first, and the engines in turn, against every linearization."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from checker.linearizability.check import check
from checker.linearizability.search import breadth, depth_compiled, machine, portfolio
from checker.linearizability.search.breadth import BreadthFirst
from checker.linearizability.search.depth import DepthFirst
from checker.linearizability.search.depth_compiled import CompiledDepthFirst, StepTable
from checker.linearizability.search.depth_memory import CACHED
from checker.linearizability.search.limits import PROVES_NOTHING, LimitReached
from checker.linearizability.search.portfolio import decide
from checker.linearizability.search.problem import Problem, of_operations
from checker.models.catalogue import MODELS
from checker.models.model import Inconsistent, Model, State
from checker.operation import Operation, Outcome
from tests.checker.fuzz.subjects import Pile
from tests.checker.objects import MODEL_OF, OBJECTS, draw, linearizable
from tests.deep import DEEP

GIGABYTE = 1 << 30
FOR_EVER = 1e18


def is_linearization(model: Model, operations: list[Operation], order: list[int]) -> bool:
    """Whether these places are an order that real time and the model allow."""
    state = model.initial()
    begun = -1
    for place in order:
        operation = operations[place]
        if operation.completed is not None and operation.completed < begun:
            return False
        begun = max(begun, operation.invoked)
        after = model.step(state, operation)
        if isinstance(after, Inconsistent):
            return False
        state = after
    needed = {place for place, o in enumerate(operations) if o.outcome is Outcome.OK}
    allowed = {place for place, o in enumerate(operations) if o.outcome is not Outcome.FAIL}
    return len(set(order)) == len(order) and needed <= {*order} <= allowed


def sparing(problem: Problem, memory_bytes: int) -> CompiledDepthFirst:
    """The compiled search that first tries what spoils the least."""
    return CompiledDepthFirst(problem, memory_bytes, sparing=True)


SEARCHES = [DepthFirst, CompiledDepthFirst, sparing, BreadthFirst]


@pytest.mark.parametrize("searched", SEARCHES)
@pytest.mark.parametrize("name", OBJECTS)
def test_depth_first_agrees_with_every_linearization(
    name: str, searched: Callable[[Problem, int], DepthFirst | CompiledDepthFirst]
) -> None:
    thing, model = OBJECTS[name], MODELS[MODEL_OF.get(name, name)]()
    random = Random(f"depth {name}")
    seen = {True: 0, False: 0}
    for _ in range(200 * DEEP):
        operations = draw(random, thing, random.choice([5, 7, 9]))
        truth = linearizable(operations, thing)
        explored = of_operations(model, operations)
        for problem in (explored, explored.fresh()):
            search = searched(problem, GIGABYTE)
            assert search.run(time.monotonic() + 60, FOR_EVER) is truth, operations
            if truth:
                order = [problem.rows[op] for op in search.order()]
                assert is_linearization(model, operations, order), (operations, order)
        seen[truth] += 1
    assert min(seen.values()) > 0.12 * sum(seen.values()), seen


@pytest.mark.parametrize("name", OBJECTS)
def test_what_has_no_loose_order_has_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One in which some operations take effect more than once says nothing."""
    monkeypatch.setattr(breadth, "MOST_LOOSE", 200)
    monkeypatch.setattr(depth_compiled, "BUDGET", 20)
    thing, model = OBJECTS[name], MODELS[MODEL_OF.get(name, name)]()
    random, seen = Random(f"loose {name}"), Counter[str]()
    for _ in range(200 * DEEP):
        operations = draw(random, thing, random.choice([5, 7, 9]))
        truth = linearizable(operations, thing)
        problem = of_operations(model, operations).fresh()
        search = BreadthFirst(problem, GIGABYTE, loose_above=random.choice([0.0, 0.5, 0.8]))
        try:
            found = search.run(time.monotonic() + 60, FOR_EVER)
        except LimitReached:
            seen["endless"] += 1
            continue
        assert found is truth or (found and search.loose), operations
        seen[f"{'loose' if search.loose else 'exact'} {found}"] += 1
    assert seen["loose True"] > 20 * DEEP


def called(*calls: tuple[str, Any, Any, int, int]) -> list[Operation]:
    """One operation for each function, argument, result, beginning and end."""
    return [
        Operation(process, function, "k", argument, result, Outcome.OK, begin, end, 0, 0)
        for process, (function, argument, result, begin, end) in enumerate(calls)
    ]


@dataclass
class Gate:
    """Counts what comes in once it is open."""

    name: str = "gate"

    def initial(self) -> int | None:
        return None

    def step(self, state: Any, operation: Operation) -> Any:
        if operation.function == "open":
            return 0
        if operation.function == "count" and operation.result != state:
            return Inconsistent(f"it is {state}")
        return state if state is None or operation.function == "count" else state + 1


GROWING = {
    "queue": (
        MODELS["queue"](),
        *(("enqueue", value, None, value, 100 + value) for value in range(8)),
        ("dequeue", None, "nothing of that", 200, 201),
    ),
    "gate": (
        Gate(),
        ("open", None, None, 0, 1),
        *(("come", value, None, 2 + value, 100 + value) for value in range(8)),
        ("count", None, -1, 200, 201),
    ),
}


@pytest.mark.parametrize("name", GROWING)
def test_what_grows_with_every_effect_is_not_joined(name: str) -> None:
    """No operation takes effect for ever where that makes a new state each time."""
    model, *calls = GROWING[name]
    problem = of_operations(model, called(*calls)).fresh()
    kept = []
    for above in (0.0, 1.0):
        search = BreadthFirst(problem, GIGABYTE, loose_above=above)
        assert search.loose == (above < 1)
        assert search.run(time.monotonic() + 60, FOR_EVER) is False
        kept.append(int(search.memory.reg[CACHED]))
    assert kept[0] == kept[1]


def test_a_loose_search_of_too_much_ends_without_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breadth, "MOST_LOOSE", 200)
    monkeypatch.setattr(depth_compiled, "BUDGET", 20)
    model, *calls = GROWING["gate"]
    search = BreadthFirst(of_operations(model, called(*calls)).fresh(), GIGABYTE, loose_above=0.0)
    with pytest.raises(LimitReached, match=PROVES_NOTHING):
        search.run(time.monotonic() + 60, FOR_EVER)


def test_what_leads_back_leaves_one_configuration_of_each_state() -> None:
    """Sixteen writes at once have 65,536 sets of those that were; loose ones, hardly any."""
    writes = [("write", value, None, value, 100 + value) for value in range(16)]
    operations = called(*writes, ("read", None, -1, 200, 201))
    problem = of_operations(MODELS["register"](), operations).fresh()
    kept = []
    for above in (0.0, 1.0):
        search = BreadthFirst(problem, GIGABYTE, loose_above=above)
        assert search.run(time.monotonic() + 60, FOR_EVER) is False
        kept.append(int(search.memory.reg[CACHED]))
    assert kept[0] < 2_000 < 65_536 < kept[1]


@pytest.mark.parametrize("searched", SEARCHES)
def test_a_search_that_is_resumed_finds_the_same(
    searched: Callable[[Problem, int], DepthFirst | CompiledDepthFirst],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("checker.linearizability.search.depth_compiled.STEPS_KNOWN", 8)
    monkeypatch.setattr("checker.linearizability.search.depth_compiled.ENTRIES", 1)
    thing, model = OBJECTS["queue"], MODELS["queue"]()
    random = Random("resumed")
    for _ in range(300):
        operations = draw(random, thing, 9)
        search = searched(of_operations(model, operations), GIGABYTE)
        verdict = None
        while verdict is None:
            verdict = search.run(time.monotonic() + 60, 0.01)
        assert verdict is linearizable(operations, thing)


def test_searches_may_share_what_they_know_of_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checker.linearizability.search.depth_compiled.STEPS_KNOWN", 8)
    thing, model = OBJECTS["stack"], MODELS["stack"]()
    random = Random("shared")
    for _ in range(100):
        operations = draw(random, thing, 9)
        problem = of_operations(model, operations)
        assert problem.steps is not None
        table = StepTable(len(problem.steps.labels))
        searches = [
            CompiledDepthFirst(problem, GIGABYTE, at, table, sparing=sparing)
            for at, sparing in ((0.0, False), (1.0, True))
        ]
        verdicts: list[bool | None] = [None]
        while None in verdicts:
            verdicts = [search.run(time.monotonic() + 60, 2) for search in searches]
        assert verdicts == [linearizable(operations, thing)] * 2


class Stack(Pile):
    """A stack that has no name among the models of the checker."""

    name = "a stack of the user's"

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, tuple)
        if operation.function == "push":
            return (*state, operation.argument)
        if not state or state[-1] != operation.result:
            return Inconsistent("another value is on top")
        return state[:-1]


def overlapping(count: int, *, wrong: bool = False) -> Problem:
    """Pushes that all overlap, and then their pops, in an order that only one order explains."""
    order = list(range(count))
    Random(f"overlapping {count}").shuffle(order)
    pushes = [
        Operation(n, "push", "k", n, None, Outcome.OK, n, count + n, 0, 0) for n in range(count)
    ]
    pops = [
        Operation(
            n, "pop", "k", None, value if not wrong or n else -1, Outcome.OK, 3 * count + 2 * n,
            3 * count + 2 * n + 1, 0, 0,
        )
        for n, value in enumerate(order)
    ]  # fmt: skip
    return of_operations(Stack(), [*pushes, *pops])


def test_the_engines_take_turns_and_say_so() -> None:
    found = decide(overlapping(8), time.monotonic() + 60, GIGABYTE, with_order=True)
    assert found.verdict is True
    assert found.order is not None
    assert len(found.order) == 16
    assert any("depth first" in one.engine for one in found.tried)
    assert found.tried[-1].ended == "found an order"
    found = decide(overlapping(7, wrong=True), time.monotonic() + 60, GIGABYTE)
    assert found.verdict is False
    assert found.tried[-1].ended == "found that there is none"


@pytest.mark.parametrize("loaded", [False, True])
def test_a_turn_that_ends_is_followed_by_another(
    loaded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portfolio, "FIRST", 10)
    monkeypatch.setattr(portfolio, "EACH", 0)
    monkeypatch.setattr(portfolio._Portfolio, "_loaded", lambda self: loaded)
    monkeypatch.setattr(breadth, "may_compile", lambda until: False)
    monkeypatch.setattr(machine, "LOADED_FROM", 0)
    found = decide(overlapping(7, wrong=True), time.monotonic() + 60, GIGABYTE)
    assert found.verdict is False
    plain = {"depth first", "front"}
    compiled = {
        "depth first, early, compiled",
        "by levels, compiled",
        "by levels, loosely, compiled",
        "depth first, late, compiled",
    }
    assert {one.engine for one in found.tried} == (compiled if loaded else plain)
    assert {one.ended for one in found.tried} == {"end of its turn", "found that there is none"}


def test_limits_end_it() -> None:
    with pytest.raises(LimitReached, match="time limit"):
        DepthFirst(overlapping(12, wrong=True), GIGABYTE).run(time.monotonic(), FOR_EVER)
    with pytest.raises(LimitReached, match="memory limit"):
        DepthFirst(overlapping(12, wrong=True), 1_000_000).run(time.monotonic() + 60, FOR_EVER)
    with pytest.raises(LimitReached, match="time limit"):
        CompiledDepthFirst(overlapping(16, wrong=True), GIGABYTE).run(time.monotonic(), FOR_EVER)
    with pytest.raises(LimitReached, match="memory limit"):
        CompiledDepthFirst(overlapping(12, wrong=True), 1_000_000).run(
            time.monotonic() + 60, FOR_EVER
        )
    found = decide(overlapping(14, wrong=True), time.monotonic() + 0.5, GIGABYTE)
    assert (found.verdict, found.limit) == (None, "time limit")
    found = decide(overlapping(14, wrong=True), time.monotonic() + 60, 1_000_000)
    assert (found.verdict, found.limit) == (None, "memory limit")


class Slow(Stack):
    """A step takes a while."""

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        time.sleep(0.01)
        return super().step(state, operation)


def test_a_model_that_is_slow_does_not_exceed_the_limit() -> None:
    operations = [Operation(n, "push", "k", n, None, Outcome.OK, n, 99, 0, 0) for n in range(30)]
    started = time.monotonic()
    until = started + 0.1
    found = decide(of_operations(Slow(), operations, until=until), until, GIGABYTE)
    assert (found.verdict, found.limit) == (None, "time limit")
    assert time.monotonic() - started < 5


def test_a_result_says_how_many_states_were_found() -> None:
    operations = [Operation(n, "push", "k", n, None, Outcome.OK, n, 99, 0, 0) for n in range(12)]
    statistics = check(operations, Stack()).statistics
    assert statistics["states"]["all"] is False
    assert statistics["states"]["found"] > 12
    assert statistics["engines"][-1]["ended"] == "found an order"
    few = [Operation(0, "push", "k", 1, None, Outcome.OK, 1, 2, 0, 0)]
    assert check(few, Flag()).statistics["states"] == {"found": 2, "all": True}


class Flag(Stack):
    """It has two states."""

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        return (1,)
