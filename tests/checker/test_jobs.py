"""Keys judged in several processes: the same verdict and counterexample, and nothing stays."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random

import pytest

from checker import History, write
from checker.linearizability.check import check
from checker.linearizability.jobs import Jobs
from checker.linearizability.search import judge
from checker.linearizability.search.judge import Limits
from checker.models.catalogue import MODELS
from checker.models.model import Inconsistent, State
from checker.operation import Operation
from checker.verdict import Result, Verdict
from tests.checker.fuzz.subjects import Semaphore
from tests.checker.objects import OBJECTS, draw, linearizable
from tests.processes import heeding_ctrl_c

ROOT = Path(__file__).parents[2]


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are started at once."""
    monkeypatch.setattr("checker.linearizability.jobs.PATIENCE_S", -1.0)
    monkeypatch.setattr(judge, "PATIENCE_S", -1.0)


@dataclass
class Slow(Semaphore):
    """A lock whose every step takes a while."""

    permits: int = 1
    step_s: float = 0.02

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        time.sleep(self.step_s)
        return super().step(state, operation)


@dataclass
class VerySlow(Slow):
    """So slow that the ten keys take far longer than any test waits."""

    step_s: float = 0.5


def of_keys(name: str, wrong: int) -> History:
    """Ten keys of an object, some of which are wrong."""
    random = Random(f"jobs {name}")
    kinds: dict[bool, list[list[Operation]]] = {True: [], False: []}
    while len(kinds[True]) < 10 - wrong or len(kinds[False]) < wrong:
        own = draw(random, OBJECTS[name])
        kinds[linearizable(own, OBJECTS[name])].append(own)
    parts = [*kinds[True][: 10 - wrong], *kinds[False][:wrong]]
    random.shuffle(parts)
    return History([replace(o, key=key) for key, own in enumerate(parts) for o in own])


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("name", ["cas-register", "queue", "stack"])
def test_the_answer_is_that_of_one_process(name: str) -> None:
    for wrong, jobs in ((0, 2), (4, 3)):
        history = of_keys(name, wrong)
        alone = check(history, MODELS[name](), engine="search")
        together = check(history, MODELS[name](), engine="search", jobs=jobs)
        assert together.verdict is alone.verdict
        assert together.verdict is (Verdict.INVALID if wrong else Verdict.VALID)
        assert (together.key, together.reason) == (alone.key, alone.reason)
        assert together.counterexample == alone.counterexample
        assert together.explanation == alone.explanation
    assert not multiprocessing.active_children()


def test_a_short_history_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing, "get_context", None)
    for name in ("cas-register", "queue"):
        history = of_keys(name, 1)
        assert check(history, MODELS[name](), engine="search", jobs=4).verdict is Verdict.INVALID


@pytest.mark.usefixtures("eager")
def test_a_model_that_cannot_be_sent_is_asked_here() -> None:
    @dataclass
    class Here(Slow):
        step_s: float = 0.0

    assert check(of_keys("mutex", 0), Here(), jobs=2).verdict is Verdict.VALID


@pytest.mark.usefixtures("eager")
def test_the_time_limit_holds_for_all_of_them() -> None:
    started = time.monotonic()
    result = check(of_keys("mutex", 0), Slow(step_s=1), time_limit_s=2, jobs=2)
    assert result.verdict is Verdict.UNKNOWN
    assert "the time limit was reached" in result.reason
    assert time.monotonic() - started < 6
    assert not multiprocessing.active_children()


def died(item: int, limits: Limits) -> Result:
    """Ends any process but the one that asked."""
    if multiprocessing.parent_process() is not None:
        os._exit(1)
    return Result(verdict=Verdict.VALID, algorithm=str(item))


def greedy(item: int, limits: Limits) -> Result:
    """Needs all of the memory; says in which process it had it."""
    if limits.memory_bytes < 100:
        reason = "the memory limit was reached"
        return Result(verdict=Verdict.UNKNOWN, algorithm="search", reason=reason)
    here = multiprocessing.parent_process() is None
    return Result(verdict=Verdict.VALID, algorithm=f"{item} {'here' if here else 'there'}")


def spread(function: object) -> Iterator[str]:
    with Jobs(2) as jobs:
        within = Limits(time.monotonic() + 60, 100)
        for answer in jobs.spread(partial(function, limits=within), range(6)):
            yield answer.algorithm


def test_what_a_dead_worker_had_is_judged_here() -> None:
    assert list(spread(died)) == list("012345")


def test_what_lacked_memory_is_judged_here_with_all_of_it() -> None:
    assert list(spread(greedy)) == [f"{item} here" for item in range(6)]


@pytest.mark.usefixtures("eager")
def test_where_no_process_can_be_started_this_one_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", refuse)
    for name in ("cas-register", "queue"):
        history = of_keys(name, 1)
        assert check(history, MODELS[name](), engine="search", jobs=2).verdict is Verdict.INVALID


HARD = """
import sys
from checker.linearizability import jobs
from checker.linearizability.search import judge
from harness.cli import main
jobs.PATIENCE_S = judge.PATIENCE_S = 0.1
if __name__ == "__main__":
    main()
"""


def children(process: int) -> list[int]:
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(number) for number in found]


def begun(folder: Path) -> tuple["subprocess.Popen[bytes]", list[int]]:
    """A check that takes long, and its workers once they are there."""
    path, program = folder / "hard.jsonl", folder / "hard.py"
    write(of_keys("mutex", 0), path)
    program.write_text(HARD)
    command = [sys.executable, program, "check", "--jobs", "2", path]
    command += ["--model", "tests.checker.test_jobs:VerySlow"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with heeding_ctrl_c():
        running = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    # One more process is Python's own, which counts what they share.
    while len(workers := children(running.pid)) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return running, workers


def alive(process: int) -> bool:
    """Whether it runs: what nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def all_end(workers: list[int]) -> bool:
    """Whether they are gone within a moment."""
    deadline = time.monotonic() + 20
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(alive, workers))


def test_an_interruption_leaves_no_process_behind(tmp_path: Path) -> None:
    running, workers = begun(tmp_path)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=20)
    assert running.returncode == 255
    assert errors.startswith(b"labrys: interrupted")
    assert b"Traceback" not in errors
    assert all_end(workers)


def test_workers_end_with_the_process_that_asked(tmp_path: Path) -> None:
    running, workers = begun(tmp_path)
    running.kill()
    running.communicate()
    assert all_end(workers)
