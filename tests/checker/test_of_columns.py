"""Operations of many registers, arranged by one compiled pass and by numpy."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from checker.columns import NEVER, Columns
from checker.linearizability.search import of_columns, window
from checker.linearizability.search.of_columns import of_registers
from checker.linearizability.search.problem import Problem
from tests.checker import registers


def many_keys(random: Random) -> Columns:
    """Some keys whose operations stand in one log, in which no two events are at one moment."""
    parts = [
        registers.draw(random, random.randint(2, 30), clients=5, repeat=1, crash=0.1)
        for _ in range(random.randint(2, 30))
    ]
    columns = Columns.of([replace(o, key=key) for key, own in enumerate(parts) for o in own])
    moments = np.concatenate([columns.invoked, columns.completed])
    place = np.argsort(np.argsort(moments, kind="stable"))
    ended = columns.completed != NEVER
    count = len(columns)
    return replace(columns, invoked=place[:count], completed=np.where(ended, place[count:], NEVER))


def facts(problem: Problem) -> list[list[int]]:
    """All that a search looks at; of the ends only their order."""
    records = np.array(problem.records).reshape(-1, window.OP)
    ends = records[:, window.END]
    records[:, window.END] = np.where(ends == window.LATE, -1, ends.argsort().argsort())
    columns = (records.ravel(), problem.events, problem.bounds, problem.widths, problem.rows)
    return [np.asarray(column).tolist() for column in columns]


def test_a_compiled_pass_arranges_operations_as_numpy_does(monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random("arranged")
    for _ in range(100):
        columns = many_keys(random)
        keys = random.sample(range(len(columns.keys)), random.randint(2, len(columns.keys)))
        monkeypatch.setattr(of_columns, "COMPILED_FROM", 10**9)
        slowly = facts(of_registers(columns, keys, None))
        monkeypatch.setattr(of_columns, "COMPILED_FROM", 1)
        assert facts(of_registers(columns, keys, None)) == slowly


def test_events_at_one_moment_are_left_to_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random("ties")
    parts = [registers.draw(random, 9, clients=3, repeat=1, tie=0.5) for _ in range(5)]
    columns = Columns.of([replace(o, key=key) for key, own in enumerate(parts) for o in own])
    slowly = facts(of_registers(columns, range(5), None))
    monkeypatch.setattr(of_columns, "COMPILED_FROM", 1)
    assert facts(of_registers(columns, range(5), None)) == slowly
