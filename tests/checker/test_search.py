"""The search, plain and compiled, against every linearization; its limits and its reasons."""

import math
import re
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from random import Random

import pytest

from benchmarks.checker_repeated import repeated
from checker.columns import Columns
from checker.history import History
from checker.linearizability.check import check
from checker.linearizability.search import attempt, exhaust, judge, machine, narrow, of_columns
from checker.linearizability.search import search as search_module
from checker.linearizability.search.exhaust import dead_ends
from checker.linearizability.search.limits import OVER
from checker.linearizability.search.of_columns import of_registers
from checker.linearizability.search.problem import Problem, of_operations
from checker.linearizability.search.search import Found, Search
from checker.linearizability.search.shrink import (
    Trials,
    Unexplained,
    shrink,
    supposing,
    without_the_useless,
)
from checker.models.catalogue import MODELS
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from tests.checker import registers
from tests.checker.objects import MODEL_OF, OBJECTS, draw, judged, linearizable, stands_alone
from tests.checker.registers import known
from tests.deep import DEEP

REGISTERS = [name for name in OBJECTS if name in ("register", "cas-register", "etcd")]
GIGABYTE = 1 << 30


def found(problem: Problem, compiled: bool = False, seconds: float = 60) -> list[bool | None]:
    """What the search says of each part."""
    search = Search(problem, time.monotonic() + seconds, GIGABYTE, compiled)
    return [search.part(part).verdict for part in range(len(problem.bounds) - 1)]


def by_key(parts: list[list[Operation]]) -> Problem:
    """Many histories as one problem, each as a key of its own."""
    columns = Columns.of([replace(o, key=key) for key, own in enumerate(parts) for o in own])
    return of_registers(columns, [columns.keys.find(key) for key in range(len(parts))], None)


@pytest.mark.slow
@pytest.mark.parametrize("name", OBJECTS)
def test_every_model_agrees_with_every_linearization(name: str) -> None:
    model = MODELS[MODEL_OF.get(name, name)]()
    seen: Counter[bool] = Counter()
    for operations, truth in judged(name, f"search {name}", 3_000 * DEEP):
        assert found(of_operations(model, operations)) == [truth], operations
        seen[truth] += 1
    assert min(seen.values()) > 0.12 * seen.total(), seen


def small_register(random: Random) -> list[Operation]:
    """A short history of a register with many overlaps, few values, and all that may go wrong."""
    count, clients = random.randint(2, 9), random.randint(2, 5)
    return registers.draw_hard(random, count, clients=clients, repeat=random.choice([0.5, 1]))


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("widths", [(), (1,), (1, 2), (4, 32, 256)])
def test_registers_on_columns_agree_with_every_linearization(
    widths: tuple[int, ...], compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_module, "WIDTHS", widths)
    random = Random(f"columns {widths}")
    for _ in range(5 * DEEP):
        parts: list[tuple[list[Operation], bool]] = []
        while len(parts) < 1_000:
            if random.random() < 0.5:
                own = small_register(random)
                parts.append((own, registers.linearizable(own)))
            else:
                thing = OBJECTS[random.choice(REGISTERS)]
                own = draw(random, thing, 9)
                parts.append((own, linearizable(own, thing)))
        columns = Columns.of(
            [replace(o, key=key) for key, (own, _) in enumerate(parts) for o in own]
        )
        order = [columns.keys.find(key) for key in range(len(parts))]
        answers = found(of_registers(columns, order, None), compiled)
        for (own, truth), answer in zip(parts, answers, strict=True):
            assert answer is truth, own
        valid = sum(truth for _, truth in parts)
        assert 150 < valid < 850


def crowded_keys(random: Random) -> list[Operation]:
    """Short histories of several keys with few values, and with much that is never answered."""
    return registers.draw(
        random,
        random.randint(4, 14),
        clients=random.randint(1, 4),
        keys=random.randint(2, 4),
        repeat=1,
        crash=random.choice([0.1, 0.3, 0.6]),
        lie=random.choice([0.05, 0.2, 0.5]),
        tie=random.choice([0, 0.3]),
    )


