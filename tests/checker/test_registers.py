"""Registers with distinct values: three independent ways to judge them must agree."""

from collections import Counter
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from checker.columns import Columns
from checker.history import History
from checker.linearizability.registers import chains, facts, graph, zones
from checker.linearizability.registers.judge import judge
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from tests.checker.registers import draw, linearizable, of_key
from tests.deep import DEEP


def drawn(random: Random, low: int, high: int) -> list[Operation]:
    return draw(
        random,
        random.randint(low, high),
        clients=random.randint(2, 4),
        keys=random.choice([1, 1, 2]),
        repeat=random.choice([0, 0, 0, 0.2]),
        lie=random.choice([0.1, 0.3, 0.6]),
        cas=random.choice([0, 0.3, 0.6]),
        tie=random.choice([0, 0.3]),
        crash=random.choice([0, 0.15, 0.4]),
    )


def by_graph(operations: list[Operation]) -> str:
    try:
        return "valid" if graph.decide(operations).order is not None else "invalid"
    except facts.Ambiguous:
        return "ambiguous"


def by_zones(operations: list[Operation]) -> list[str]:
    columns = Columns.of(operations)
    found = zones.findings(columns).finding
    words = {chains.CLEAN: "valid", chains.AMBIGUOUS: "ambiguous"}
    return [words.get(finding, "invalid") for finding in found.tolist()]


@pytest.mark.slow
def test_graph_and_zones_agree_with_every_linearization() -> None:
    random = Random(7)
    seen: Counter[str] = Counter()
    for _ in range(10_000 * DEEP):
        operations = drawn(random, 2, 7)
        verdicts = by_zones(operations)
        for key, verdict in zip(dict.fromkeys(o.key for o in operations), verdicts, strict=True):
            own = of_key(operations, key)
            truth = "valid" if linearizable(own) else "invalid"
            assert by_graph(own) == verdict
            assert verdict in (truth, "ambiguous"), own
            seen[verdict] += 1
    assert min(seen["valid"], seen["invalid"]) > 0.15 * seen.total()
    assert seen["ambiguous"] < 0.1 * seen.total()


def test_graph_and_zones_agree_on_medium_histories() -> None:
    random = Random(8)
    seen: Counter[str] = Counter()
    for _ in range(600 * DEEP):
        operations = draw(
            random, random.randint(20, 200), clients=random.randint(2, 8), lie=0.004, cas=0.25
        )
        (verdict,) = by_zones(operations)
        assert by_graph(operations) == verdict
        seen[verdict] += 1
    assert min(seen["valid"], seen["invalid"]) > 0.15 * seen.total()


def test_where_all_values_repeat_nothing_is_linked_and_nothing_lost() -> None:
    random = Random(12)
    seen: Counter[bool] = Counter()
    for _ in range(500):
        operations = draw(random, 60, keys=2, repeat=random.choice([0, 0.5, 1]), lie=0.02)
        columns = Columns.of(operations)
        ready, keys = zones.prepare(columns), len(columns.keys)
        linked = zones.judge(ready, keys)
        hopeless = zones.repeats(ready, keys)
        found = zones.findings(columns)
        if hopeless:
            assert (linked.finding >= chains.AMBIGUOUS).all()
            assert (found.finding == chains.AMBIGUOUS).all()
        else:
            assert np.array_equal(found.finding, linked.finding)
        for name in ("finding", "one", "other", "writer", "needed", "first", "last"):
            assert getattr(found, name).shape == getattr(linked, name).shape
        seen[hopeless] += 1
    assert min(seen.values()) > 50


def test_compiled_and_plain_functions_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(9)
    histories = [draw(random, 60, keys=3, lie=0.02, repeat=0.02) for _ in range(100)]
    plain = [zones.findings(Columns.of(operations)) for operations in histories]
    monkeypatch.setattr(zones, "COMPILED_FROM", 0)
    for operations, expected in zip(histories, plain, strict=True):
        found = zones.findings(Columns.of(operations))
        assert np.array_equal(found.finding, expected.finding)
        assert np.array_equal(found.one, expected.one)


@pytest.mark.parametrize("copies", [2, 127, 128, 129, 255, 256, 257, 513, 65_536, 65_537])
def test_a_value_may_be_written_any_number_of_times(
    monkeypatch: pytest.MonkeyPatch, copies: int
) -> None:
    """The second key is ambiguous, however large a number of copies compiled code can hold."""
    calls = [("x", 7), *(("y", 1) for _ in range(copies))]
    operations = []
    for place, (key, value) in enumerate(calls):
        for function, argument, result, at in (
            ("write", value, None, 4 * place), ("read", None, value, 4 * place + 2),
        ):  # fmt: skip
            operations.append(
                Operation(0, function, key, argument, result, Outcome.OK, at, at + 1, at, at + 1)
            )
    for least in (0, 10**9):
        monkeypatch.setattr(zones, "COMPILED_FROM", least)
        monkeypatch.setattr(zones, "LOADED_FROM", least)
        found = zones.judge(zones.prepare(Columns.of(operations)), 2)
        assert found.finding.tolist() == [chains.CLEAN, chains.AMBIGUOUS]


def test_witnesses_are_linearizations() -> None:
    random = Random(10)
    for _ in range(2000):
        operations = draw(random, random.randint(2, 12), lie=0.02)
        order = graph.decide(operations).order
        if order is None:
            continue
        assert {id(o) for o in operations if o.outcome is Outcome.OK} <= {id(o) for o in order}
        later = Counter[int]()
        for place, operation in enumerate(order):
            assert all(other.invoked <= facts.ended(operation) for other in order[:place])
            later[place] += 1
        one_by_one = [
            replace(
                operation,
                invoked=2 * place,
                completed=2 * place + 1,
                result=operation.argument[0]
                if operation.completed is None and operation.function == "cas"
                else operation.result,
            )
            for place, operation in enumerate(order)
        ]
        assert linearizable(one_by_one)


def test_values_distinct_over_all_keys_and_sparse_positions() -> None:
    random = Random(11)
    for _ in range(300):
        operations = draw(random, 40, keys=20, lie=0.02)
        far = [
            replace(
                o,
                key=f"key {o.key}",
                invoked=o.invoked * 10**12,
                completed=None if o.completed is None else o.completed * 10**12,
            )
            for o in operations
        ]
        assert by_zones(far) == by_zones(operations)


def test_only_the_keys_with_repeated_values_are_left_undecided() -> None:
    def write(process: int, key: str, value: int, at: int) -> Operation:
        return Operation(process, "write", key, value, None, Outcome.OK, at, at + 1, at, at + 1)

    def read(process: int, key: str, value: int, at: int) -> Operation:
        return Operation(process, "read", key, None, value, Outcome.OK, at, at + 1, at, at + 1)

    operations = [
        write(1, "twice", 5, 1), write(1, "twice", 5, 3), read(1, "twice", 5, 5),
        write(1, "once", 5, 7), read(1, "once", 5, 9), read(1, "bad", 5, 11),
        write(1, "unseen", 7, 13), write(1, "unseen", 7, 15),
    ]  # fmt: skip
    for engine in ("graph", "zones"):
        judged = judge(History(operations), engine=engine)
        columns = History(operations).columns
        assert [columns.keys[key] for key in judged.undecided] == ["twice"]
        (result,) = judged.results.values()
        assert result.verdict is Verdict.INVALID
        assert result.key == "bad"
