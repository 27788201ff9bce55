"""Limits of time and memory hold for the whole of a check, whatever the model and the history."""

import itertools
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from benchmarks.hard_histories import KINDS, hard
from checker.columns import NOTHING, Columns, Table
from checker.errors import ModelError
from checker.history import History
from checker.linearizability import machine_code
from checker.linearizability.check import check
from checker.linearizability.search import breadth, compiling, depth_compiled, machine
from checker.linearizability.search.machine import may_compile
from checker.linearizability.search.shrink import shrink, violation_at
from checker.models.catalogue import MODELS
from checker.models.model import Inconsistent
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from tests.deep import DEEP

MIB = 1 << 20
PEAK = Path("/proc/self/clear_refs")


@dataclass
class Log:
    """Holds everything that was ever put into it, in order, and answers with how much that is."""

    name: str = "log"
    pause_s: float = 0
    padding: int = 0

    def initial(self) -> Any:
        return ()

    def step(self, state: Any, operation: Operation) -> Any:
        time.sleep(self.pause_s)
        if operation.function == "put":
            return (*state, str(operation.argument) + "-" * self.padding)
        if operation.outcome is Outcome.INFO or len(state) == operation.result:
            return state
        return Inconsistent(f"it holds {len(state)}")


def overlapping(count: int, function: str = "put", last: int | None = None) -> list[Operation]:
    """As many operations, all of which are open at once, and a read that is right or not."""
    puts = [
        Operation(
            number, function, "k", number, None, Outcome.OK, number, count + number, number, number
        )
        for number in range(count)
    ]
    end = 2 * count + 1
    read = Operation(count, "read", "k", None, last, Outcome.OK, end, end + 1, end, end)
    return puts if last is None else [*puts, read]


@pytest.mark.timed
@pytest.mark.parametrize("count", [3, 30])
def test_a_slow_step_ends_with_the_time_limit(count: int) -> None:
    started = time.monotonic()
    result = check(overlapping(count, last=-1), Log(pause_s=0.3), time_limit_s=1)
    assert time.monotonic() - started < 1.1 + 0.5 + 0.3
    assert result.verdict is Verdict.UNKNOWN
    assert "time limit" in result.reason
    started = time.monotonic()
    result = check(overlapping(count), Log(pause_s=0.01 * count), time_limit_s=1)
    assert time.monotonic() - started < 1.1 + 0.5
    assert (result.verdict is Verdict.VALID) == (count == 3)


def test_states_that_grow_for_ever_end_with_a_limit() -> None:
    if PEAK.exists():
        PEAK.write_text("5")
    before = resident("VmRSS")
    model = Log(padding=10_000)
    result = check(overlapping(60, last=-1), model, time_limit_s=20, memory_limit_bytes=64 * MIB)
    assert result.verdict is Verdict.UNKNOWN
    assert "limit was reached" in result.reason
    assert resident("VmHWM") - before < (64 + 150) * MIB


