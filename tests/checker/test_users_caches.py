"""Models of users' whose states are many: the engines agree, and decide what many clients saw."""

import time
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest

from checker.linearizability.check import check
from checker.linearizability.search.breadth import BreadthFirst
from checker.linearizability.search.depth_compiled import CompiledDepthFirst
from checker.linearizability.search.depth_memory import ASK, CACHED, STEPS
from checker.linearizability.search.judge import SHRINKING_S, shrinking_s
from checker.linearizability.search.problem import Answers, of_operations
from checker.linearizability.search.search import Tried
from checker.models.model import Inconsistent, Model
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from tests.checker.test_depth import is_linearization
from tests.deep import DEEP

GIGABYTE = 1 << 30


@dataclass
class Cache:
    """Keeps the keys that were used last, the latest at the end."""

    capacity: int
    name: str = "cache"

    def initial(self) -> tuple[Any, ...]:
        return ()

    def step(self, state: Any, operation: Operation) -> Any:
        after, found = self.do(state, operation.function, operation.argument)
        known = operation.outcome is Outcome.OK
        return Inconsistent(f"it is {found}") if known and operation.result != found else after

    def do(self, state: Any, function: str, argument: Any) -> tuple[Any, Any]:
        key = argument[0] if function == "put" else argument
        others = tuple(entry for entry in state if entry[0] != key)
        entry = argument if function == "put" else next((e for e in state if e[0] == key), None)
        after = state if entry is None else (*others, entry)[-self.capacity :]
        return after, None if function == "put" or entry is None else entry[1]

    def call(self, random: Random, number: int) -> tuple[str, Any]:
        key = random.randrange(2 * self.capacity)
        return ("put", (key, number)) if random.random() < 0.5 else ("get", key)


