"""`labrys run --check-online` ends the calls at the first violation, and only there."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def run(store: Path, *words: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "harness", "run", *words, "--json", "--store", str(store)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


def observed(answer: dict[str, Any]) -> dict[str, Any]:
    path = Path(answer["paths"]["run"]) / "observations.json"
    return dict(json.loads(path.read_text()))


@pytest.mark.slow
def test_a_flawed_system_is_stopped_early(tmp_path: Path) -> None:
    for seed in range(8, 14):
        flawed = ("raft-stale-reads", "--environment", "simulated", "--seed", str(seed))
        line = (*flawed, "--time-limit", "10", "--rate", "300")
        status, answer = run(tmp_path, *line, "--check-online")
        if status != 0:
            break
    assert (status, answer["verdict"]) == (1, "invalid")
    assert observed(answer)["stopped"].startswith("key ")
    assert answer["seconds"]["calls"] < 9.9
    assert f"--check-online --seed {seed}" in answer["reproduce"]
    again = subprocess.run(
        [sys.executable, "-m", "harness", "replay", answer["paths"]["run"]],
        capture_output=True, text=True, timeout=120, cwd=ROOT,
    )  # fmt: skip
    assert again.returncode == 1, again.stderr + again.stdout


@pytest.mark.slow
def test_a_sound_system_runs_to_its_end(tmp_path: Path) -> None:
    line = ("raft", "--environment", "simulated", "--time-limit", "3", "--seed", "3")
    status, answer = run(tmp_path, *line, "--check-online", "--values", "repeated:5")
    assert answer["verdict"] in ("valid", "unknown"), answer["reason"]
    assert status in (0, 2)
    assert observed(answer)["stopped"] == ""
    assert answer["liveness"]["passed"]


@pytest.mark.deep
@pytest.mark.local
def test_real_processes_are_stopped_early(tmp_path: Path) -> None:
    line = ("raft-stale-reads", "--environment", "local", "--time-limit", "20", "--seed", "3")
    status, answer = run(tmp_path, *line, "--faults", "partition", "--check-online")
    assert status in (0, 1)
    if status == 1:
        assert observed(answer)["stopped"]
        assert answer["seconds"]["calls"] < 19
    else:
        assert observed(answer)["stopped"] == ""
