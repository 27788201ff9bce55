"""Linearization points: each lies within its operation, and in their order a register explains all.

The replay knows only what a register is, and shares nothing with the code that finds the points.
"""

from random import Random
from typing import Any

import numpy as np
import pytest

from checker.columns import Columns
from checker.linearizability.registers import chains, zones
from checker.linearizability.registers.points import NOWHERE, points
from checker.operation import Operation, Outcome
from tests.checker.registers import draw
from tests.deep import DEEP


def replay(ordered: list[Operation], operations: list[Operation]) -> None:
    """Follow one key in the order given; what completed must have a place in it."""
    state: Any = None
    for operation in ordered:
        ok = operation.outcome is Outcome.OK
        if operation.function == "write":
            state = operation.argument
        elif operation.function == "read":
            assert ok
            assert operation.result == state
        elif ok and operation.result != operation.argument[0]:
            assert operation.result == state
        else:
            assert operation.argument[0] == state
            state = operation.argument[1]
    left = [operation for operation in operations if operation not in ordered]
    assert all(operation.outcome is not Outcome.OK for operation in left)


@pytest.mark.slow
def test_points_are_a_linearization() -> None:
    random = Random(11)
    decided = unclear = crashed = 0
    for _ in range(8_000 * DEEP):
        operations = draw(
            random,
            random.randint(2, 14),
            clients=random.randint(2, 5),
            keys=random.choice([1, 1, 2, 3]),
            repeat=random.choice([0, 0, 0, 0.2]),
            lie=random.choice([0, 0, 0.1]),
            cas=random.choice([0, 0.3, 0.6, 1]),
            tie=random.choice([0, 0.3]),
            crash=random.choice([0, 0.15, 0.4]),
        )
        columns = Columns.of(operations)
        finding = zones.findings(columns).finding
        found = points(columns)
        assert found is not None
        for key in range(len(columns.keys)):
            rows = np.flatnonzero(columns.key == key).tolist()
            own = [columns.operation(row) for row in rows]
            if finding[key] != chains.CLEAN:
                assert all(found.rank[row] == NOWHERE == found.at_ns[row] for row in rows)
                unclear += 1
                continue
            placed = sorted((row for row in rows if found.rank[row] >= 0), key=found.rank.item)
            assert [found.rank[row] for row in placed] == list(range(len(placed)))
            replay([columns.operation(row) for row in placed], own)
            moments = [int(found.at_ns[row]) for row in placed]
            assert moments == sorted(moments)
            for row, moment in zip(placed, moments, strict=True):
                operation = columns.operation(row)
                assert operation.invoked_ns <= moment
                if operation.completed_ns is not None:
                    assert moment <= operation.completed_ns
                crashed += operation.outcome is not Outcome.OK
            decided += 1
    assert min(decided, unclear, crashed) > 500


def test_other_operations_than_those_of_a_register_have_no_points() -> None:
    enqueue = Operation(0, "enqueue", "q", 1, None, Outcome.OK, 0, 1, 0, 1000)
    assert points(Columns.of([enqueue])) is None


def test_an_empty_history_has_no_points() -> None:
    found = points(Columns.of([]))
    assert found is not None
    assert len(found.at_ns) == len(found.rank) == 0