@dataclass
class Limiter:
    """Five tokens, and one more every ten ticks of the time that callers tell."""

    name: str = "limiter"

    def initial(self) -> tuple[int, int]:
        return 0, 5

    def step(self, state: Any, operation: Operation) -> Any:
        after, found = self.do(state, operation.function, operation.argument)
        return after if operation.result is found else Inconsistent(f"it is {found}")

    def do(self, state: Any, _function: str, now: int) -> tuple[Any, Any]:
        last, tokens = state
        tokens = min(5, tokens + max(0, now // 10 - last // 10))
        return (max(now, last), tokens - (tokens > 0)), tokens > 0

    def call(self, _random: Random, number: int) -> tuple[str, Any]:
        return "allow", 4 * number


def played(
    model: Any, random: Random, count: int, clients: int, lie: bool, pause: float = 4.0
) -> list[Operation]:
    """What clients see who call one object; one of them may be told a wrong answer in the end.

    Between calls they pause, on average, `pause` times as long as a call takes.
    """
    state, calls, moment = model.initial(), [], [random.random() for _ in range(clients)]
    for number in range(count):
        client = min(range(clients), key=moment.__getitem__)
        begun = moment[client]
        ended = begun + 0.1 + random.expovariate(1)
        called = model.call(random, number)
        calls.append((random.uniform(begun, ended), begun, ended, client, *called))
        moment[client] = ended + pause * random.expovariate(1)
    done = []
    for place, (_, begun, ended, client, function, argument) in enumerate(sorted(calls)):
        state, result = model.do(state, function, argument)
        if lie and place > 0.9 * count and function in ("get", "allow"):
            lie, result = False, (result is not True) if function == "allow" else -1
        done.append((begun, ended, client, function, argument, result))
    moments = sorted(moment for begun, ended, *_ in done for moment in (begun, ended))
    at = {moment: place for place, moment in enumerate(moments)}
    return [
        Operation(who, function, "k", argument, result, Outcome.OK, at[begun], at[ended], 0, 0)
        for begun, ended, who, function, argument, result in sorted(done)
    ]


@pytest.mark.parametrize("model", [Cache(2), Cache(3), Limiter()], ids=["two", "three", "limiter"])
def test_engines_agree_on_histories_that_are_not_small(model: Any) -> None:
    random = Random(f"engines {model}")
    verdicts = []
    for number in range(20 * DEEP):
        operations = played(model, random, 60, 8, lie=number % 2 == 1)
        problem = of_operations(model, operations).fresh()
        levels, deep = BreadthFirst(problem, GIGABYTE), CompiledDepthFirst(problem, GIGABYTE)
        until = time.monotonic() + 60
        verdicts.append(levels.run(until, 1e18))
        assert verdicts[-1] is deep.run(until, 1e18)
        if verdicts[-1]:
            order = [problem.rows[op] for op in levels.order()]
            assert is_linearization(model, operations, order)
    assert all(verdicts[::2])
    assert verdicts[1::2].count(False) > 5 * DEEP


def test_loose_orders_convict_with_a_part_of_the_configurations() -> None:
    """Most lies are lies whatever came of the calls that overlapped before."""
    random, kept, met = Random("crowds"), [0, 0], [0, 0]
    for _ in range(3 * DEEP):
        operations = played(Cache(3), random, 300, 20, lie=True)
        for place, above in enumerate((0.0, 1.0)):
            problem = of_operations(Cache(3), operations).fresh()
            assert problem.steps is not None
            search = BreadthFirst(problem, GIGABYTE, loose_above=above)
            assert search.loose is (above < 1)
            assert search.run(time.monotonic() + 60, 1e18) is False
            kept[place] += int(search.memory.reg[CACHED])
            met[place] += len(problem.steps.states)
    assert 3 * kept[0] < kept[1], "a part of the configurations suffices"
    assert met[1] <= met[0] < 1.2 * met[1], "the model is asked in hardly more states"


@pytest.mark.parametrize("pause", [1.0, 0.05])
def test_a_lie_among_clients_that_hardly_pause_is_convicted(pause: float) -> None:
    operations = played(Cache(2), Random("busy 1"), 1_000, 20, lie=True, pause=pause)
    result = check(operations, Cache(2), time_limit_s=60, explain=False)
    assert result.verdict is Verdict.INVALID
    engines = result.statistics["engines"]
    decided = [e["engine"] for e in engines if e["ended"] == "found that there is none"]
    assert decided == ["by levels, loosely, compiled"]


def test_what_took_long_to_prove_is_not_made_small_where_states_are_many() -> None:
    answers, quick = Answers(), Tried("one", 0.01, "found that there is none")
    slow = (Tried("another", 1.0, "end of its turn"), replace(quick, seconds=0.4))
    searches = (), (quick,), slow
    assert [shrinking_s(tried, answers) for tried in searches] == [SHRINKING_S] * 3
    answers.endless = True
    assert [shrinking_s(tried, answers) for tried in searches] == [SHRINKING_S, SHRINKING_S, 0]


def test_what_waits_for_answers_is_not_looked_at_again_for_each_of_them() -> None:
    operations = played(Cache(4), Random("waiting"), 300, 20, lie=False, pause=0.05)
    search = BreadthFirst(of_operations(Cache(4), operations).fresh(), GIGABYTE)
    search.memory = search.memory._replace(asked=search.memory.asked[: 64 * ASK])
    search.run(time.monotonic() + 60, 60_000)
    assert search._asked > 10_000
    assert search.memory.reg[STEPS] < 10 * search._asked


@pytest.mark.parametrize("model", [Cache(2), Cache(4), Limiter()], ids=["two", "four", "limiter"])
def test_a_thousand_operations_of_twenty_clients_are_decided(model: Model) -> None:
    random = Random(f"many {model}")
    operations = played(model, random, 1_000, 20, lie=False)
    assert check(operations, model).verdict is Verdict.VALID
    wrong = played(model, random, 1_000, 20, lie=True)
    result = check(wrong, model)
    assert result.verdict is Verdict.INVALID, result.reason
