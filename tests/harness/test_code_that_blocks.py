"""Code of a user's that blocks is told by its place, with 255, and limits of time are kept.

Never with 1, which is a violation. What cannot be imported or made is 254 (`test_command_line`).
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.commands.explore import Effort, Explored
from harness.config import RunConfig
from harness.errors import HarnessError
from harness.simulation.scenario import Scenario, swarm
from tests.processes import ROOT, labrys

QUICK = """\
import harness.standstill as standstill
standstill.QUICK_TICK_S, standstill.TICK_S = 0.3, 0.4
"""
"""Three seconds without anything are enough here, and five of a real run."""

WORKLOAD = """\
from blocking import block
from checker.models.catalogue import MODELS
from workloads.register import RegisterCalls
from workloads.workload import Call, Workload

USUAL = {"functions": ("read", "write", "cas")}
REGISTER = MODELS["cas-register"]

class Blocks(RegisterCalls):
    count = 0

    def next(self):
        self.count += 1
        if self.count > 3:
            block()
        return super().next()

BLOCKS = Workload(name="blocks", about="", calls=Blocks, model=REGISTER, **USUAL)

def slow_to_begin(random, shape):
    block()

BEGINS = Workload(name="begins", about="", calls=slow_to_begin, model=REGISTER, **USUAL)

class Model:
    name = "mine"

    def initial(self):
        return None

    def step(self, state, operation):
        block()

JUDGES = Workload(name="judges", about="", calls=RegisterCalls, model=Model, **USUAL)
"""
NODE = """\
from blocking import block
from systems_under_test.raft.node import Raft

class Steps(Raft):
    def on_message(self, message):
        block()

class Starts(Raft):
    def on_start(self, stored):
        block()
"""
STORE = """\
from blocking import block
from harness.database import Connection, Database

class Client(Connection):
    def call(self, function, key, argument):
        block()

class Calls(Database):
    ports = (4000,)

    def command(self, at):
        return ["python3", "-m", "http.server", str(at.ports[0]), "--bind", at.host]

    async def connect(self, at):
        return Client()

class Connects(Calls):
    async def connect(self, at):
        block()

class Commands(Calls):
    def command(self, at):
        block()
"""
IMPORTED = "from blocking import block\nblock()\n"

BLOCKING = """\
import time

def block():
    {blocks}
