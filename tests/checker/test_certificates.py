"""What is verified of a verdict: a wrong witness and a wrong counterexample do not stand."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from random import Random
from typing import Any

import numpy as np
import pytest

from checker.certificates import has_order, verify_witness
from checker.certified_registers import verify_registers
from checker.columns import Columns
from checker.errors import InternalError
from checker.history import History
from checker.linearizability import certified
from checker.linearizability.check import check
from checker.linearizability.objects import queue, rules
from checker.linearizability.registers import chains, judge, placing, points, zones
from checker.linearizability.search import search as searching
from checker.linearizability.search.of_columns import of_registers
from checker.models.collections import Set
from checker.models.known import known_object
from checker.omissions import proofs
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from tests.checker.fuzz import oracle
from tests.checker.fuzz.campaign import drawn
from tests.checker.fuzz.declared import SUBJECTS
from tests.checker.fuzz.explanations import supposed
from tests.checker.fuzz.histories import CORRECT, Shape

TWELVE = (
    "register", "cas-register", "etcd", "kv", "queue", "unordered-queue", "multi-register", "set",
    "list", "counter", "mutex", "unique-ids",
)  # fmt: skip


def operation(function: str, argument: Any, result: Any, begin: int, end: int) -> Operation:
    return Operation(begin, function, "k", argument, result, Outcome.OK, begin, end, begin, end)


WRITES = (
    operation("write", 1, None, 1, 4),
    operation("write", 2, None, 2, 5),
    operation("read", None, 1, 6, 7),
)
MODEL = SUBJECTS["cas-register"].make()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda a, b, c: (a, b, c), "impossible where the witness puts it: the value is 2, not 1"),
        (lambda a, b, c: (a, c, b), "ended before one began"),
        (lambda a, b, c: (b, a), "missing in the witness"),
        (lambda a, b, c: (b, a, c, c), "twice"),
        (lambda a, b, c: (b, a, replace(c)), "twice or failed"),
    ],
)
def test_a_wrong_witness_does_not_stand(
    wrong: Callable[..., tuple[Operation, ...]], reason: str
) -> None:
    one, other, read = WRITES
    verify_witness(WRITES, (other, one, read), MODEL)
    with pytest.raises(InternalError, match=reason):
        verify_witness(WRITES, wrong(one, other, read), MODEL)


def test_a_wrong_order_of_rows_does_not_stand() -> None:
    columns = Columns.of(WRITES)
    verify_registers(columns, [0], np.array([1, 0, 2]), None)
    for wrong in ([0, 1, 2], [1, 2, 0], [1, 0], [1, 0, 2, 2], [1, 0, 0, 2]):
        with pytest.raises(InternalError):
            verify_registers(columns, [0], np.array(wrong), None)


def test_rows_and_operations_are_verified_alike() -> None:
    random = Random("rows")
    seen: Counter[bool] = Counter()
    subject = SUBJECTS["cas-register"]
    model = subject.make()
    for _ in range(1_500):
        shape = replace(Shape.small(random), keys=1)
        columns = History(drawn(random, subject, shape)).columns
        found = zones.findings(columns)
        if len(columns) < 2 or found.finding[0] != chains.CLEAN:
            continue
        order = points.witness(columns, found)
        if random.random() < 0.7 and len(order) > 1:
            order = random.choice((random.sample(order.tolist(), len(order)), order[1:].tolist()))
        operations = list(columns.operations(range(len(columns))))
        stands = True
        try:
            verify_witness(operations, [operations[row] for row in order], model)
        except InternalError:
            stands = False
        try:
            verify_registers(columns, [0], np.array(order, np.int64), None)
        except InternalError:
            assert not stands, operations
        else:
            assert stands, operations
        seen[stands] += 1
    assert min(seen.values()) > 100


def complete(columns: Columns, keys: list[int], uses: Any) -> None:
    verify_registers(columns, keys, placing.placed(columns, keys, uses, None), None)


def test_orders_of_the_search_are_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random("completed")
    model = SUBJECTS["etcd"].make()
    for number in range(160):
        monkeypatch.setattr(searching, "QUICK_FROM", number % 2 * 1_000)
        # What finds no place beside anything else is rare, and most often so in short histories.
        most = 200 if number < 60 else 9
        shape = replace(Shape.large(random), operations=random.randint(4, most), versions=False)
        operations = drawn(
            random, SUBJECTS["etcd"], replace(shape, way=CORRECT, keys=1 + number % 3)
        )
        columns = Columns.of(operations)
        keys = list(range(len(columns.keys)))
        search = searching.Search(
            of_registers(columns, keys, None), time.monotonic() + 60, 1 << 30, log=True
        )
        found = [search.part(key) for key in keys]
        uses = [(one.order, one.ends) for one in found if one.order is not None]
        assert len(uses) == len(keys)
        rows = placing.placed(columns, keys, uses, None)
        for key in keys:
            whole = {int(row): columns.operation(int(row)) for row in columns.rows_of(key)}
            own = [whole[row] for row in rows.tolist() if row in whole]
            verify_witness(list(whole.values()), own, model)
        order, ends = max(uses, key=lambda one: len(one[0]))
        if len(order) < 9:
            continue
        with pytest.raises(InternalError):
            complete(columns, keys, [(order[::-1], ends)] * len(keys))


def test_all_orders_are_tried() -> None:
    random = Random("orders")
    seen: Counter[bool] = Counter()
    for number in range(3_000):
        subject = list(SUBJECTS.values())[number % len(SUBJECTS)]
        model = subject.make()
        operations = drawn(random, subject, replace(Shape.small(random), keys=1))
        truth = oracle.linearizable(operations, model)
        assert has_order(operations, model) in (truth, None), operations
        seen[truth] += 1
    assert min(seen.values()) > 150


def violation(name: str, random: Random) -> tuple[list[Operation], Any, Any]:
    """An invalid history of one key, its model, and the verdict on it."""
    subject = SUBJECTS[name]
    model = subject.make()
    while name == "mutex":
        # Clients that call a lock are seldom wrong, so calls and answers are drawn by themselves.
        operations = [
            operation(function, None, None, at + random.randint(0, 2), at + random.randint(3, 9))
            for at in sorted(random.sample(range(1, 60), random.randint(3, 8)))
            for function in [random.choice(("acquire", "acquire", "release"))]
        ]
        operations = [replace(o, process=place) for place, o in enumerate(operations)]
        if not oracle.linearizable(operations, model):
            return operations, model, check(operations, model)
    while True:
        shape = replace(Shape.small(random), keys=1, operations=10, versions=False, way="lying")
        operations = drawn(random, subject, replace(shape, lie=0.6, crash=min(shape.crash, 0.1)))
        if not oracle.linearizable(operations, model):
            return operations, model, check(operations, model)


@pytest.mark.slow
@pytest.mark.parametrize("name", TWELVE)
def test_counterexamples_convict_and_nothing_more_can_be_left_out(name: str) -> None:
    """Of a minimal one each observation is needed, whatever updates there were; or it says so."""
    random = Random(f"convicts {name}")
    for _ in range(500 // len(TWELVE) + 1):
        operations, model, result = violation(name, random)
        shown = result.counterexample
        assert result.verdict is Verdict.INVALID
        assert oracle.convicts(shown, operations, model), operations
        if any("fewer operations may do" in sentence for sentence in result.explanation):
            continue
        if result.algorithm == "rules" and name == "set":
            continue  # what is shown of an element are all the moments at which it was missed
        idle = supposed(result.explanation)
        demanded = [o for n, o in enumerate(shown, 1) if n not in idle and o.completed is not None]
        observers = getattr(model, "observers", ())
        for place, one in enumerate(demanded):
            if one.function in observers or idle:
                rest = [*demanded[:place], *demanded[place + 1 :]]
                assert not oracle.convicts(rest, operations, model), (demanded, one)


def test_what_may_explain_the_rest_is_not_left_out() -> None:
    one, other, read = WRITES
    history = [one, other, replace(read, result=3), operation("write", 3, None, 8, 9)]
    assert check(history, MODEL).verdict is Verdict.INVALID
    shown = [history[2]]
    late = [*history[:3], operation("write", 3, None, 5, 9)]
    with pytest.raises(InternalError, match="was left out of the counterexample"):
        list(proofs(shown, late, MODEL, known_object(MODEL)))
    with pytest.raises(InternalError, match="is not in the history"):
        list(proofs([operation("read", None, 9, 1, 2)], late, MODEL, known_object(MODEL)))


def test_an_addition_that_was_made_twice_is_put_back() -> None:
    """Of two additions of one element only the first is shown; the other may explain a read."""
    first, read = operation("add", 1, None, 0, 2), operation("read", None, [3], 1, 7)
    twice = operation("add", 3, None, 3, 5), operation("add", 3, None, 4, 6)
    history = [first, read, *twice]
    result = check(history, Set())
    assert result.verdict is Verdict.INVALID
    assert sorted(o.process for o in result.counterexample) == [0, 1, 3]
    only, thing = [first, read, twice[0]], known_object(Set())
    assert [len(way) for way in proofs(only, history, Set(), thing)][:1] == [4]


def test_the_order_of_fields_is_no_fact() -> None:
    one = operation("write", {"a": 1, "b": 2}, None, 1, 2)
    other = operation("read", None, {"b": 2, "a": 1}, 3, 4)
    stale = operation("read", None, {"b": 2, "a": 2}, 5, 6)
    assert check([one, other, stale], MODEL).verdict is Verdict.INVALID
    rows = [replace(other, result={"a": 1, "b": 2}), one, stale]
    assert next(iter(proofs([one, other], rows, MODEL, known_object(MODEL))))[1] is other


def test_whenever_an_element_comes_and_goes_there_is_an_order() -> None:
    """Every arrangement of the ends of an addition, a removal and two looks that found nothing."""
    model = SUBJECTS["set"].make()
    verdicts: Counter[Verdict] = Counter()
    calls = (("add", None), ("remove", None), ("contains", False), ("contains", False))
    for ends in sorted(set(permutations((0, 0, 1, 1, 2, 2, 3, 3)))):
        history = [
            operation(function, "e", result, ends.index(n) + 1, 8 - ends[::-1].index(n))
            for n, (function, result) in enumerate(calls)
        ]
        history.sort(key=lambda o: o.invoked)
        verdict = check(history, model).verdict
        assert verdict is (Verdict.VALID if has_order(history, model) else Verdict.INVALID)
        verdicts[verdict] += 1
    assert len(verdicts) == 2


def test_a_verdict_that_does_not_stand_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    overtaken = [
        operation("enqueue", 1, None, 1, 2), operation("enqueue", 2, None, 3, 4),
        operation("dequeue", None, 2, 5, 6), operation("dequeue", None, 1, 7, 8),
    ]  # fmt: skip
    model = SUBJECTS["queue"].make()
    assert check(overtaken, model).verdict is Verdict.INVALID
    monkeypatch.setattr(queue, "_overtaken", lambda *_: None)
    with pytest.raises((InternalError, IndexError)):
        check(overtaken, model)
    assert check(overtaken, model, certify=False).verdict is Verdict.VALID


def test_long_histories_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certified, "ALWAYS_UP_TO", 10)
    monkeypatch.setattr(certified, "SAMPLED", 6)
    monkeypatch.setattr(judge, "GRAPH_UP_TO", 0)
    monkeypatch.setattr(rules, "COLUMNS_FROM", 0)
    history = [replace(o, key=key) for key in range(20) for o in WRITES]
    assert len(certified.sampled(History(history).columns)) == 6
    assert check(history, MODEL).verdict is Verdict.VALID
    monkeypatch.setattr(chains, "walk", lambda *_: None)
    stale = [*WRITES, operation("read", None, 2, 8, 9)]
    with pytest.raises(InternalError):
        check([replace(o, key=key) for key in range(20) for o in stale], MODEL)