def test_a_key_among_others_is_what_it_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_columns, "CROWDED", 1_000)
    random = Random("keys")
    for _ in range(1_500 * DEEP):
        operations = crowded_keys(random)
        columns = Columns.of(operations)
        columns = columns.rows(columns.key != random.choice([0, len(columns.keys) - 1, -1]))
        whole = of_registers(columns, range(len(columns.keys)), None)
        for part in range(len(columns.keys)):
            alone = of_registers(columns.rows(columns.key == part), [part], None)
            assert whole.widths[part] == alone.widths[0], operations
            assert whole.bounds[part + 1] - whole.bounds[part] == alone.bounds[1], operations


@pytest.mark.parametrize("engine", ["auto", "search"])
def test_nothing_that_happened_to_one_key_explains_another(engine: str) -> None:
    random = Random(f"several keys {engine}")
    seen: Counter[bool] = Counter()
    model = MODELS["cas-register"]()
    for _ in range(2_500 * DEEP):
        operations = crowded_keys(random)
        truth = all(registers.linearizable(registers.of_key(operations, k)) for k in range(4))
        result = check(operations, model, engine=engine)
        assert (result.verdict is Verdict.VALID) == (truth and known(operations)), operations
        if not truth:
            assert not registers.linearizable(result.counterexample), operations
            assert len({o.key for o in result.counterexample}) == 1
        seen[truth] += 1
    assert min(seen.values()) > 0.12 * seen.total(), seen


@pytest.mark.slow
@pytest.mark.parametrize("width", [1, 0])
def test_medium_histories_agree_with_the_polynomial_engines(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_module, "WIDTHS", (width,) if width else ())
    random = Random(f"medium {width}")
    parts = [
        registers.draw(
            random, random.randint(10, 200), clients=random.randint(2, 6), crash=0.02,
            lie=0.006, tie=random.choice([0, 0.1]), cas=random.choice([0, 0.25]),
        )
        for _ in range(1_500 * DEEP)
    ]  # fmt: skip
    answers = found(by_key(parts), compiled=True)
    model = MODELS["cas-register"]()
    seen: Counter[bool | None] = Counter()
    for own, answer in zip(parts, answers, strict=True):
        assert (check(own, model, engine="zones").verdict is Verdict.VALID) is answer
        seen[answer] += 1
    assert min(seen[True], seen[False]) > 0.15 * seen.total()


def test_supposed_operations_are_as_good_as_every_choice_of_them() -> None:
    random = Random("supposed")
    model = MODELS["cas-register"]()
    seen: Counter[bool] = Counter()
    for _ in range(3_000 * DEEP):
        operations = [o for o in small_register(random) if o.outcome is not Outcome.FAIL]
        completed = [place for place, o in enumerate(operations) if o.completed is not None]
        chosen = frozenset(random.sample(completed, min(len(completed), random.randint(0, 3))))
        truth = any(
            registers.linearizable(
                o for place, o in enumerate(operations) if not taken & (1 << place)
            )
            for taken in range(1 << len(operations))
            if all(place in chosen for place in range(len(operations)) if taken & (1 << place))
        )
        assert found(of_operations(model, operations, chosen)) == [truth], (operations, chosen)
        assert (not dead_ends(operations, model, chosen)) == truth, (operations, chosen)
        seen[truth] += 1
    assert min(seen.values()) > 0.12 * seen.total()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cas-register", "mutex", "counter", "queue", "kv"])
def test_a_counterexample_is_minimal_and_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "SHRINKING_S", 60.0)
    thing, model = OBJECTS[name], MODELS[name]()
    random = Random(f"shrink {name}")
    until = time.monotonic() + 300
    shown = 0
    while shown < 200:
        operations = draw(random, thing, 12)
        if linearizable(operations, thing):
            continue
        shown += 1
        result = check(operations, model, engine="search")
        assert result.verdict is Verdict.INVALID
        assert not linearizable(result.counterexample, thing)
        assert dead_ends(result.counterexample, model)
        assert "a contradiction." in result.explanation[-1]
        left = shrink(
            Unexplained(tuple(o for o in operations if o.outcome is not Outcome.FAIL)), model, until
        )
        assert left.smallest
        assert dead_ends(left.operations, model, left.places)
        for one in left.demanded:
            assert not Trials(model, until).stuck(supposing(left, [one])), left


