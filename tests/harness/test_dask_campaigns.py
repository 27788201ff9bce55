"""A campaign on a Dask cluster of this machine loses no seed when a worker is killed."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.errors import HarnessError, UsageError
from harness.executors import dask_executor, known_executor
from tests.harness.nights import ROOT, environ

pytestmark = pytest.mark.local

SEEDS = 200


class Dask:
    """A scheduler and its workers, started by the documented commands."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
        self._folder = folder
        self._stack = ExitStack()
        self._start("scheduler", "--host", "127.0.0.1", "--port", str(self.port))

    def worker(self) -> "subprocess.Popen[bytes]":
        return self._start("worker", f"tcp://127.0.0.1:{self.port}", "--host", "127.0.0.1",
                           "--nthreads", "1", "--no-nanny")  # fmt: skip

    def _start(self, *words: str) -> "subprocess.Popen[bytes]":
        log = self._stack.enter_context((self._folder / "dask.log").open("ab"))
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *words, "--no-dashboard"],
            env=environ(), cwd=self._folder, stdout=log, stderr=log,
        )  # fmt: skip
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Dask]:
    pytest.importorskip("distributed", reason="labrys[distributed] is not installed")
    cluster = Dask(tmp_path)
    yield cluster
    cluster.close()


def test_a_killed_worker_loses_no_seed(dask: Dask, tmp_path: Path) -> None:
    workers = [dask.worker(), dask.worker()]
    done = tmp_path / "done"
    # The campaign tells of every seed that it counts, beside what it says at its end.
    script = tmp_path / "campaign.py"
    script.write_text(CAMPAIGN.format(port=dask.port, seeds=SEEDS, done=str(done)))
    campaign = subprocess.Popen(
        [sys.executable, str(script)], env=environ(), cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 60
    while time.monotonic() < until and campaign.poll() is None:
        if done.exists() and len(done.read_text().splitlines()) >= SEEDS // 2:
            break
        time.sleep(0.02)
    before = len(done.read_text().splitlines())
    workers[0].kill()
    output, _ = campaign.communicate(timeout=90)
    counted = json.loads(output)
    assert SEEDS // 2 <= before < SEEDS, "the worker died half-way"
    assert counted["seeds"] == list(range(1, SEEDS + 1)), "each exactly once"
    assert counted["kinds"] == {"valid": SEEDS}


CAMPAIGN = """
import json
from functools import partial
from harness.config import RunConfig
from harness.executors import dask_executor
from harness.simulation import campaign as campaigns
from harness.simulation.scenario import swarm

class Counting(campaigns.Campaign):
    def take(self, seed):
        super().take(seed)
        seeds.append(seed.seed)
        with open({done!r}, "a") as file:
            file.write("x\\n")

seeds = []
campaigns.Campaign = Counting
base = RunConfig(system="single", environment="simulated")
with dask_executor("dask://127.0.0.1:{port}") as (pool, jobs):
    found = campaigns.run_campaign(
        partial(swarm, base, frozenset()), range(1, {seeds} + 1), jobs,
        until_found=False, seconds=80, watch=lambda campaign: None, executor=pool,
    )
print(json.dumps({{"seeds": sorted(seeds), "kinds": dict(found.kinds)}}))
"""


def test_the_command_sends_its_runs_to_the_cluster(dask: Dask, tmp_path: Path) -> None:
    dask.worker()
    done = subprocess.run(
        [sys.executable, "-m", "harness", "explore", "raft-commits-alone", "--seeds", "8",
         "--no-shrink", "--executor", f"dask://127.0.0.1:{dask.port}", "--json",
         "--store", str(tmp_path / "store")],
        env=environ(), cwd=ROOT, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    answer = json.loads(done.stdout)
    assert answer["seeds"] == 8
    assert answer["failed"]
    assert Path(answer["kept"][0]["run"], "report.html").exists()
    for name, status in (("etcd_000.log", 1), ("etcd_005.log", 0)):
        searched = subprocess.run(
            [sys.executable, "-m", "harness", "check", f"tests/histories/foreign/{name}",
             "--engine", "search", "--executor", f"dask://127.0.0.1:{dask.port}", "--json"],
            env=environ(), cwd=ROOT, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        assert searched.returncode == status, searched.stderr
        assert json.loads(searched.stdout)["algorithm"] == "search"


def test_where_no_scheduler_answers() -> None:
    pytest.importorskip("distributed", reason="labrys[distributed] is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "harness", "explore", "raft", "--executor", "dask://127.0.0.1:1"],
        env=environ(), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 255
    assert "no Dask scheduler answers" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("address", ["", "dask://", "dask://host", "tcp://host:1", "dask://h:x"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(UsageError, match="give dask://HOST:PORT"):
        known_executor(address)


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(HarnessError, match=r"pip install 'labrys\[distributed\]'"),
        dask_executor("dask://127.0.0.1:1"),
    ):
        pass
