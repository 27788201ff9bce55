"""Whole runs by the `labrys` command, on real nodes: judged, reported, and nothing left behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checker.history import History
from harness.environments.owner import Owner, process_began, this_process
from tests import processes
from tests.harness.marks import expect_nothing_left, things_of
from tests.processes import start

ROOT = Path(__file__).parents[2]
LABRYS = [sys.executable, "-m", "harness"]
SMALL = "--nodes 5 --clients 4 --time-limit 4 --fault-interval 1 --seed 7"


def labrys(line: str, folder: Path, status: int = 0) -> tuple[str, str]:
    """Run the command in that folder; its output and errors."""
    ended = processes.labrys(line, folder)
    assert ended.returncode == status, ended.stdout + ended.stderr
    return ended.stdout, ended.stderr


@contextlib.contextmanager
def begun(line: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], Owner, Path]]:
    """Start the command; the process, its mark and its history, once calls are being made."""
    harness = start(line.split(), folder)
    here = this_process("")
    owner = Owner("", here.host, here.boot, here.space, harness.pid, process_began(harness.pid))
    try:
        yield harness, owner, _history_with_calls(harness, folder)
    finally:
        harness.kill()
        harness.communicate()


def _history_with_calls(harness: subprocess.Popen[str], folder: Path) -> Path:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert harness.poll() is None, harness.communicate()
        for history in folder.glob("store/*/*/history.jsonl"):
            if history.read_text().count('"ok"') > 100:
                return history
        time.sleep(0.05)
    raise AssertionError("no calls were made within a minute")


# The other environments take as long and have what these look at in common with it.
DOCKER_FIRST = pytest.mark.parametrize(
    "environment",
    [
        pytest.param("docker", marks=pytest.mark.docker),
        pytest.param("namespaces", marks=[pytest.mark.local, pytest.mark.deep]),
        pytest.param("local", marks=[pytest.mark.local, pytest.mark.deep]),
    ],
    indirect=True,
)


@DOCKER_FIRST
def test_a_run_says_all_in_one_object(environment: str, tmp_path: Path) -> None:
    output, errors = labrys(
        f"run raft --environment {environment} --faults partition,kill {SMALL} --json",
        tmp_path,
    )
    assert errors == "", "quiet where nobody watches"
    told: dict[str, Any] = json.loads(output)
    assert told["verdict"] == "valid"
    assert (told["system"], told["environment"], told["seed"]) == ("raft", environment, 7)
    assert told["reproduce"].endswith("--seed 7")
    statistics = told["statistics"]
    history = History.read(Path(tmp_path, told["paths"]["history"]))
    assert statistics["operations"] == len(history) > 100
    for kind in ("read", "write", "cas"):
        latency = statistics["latency_ns"][kind]
        assert 0 < latency["p50"] <= latency["p99"] <= latency["max"]
    assert any(span.name.startswith("kill") for span in history.faults)
    assert Path(tmp_path, told["paths"]["report"]).stat().st_size > 100_000

    run = Path(tmp_path, told["paths"]["run"])
    assert sorted(path.name for path in (run / "nodes").glob("*.log")) == [
        f"n{number}.log" for number in range(1, 6)
    ]
    again, _ = labrys(f"check {run} --json", tmp_path)
    assert json.loads(again)["verdict"] == "valid"
    alone, _ = labrys(f"check {run / 'history.jsonl'}", tmp_path)
    assert alone.startswith("✔ valid")
    (run / "report.html").unlink()
    labrys(f"report {run}", tmp_path)
    assert (run / "report.html").exists()


@pytest.mark.local
def test_a_flawed_system_is_convicted_and_its_page_says_why(tmp_path: Path) -> None:
    """The leader is cut off while clients go on asking it: sooner or later it answers with old."""
    for seed in range(1, 6):
        line = f"run raft-stale-reads --environment local --faults isolate-leader --seed {seed}"
        command = [*LABRYS, *line.split(), "--nodes", "3", "--time-limit", "8"]
        ended = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        if ended.returncode == 1:
            break
    assert ended.returncode == 1
    assert "✘" in ended.stdout
    result = max(tmp_path.glob("store/raft-stale-reads-register/*/result.json"))
    convicted = json.loads(result.read_text())
    linearizability = convicted["linearizability"]
    assert convicted["verdict"] == linearizability["verdict"] == "invalid"
    assert linearizability["explanation"]
    assert linearizability["explanation"][0] in (result.parent / "report.html").read_text()


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM], ids=["int", "term"])
def test_an_interrupted_run_cleans_up_and_keeps_its_history(
    environment: str, tmp_path: Path, signal_number: int
) -> None:
    line = f"run raft --environment {environment} --nodes 3 --time-limit 60 --seed 7"
    with begun(line, tmp_path) as (harness, owner, history):
        harness.send_signal(signal_number)
        output, errors = harness.communicate(timeout=30)
    assert harness.returncode == 255
    assert output == ""
    assert errors.splitlines() == [
        "labrys: interrupted; nothing is left running, and `labrys check` judges what was recorded"
    ]
    assert things_of(owner) == []
    assert len(History.read(history)) > 100
    labrys(f"check {history}", tmp_path)


@DOCKER_FIRST
def test_a_killed_harness_leaves_a_history_that_can_be_judged_and_the_next_run_cleans_up(
    environment: str, tmp_path: Path
) -> None:
    line = f"run raft --environment {environment} --nodes 3 --time-limit 60 --seed 7"
    with begun(line, tmp_path) as (harness, owner, history):
        harness.kill()
    labrys(f"check {history}", tmp_path)
    output, _ = labrys(f"check {history.parent} --json", tmp_path, status=2)
    told = json.loads(output)
    assert told["verdict"] == "unknown"
    assert "applied" in told["reason"] or "ended before" in told["reason"]
    labrys(f"run single --environment {environment} --nodes 1 --faults none --time-limit 1",
           tmp_path)  # fmt: skip
    expect_nothing_left(owner)


@pytest.mark.local
def test_a_full_disk_under_the_store_is_one_sentence_and_nothing_is_lost(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(store)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode != 0:
        pytest.skip(f"this user may not mount a small disk: {mounted.stderr.strip()}")
    try:
        _, errors = labrys(
            "run single --environment local --nodes 1 --faults none --time-limit 30 --seed 1",
            tmp_path, status=255,
        )  # fmt: skip
        assert "is full" in errors
        assert "make room" in errors
        assert errors.count("\n") == 1
        (history,) = store.glob("*/*/history.jsonl")
        assert len(History.read(history)) > 100
        labrys(f"check {history}", tmp_path)
    finally:
        subprocess.run(["umount", str(store)], check=True)