@pytest.mark.parametrize("name", ["cas-register", "mutex", "queue", "set", "multi-register"])
def test_a_violation_whose_orders_are_too_many_is_explained(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exhaust, "MOST_STEPS", 0)
    thing, model = OBJECTS[name], MODELS[name]()
    random = Random(f"too many {name}")
    for _ in range(200 * DEEP):
        operations = draw(random, thing, 9)
        result = check(operations, model, engine="search")
        if result.verdict is Verdict.INVALID:
            number = re.fullmatch(
                r"No order of these operations includes (\d+)\.", result.explanation[0]
            )
            assert number is not None, result
            assert 1 <= int(number[1]) <= len(result.counterexample)
            assert stands_alone(result.counterexample, operations, thing), operations


def test_what_is_left_out_of_a_register_did_not_matter() -> None:
    random = Random("useless")
    model = MODELS["cas-register"]()
    seen: Counter[str] = Counter()
    until = time.monotonic() + 300
    for _ in range(5_000 * DEEP):
        operations = [o for o in small_register(random) if o.outcome is not Outcome.FAIL]
        whole = Unexplained(tuple(operations))
        updates = [o for o in whole.demanded if o.function != "read"]
        some = random.sample(updates, random.randint(0, len(updates)))
        before = supposing(whole, some)
        after = without_the_useless(before, model)
        stuck = Trials(model, until).stuck(before), Trials(model, until).stuck(after)
        assert (stuck[0] is None) == (stuck[1] is None) or not after.demanded, operations
        seen["less" if len(after.operations) < len(before.operations) else "same"] += 1
    assert min(seen.values()) > 500


def exploding(count: int) -> list[Operation]:
    """Overlapping compare-and-sets that no one order can include, in as many ways as there are."""
    random = Random(4)
    pairs = [random.sample(range(8), 2) for _ in range(count)]
    swaps = [
        Operation(number, "cas", "k", pair, pair[0], Outcome.OK, number, 10**6 + number, 0, 0)
        for number, pair in enumerate(pairs)
    ]
    return [Operation(999, "write", "k", 0, None, Outcome.OK, -2, -1, 0, 0), *swaps]


@pytest.mark.timed
@pytest.mark.parametrize("seconds", [0.5, 2])
def test_a_time_limit_ends_one_slow_step(seconds: float) -> None:
    started = time.monotonic()
    model = MODELS["cas-register"]()
    result = check(exploding(60), model, engine="search", time_limit_s=seconds)
    took = time.monotonic() - started
    assert result.verdict is Verdict.UNKNOWN
    assert re.match(
        r"the time limit was reached after \d\d of 122 events of key 'k', at position 10000\d\d of "
        r"the log, where \d\d operations overlapped; \d+ configurations at once",
        result.reason,
    ), result.reason
    assert 0.9 * seconds < took < 1.1 * seconds + 0.05


@pytest.mark.parametrize("compiled", [False, True])
def test_a_memory_limit_is_kept_and_used(compiled: bool) -> None:
    limit = 3_000_000 if compiled else 600_000
    problem = by_key([exploding(60)])
    # Loads all that is compiled or imported on the way.
    Search(problem, time.monotonic() + 60, limit // 4, compiled).part(0)
    before = tracemalloc_peak(lambda: None)
    held: list[Found] = []
    peaks = []
    for _ in range(3):  # What threads of earlier tests take meanwhile counts as well.
        search = Search(problem, time.monotonic() + 60, limit, compiled)
        peaks.append(tracemalloc_peak(lambda one=search: held.append(one.part(0))) - before)
    assert {(found.verdict, found.limit) for found in held} == {(None, "memory limit")}
    peak = min(peaks)
    assert peak < 1.1 * limit
    if compiled:
        assert peak > 0.6 * limit


def tracemalloc_peak(action: Callable[[], None]) -> int:
    """The most memory that was in use, in bytes, while that was done."""
    tracemalloc.start()
    action()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_a_short_history_that_is_hard_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "SLOW_S", 0.0)
    monkeypatch.setattr(machine, "may_compile", lambda _: True)
    monkeypatch.setattr(machine, "BUDGET", {**machine.BUDGET, False: 100})
    decide, compiled = Search._decide, []

    def noted(self: Search, first: int, last: int) -> Found:
        compiled.append(self.fast)
        return decide(self, first, last)

    monkeypatch.setattr(Search, "_decide", noted)
    problem = by_key([exploding(20)])
    hard = Search(problem, time.monotonic() + 60, 1_000_000).part(0)
    assert compiled == [False, True]
    assert (hard.verdict, hard.limit) in ((None, "memory limit"), (False, ""))