"""
SLEEPS, LOOPS = "time.sleep(999)", "while True: pass"
SWALLOWS = """while True:
        try: time.sleep(999)
        except Exception: pass"""

WAYS = {"sleeping": SLEEPS, "endless": LOOPS, "swallowing": SWALLOWS}

HISTORY = """\
[{"process": 0, "type": "invoke", "f": "write", "value": 1, "time": 1},
 {"process": 0, "type": "ok", "f": "write", "value": 1, "time": 2}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sitecustomize.py").write_text(QUICK)
    (tmp_path / "history.json").write_text(HISTORY)
    return tmp_path


def run(line: str, folder: Path, blocks: str) -> tuple[int, str, float]:
    """The status of a line, its last sentence, and how many seconds it took."""
    modules = {"load": WORKLOAD, "node": NODE, "store": STORE, "imported": IMPORTED}
    modules["blocking"] = BLOCKING.format(blocks=blocks)
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    began = time.monotonic()
    ended = labrys(line, folder, PYTHONPATH=f"{folder}:{ROOT}")
    took_s = time.monotonic() - began
    return ended.returncode, (ended.stderr.splitlines() or [""])[-1], took_s


SIMULATED = "--environment simulated --time-limit 3 --rate 10 --faults none --nodes 3"


WAYS = {"sleeping": SLEEPS, "endless": LOOPS, "swallowing": SWALLOWS}

LINES = (
    f"run raft --workload load:BLOCKS {SIMULATED}",
    f"run raft --workload load:BEGINS {SIMULATED}",
    f"run raft --workload load:JUDGES {SIMULATED}",
    f"run node:Steps {SIMULATED}",
    f"run node:Starts {SIMULATED}",
    "explore node:Steps --seconds 5 --jobs 2",
    "explore raft --workload load:BLOCKS --seconds 1",
    "explore raft --workload load:JUDGES --seeds 9",
    "check history.json --model load:Model --time-limit 4",
)
REAL_LINES = (
    "run raft --workload load:BLOCKS",
    "run store:Connects",
    "run store:Commands",
)


def each(lines: tuple[str, ...], *ways: str) -> list[Any]:
    """Each line with each way of blocking: every line and every way once, and deep all others."""
    often = {(place, ways[place % len(ways)]) for place in range(len(lines))}
    return [
        pytest.param(
            line, WAYS[way], id=f"{line}-{way}",
            marks=[] if (place, way) in often else [pytest.mark.deep],
        )
        for place, line in enumerate(lines)
        for way in ways
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("line", "blocks"), each(LINES, "sleeping", "endless", "swallowing"))
def test_it_is_told_where(line: str, blocks: str, folder: Path) -> None:
    status, said, took_s = run(line, folder, blocks)
    assert f"block() in {folder}/blocking.py, line " in said
    assert "nothing has gone on for 3 s, because of " in said
    assert status == 255
    assert took_s < 40


@pytest.mark.slow
@pytest.mark.local
@pytest.mark.parametrize(("line", "blocks"), each(REAL_LINES, "sleeping", "endless"))
def test_it_is_told_where_in_real_time(line: str, blocks: str, folder: Path) -> None:
    local = "--environment local --nodes 3 --time-limit 3 --faults none --recovery-limit 3"
    status, said, took_s = run(f"{line} {local}", folder, blocks)
    assert f"block() in {folder}/blocking.py, line " in said
    assert status == 255
    assert took_s < 60


@pytest.mark.deep
@pytest.mark.local
def test_a_driver_that_never_answers_does_not_keep_the_harness(folder: Path) -> None:
    """Its calls have threads, and are timeouts, as are those of a node that does not serve."""
    local = "--environment local --nodes 1 --time-limit 3 --faults none --recovery-limit 3"
    status, _, took_s = run(f"run store:Calls {local} --operation-timeout 1", folder, SLEEPS)
    assert status == 1
    assert took_s < 60


@pytest.mark.slow
def test_a_module_that_never_ends_its_import(folder: Path) -> None:
    (folder / "sitecustomize.py").write_text(f"{QUICK}import harness.names\nnames = harness.names\n"
                                             "names.IMPORT_S = 3\n")  # fmt: skip
    status, said, _ = run("run imported:Thing", folder, SLEEPS)
    assert "because of block() in " in said
    assert status == 255


@pytest.mark.slow
def test_seconds_are_kept_where_seeds_are_slow(folder: Path) -> None:
    """No call takes long, but there are many: what is under way when the time is up is left out."""
    status, _, took_s = run("explore node:Steps --seconds 2", folder, "time.sleep(0.5)")
    assert status == 2
    assert took_s < 40


def draw_and_block(seed: int) -> Scenario:
    """The scenario of a seed, or what comes of a later one that blocks."""
    if seed > 60:
        raise HarnessError("nothing has gone on")
    return swarm(RunConfig(system="raft-stale-reads", environment="simulated"), frozenset(), seed)


@pytest.mark.slow
def test_what_was_found_before_is_kept(tmp_path: Path) -> None:
    base = draw_and_block(1).config
    explored = Explored(base, draw_and_block, tmp_path, shrink=True, keep=1, as_json=False)
    with pytest.raises(HarnessError, match="nothing has gone on"):
        explored.explore(Effort(range(1, 100), jobs=2))
    assert list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_plugin_fails_the_test_with_the_place(folder: Path) -> None:
    run("--version", folder, SLEEPS)
    (folder / "test_it.py").write_text(
        "def test_it(simulate_seeds):\n    simulate_seeds('node:Steps')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "test_it.py"],
        cwd=folder, env={**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"}, capture_output=True,
        text=True, check=False, timeout=200,
    )  # fmt: skip
    assert "node:Steps with seed 1: nothing has gone on for 3 s" in done.stdout
    assert "Traceback" not in done.stdout
    assert done.returncode == 1