def resident(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0


@pytest.mark.timed
@pytest.mark.parametrize("name", ["cas-register", "queue", "multi-register", "mutex", "counter"])
def test_a_thousand_operations_open_at_once_end_within_the_limits(name: str) -> None:
    operations = hard(name, "open", 1_000, 1_000, 0, wrong=True)
    # All of them overlap.
    first, last = operations[0].invoked, max(o.completed or 0 for o in operations)
    operations = [
        Operation(n, o.function, "k", o.argument, o.result, o.outcome, first + n, last + n, n, n)
        for n, o in enumerate(operations)
    ]
    started = time.monotonic()
    result = check(operations, MODELS[name](), time_limit_s=3, memory_limit_bytes=256 * MIB)
    assert time.monotonic() - started < 3.3 + 0.5
    assert result.verdict is not Verdict.VALID or name in ("mutex", "counter")
    assert result.verdict is not Verdict.UNKNOWN or "limit was reached" in result.reason


@pytest.mark.parametrize("name", ["cas-register", "queue", "multi-register"])
def test_a_history_that_is_too_long_for_the_memory_limit_is_not_begun(name: str) -> None:
    count = 400_000
    values, keys, functions = Table(), Table(), Table()
    values.numbers([None])
    keys.numbers(["k"])
    functions.numbers([{"queue": "dequeue", "multi-register": "txn"}.get(name, "read")])
    zero, none = np.zeros(count, np.int64), np.full(count, NOTHING)
    place = 2 * np.arange(count)
    columns = Columns(
        process=zero, function=zero, key=zero, expected=none, argument=zero, result=zero,
        outcome=zero, invoked=place, completed=place + 1, invoked_ns=place, completed_ns=place,
        node=none, error=none, version=none, keys=keys, functions=functions, values=values,
        words=Table(),
    )  # fmt: skip
    result = check(History(columns=columns), MODELS[name](), memory_limit_bytes=64 * MIB)
    assert result.verdict is Verdict.UNKNOWN
    # 200 bytes each: see `checker.memory.ROW_BYTES` for what was measured.
    assert result.reason.startswith(
        "the memory limit of 64 MiB is too small for 400,000 operations, taking about 76 MiB"
    )


class Moody(Log):
    """Answers now so and now otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = itertools.count()

    def step(self, state: Any, operation: Operation) -> Any:
        return (*state, next(self.asked))


@pytest.mark.parametrize("engine", ["auto", "search"])
def test_a_step_that_is_not_pure_is_named(engine: str) -> None:
    with pytest.raises(
        ModelError, match="the model log answers put by process 0 on key 'k' now so"
    ):
        check(overlapping(3), Moody(), engine=engine)


@pytest.mark.parametrize("name", ["register", "cas-register", "etcd"])
def test_a_crowded_register_has_a_witness_that_stands(name: str) -> None:
    for number in range(8 * DEEP):
        operations = hard(name, f"crowded {number}", 200, 20, 5, wrong=False)
        result = check(operations, MODELS[name]())
        assert result.verdict is Verdict.VALID


@pytest.mark.parametrize("name", ["cas-register", "queue"])
def test_making_a_large_violation_small_ends_with_the_time(name: str) -> None:
    """In processor time, of which each of these operations takes but a little."""
    operations = hard(name, "large", 20_000, 50, 0, wrong=True)
    last = max(operations, key=lambda o: o.completed or 0)
    model = MODELS[name]()
    started = time.process_time()
    left = shrink(violation_at(operations, last, model), model, time.monotonic() + 0.02)
    assert time.process_time() - started < 3
    assert not left.smallest


@pytest.mark.parametrize(
    ("left_s", "load", "share", "compiles"),
    [(15, 0, 1.0, 0), (30, 0, 0.1, 1), (30, 2, 0.5, 0), (30, 2, 0.9, 1)],
)
def test_nothing_is_compiled_where_the_limit_is_too_near(
    left_s: float, load: float, share: float, compiles: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`load`: for each processor; `share`: of it, as measured. Nothing is on disk here."""
    assert 0 < compiling._share(-1) <= 1
    processors = len(os.sched_getaffinity(0))
    monkeypatch.setattr(os, "getloadavg", lambda: (load * processors, 0, 0))
    monkeypatch.setattr(compiling, "_share", lambda _: share)
    monkeypatch.setattr(compiling, "compiled_before", lambda *modules: False)
    assert may_compile(time.monotonic() + left_s) == bool(compiles)


@pytest.mark.timed
@pytest.mark.parametrize("name", KINDS)
def test_limits_hold_for_hard_histories(name: str) -> None:
    for wrong in (False, True):
        operations = hard(name, f"hard {name}", 2_000, 20, 5, wrong=wrong)
        started = time.monotonic()
        result = check(operations, MODELS[name](), time_limit_s=1, memory_limit_bytes=128 * MIB)
        assert time.monotonic() - started < 1.1 + 0.5
        assert result.verdict is not (Verdict.VALID if wrong else Verdict.INVALID)


def test_machine_code_that_another_process_removes_meanwhile_is_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(compiling, "indices", lambda module: [tmp_path / "removed.nbi"])
    monkeypatch.setattr(compiling, "_FOUND", set())
    assert not compiling.compiled_before(compiling)


def test_what_another_python_compiled_is_not_compiled_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_code, "_beside", lambda: True)
    module = ModuleType("some")
    module.__file__ = str(tmp_path / "some.py")
    folder = tmp_path / "__pycache__"
    folder.mkdir()
    (folder / "some.run-7.py299.nbi").touch()
    assert machine_code.indices(module) == []
    own = folder / f"some.run-7.py{sys.version_info.major}{sys.version_info.minor}.nbi"
    own.touch()
    assert machine_code.indices(module) == [own]


def test_nothing_is_compiled_within_a_limit_that_compiling_exceeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (breadth, machine, depth_compiled):
        monkeypatch.setattr(module, "loaded", lambda: False)
        monkeypatch.setattr(module, "on_disk", lambda: False)
    operations = overlapping(60, last=-1)
    model = Log(padding=10_000)
    result = check(operations, model, time_limit_s=20, memory_limit_bytes=64 * MIB)
    engines = [one["engine"] for one in result.statistics["engines"]]
    assert engines == ["depth first", "front"]