@pytest.mark.parametrize("name", OBJECTS)
def test_a_search_that_is_broken_off_leaves_nothing_to_the_next(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where engines take turns, and any of them may be compiled or not."""
    monkeypatch.setattr(machine, "BUDGET", {False: 1, True: 1})
    thing, model = OBJECTS[name], MODELS[MODEL_OF.get(name, name)]()
    random = Random(f"broken off {name}")
    broken = 0
    for _ in range(12):
        operations = draw(random, thing, 10)
        problem = of_operations(model, operations)
        truth = linearizable(operations, thing)
        for compiled in (True, False, True, True, False):
            search = Search(problem.fresh(), time.monotonic() + 60, GIGABYTE, compiled)
            search.effort_most = random.choice((1, 3, 10, 30, 100)) / machine.PACE[compiled]
            answer = search.part(0)
            assert answer.verdict in (truth, None), operations
            broken += answer.limit == OVER
            assert found(problem.fresh(), not compiled) == [truth], operations
    assert broken > 5


def test_keys_are_searched_by_an_executor() -> None:
    random = Random("executor")
    keys: list[list[Operation]] = []
    while len(keys) < 40:
        own = small_register(random)
        if registers.linearizable(own):
            keys.append(own)
    whole = [replace(o, key=f"key {key}") for key, own in enumerate(keys) for o in own]
    wrong = [replace(o, key="wrong") for o in exploding(3)]
    wrong[-1] = replace(wrong[-1], result=7)
    model = MODELS["cas-register"]()
    with ProcessPoolExecutor(2) as processes, ThreadPoolExecutor(2) as threads:
        for executor in (None, processes, threads):
            valid = check(whole, model, engine="search", executor=executor)
            assert (valid.verdict, valid.algorithm) == (Verdict.VALID, "search")
            both = History([*whole, *wrong])
            invalid = check(both, model, engine="search", executor=executor)
            assert invalid.verdict is Verdict.INVALID
            assert invalid.key == "wrong"


@pytest.mark.parametrize("clients", [5, 10, 30])
def test_the_order_of_a_long_history_has_a_place_for_all(clients: int) -> None:
    """Among them reads that only an update implies which is itself noticed by nothing else."""
    result = check(repeated(6_000, 1, clients), MODELS["cas-register"]())
    assert (result.verdict, result.algorithm) == (Verdict.VALID, "search")


@pytest.mark.parametrize("compiled", [False, True])
def test_an_attempt_that_is_broken_off_leaves_nothing_to_the_next_part(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "BUDGET", {False: 5, True: 5})
    random = Random("broken off")
    parts = [registers.draw(random, 300, clients=6, repeat=1, lie=0.01) for _ in range(12)]
    truth = found(by_key(parts), compiled)
    assert {*truth} == {True, False}
    answers = []
    search = Search(by_key(parts), time.monotonic() + 60, GIGABYTE, compiled)
    for part in range(len(parts)):
        moments = iter([0.0, 0.0] if part % 2 else [])
        monkeypatch.setattr(attempt.time, "monotonic", partial(next, moments, math.inf))
        tried = search._attempt
        assert tried is not None
        tried.part(part, 1.0)
        monkeypatch.undo()
        monkeypatch.setattr(attempt, "BUDGET", {False: 5, True: 5})
        assert not any(tried._memory.values)
        assert not any(tried._memory.now[name] for name in (narrow.PENDING, narrow.WRITES))
        answers.append(search.part(part).verdict)
    assert answers == truth
