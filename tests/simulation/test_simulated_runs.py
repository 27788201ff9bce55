"""Simulated runs: repeated exactly, found, shrunk, stored, replayed, and told to pytest."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import RunConfig
from harness.simulation.plugin import SimulateSeeds
from harness.simulation.scenario import Scenario, swarm
from harness.simulation.shrink import shrink, size_of
from harness.simulation.simulate import simulate
from harness.simulation.world import CALM
from tests import processes
from tests.processes import start

ROOT = Path(__file__).parents[2]
LABRYS = [sys.executable, "-m", "harness"]


def labrys(line: str, folder: Path, **environment: str) -> tuple[int, str]:
    ended = processes.labrys(line, folder, **environment)
    return ended.returncode, ended.stdout


@pytest.mark.slow
def test_a_run_is_the_same_to_the_byte_whatever_the_hash_seed(tmp_path: Path) -> None:
    histories, fingerprints = [], []
    for hash_seed in ("1", "2"):
        folder = tmp_path / hash_seed
        folder.mkdir()
        line = "run raft --environment simulated --seed 2 --time-limit 3 --clients 4 --json"
        status, output = labrys(line, folder, PYTHONHASHSEED=hash_seed)
        assert status == 0
        run = folder / json.loads(output)["paths"]["run"]
        histories.append((run / "history.jsonl").read_bytes())
        fingerprints.append(json.loads((run / "run.json").read_text())["cluster"]["fingerprint"])
    assert histories[0] == histories[1]
    assert fingerprints[0] == fingerprints[1]


@pytest.mark.slow
def test_seeds_repeat_themselves_in_other_processes(tmp_path: Path) -> None:
    script = """
from harness.config import RunConfig
from harness.simulation.scenario import Scenario, swarm
from harness.simulation.simulate import simulate
for system in ("raft", "paxos", "ring"):
    for seed in range(1, 7):
        scenario = swarm(RunConfig(system=system), frozenset(), seed)
        print(system, seed, simulate(scenario).fingerprint)
"""
    told_by = []
    for hash_seed in ("1", "2"):
        ended = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed},
        )  # fmt: skip
        told_by.append(ended.stdout)
    assert told_by[0] == told_by[1]
    assert len(set(told_by[0].split())) > 18


@pytest.mark.slow
@pytest.mark.labrys(seeds=25)
@pytest.mark.parametrize("system", ["raft", "paxos", "ring", "single"])
def test_sound_systems(system: str, simulate_seeds: SimulateSeeds) -> None:
    simulate_seeds(system)


@pytest.mark.labrys(seeds=5)
def test_with_every_message_on_the_wire_nothing_changes(simulate_seeds: SimulateSeeds) -> None:
    """A message that cannot be written, or that nodes share by mistake, would show."""
    for system in ("raft", "paxos", "ring"):
        scenario = swarm(RunConfig(system=system), frozenset(), 3)
        plain = simulate(replace(scenario, world=replace(scenario.world, wired=False)))
        wired = simulate(replace(scenario, world=replace(scenario.world, wired=True)))
        assert plain.fingerprint == wired.fingerprint
        assert plain.lines == wired.lines


@pytest.mark.slow
def test_a_stale_read_is_found_and_shrunk_to_a_few_lines() -> None:
    """The smallest form of the first two failures, as `labrys explore` shows that of three: what
    one of them shrinks to is at times a dead end."""
    base = RunConfig(system="raft-stale-reads")
    every = (simulate(swarm(base, frozenset(), seed)) for seed in range(1, 100))
    failed = (found for found in every if found.kind == "not linearizable")
    shrunk = [shrink(found, 60)[0] for found in itertools.islice(failed, 2)]
    assert [found.kind for found in shrunk] == ["not linearizable"] * 2
    small = min(shrunk, key=lambda found: len(found.history))
    assert len(small.history) <= 4, size_of(small)
    assert len({o.process % small.scenario.config.clients for o in small.history.operations}) <= 2
    assert len(small.scenario.schedule) + (small.scenario.core is not None) <= 1
    assert small.scenario.world == CALM
    again = simulate(small.scenario)
    assert (again.fingerprint, again.lines) == (small.fingerprint, small.lines)


def test_what_stops_serving_is_convicted_by_the_liveness_phase() -> None:
    """A node that is deaf or mute for ever must not keep the others from serving."""
    base = RunConfig(system="raft-no-pre-vote")
    kinds = set()
    for seed in range(1, 400):
        kinds.add(simulate(swarm(base, frozenset(), seed)).kind)
        if "not live" in kinds:
            break
    assert "not live" in kinds
    assert "not linearizable" not in kinds


@pytest.mark.slow
def test_explore_finds_shrinks_stores_and_replay_repeats(tmp_path: Path) -> None:
    line = "explore raft-stale-reads --until-found --jobs 1 --seconds 60"
    status, output = labrys(line, tmp_path)
    assert status == 1, output
    assert "shrunk in" in output
    replay = next(line for line in output.splitlines() if "again" in line).split("labrys ")[1]
    status, output = labrys(replay, tmp_path)
    assert status == 1, output
    assert "repeated exactly" in output
    run = tmp_path / replay.split()[1]
    assert (run / "report.html").exists()
    lines = (run / "history.jsonl").read_text().splitlines(keepends=True)
    (run / "history.jsonl").write_text("".join(lines[:-1]))
    status, output = labrys(replay, tmp_path)
    assert status == 255
    assert "NOT repeated exactly" in output


def test_explore_of_a_sound_system_says_what_finding_nothing_means(tmp_path: Path) -> None:
    status, output = labrys("explore raft --seeds 12 --jobs 2", tmp_path)
    assert status == 0, output
    assert "no finding in 12 seeds" in output
    assert "fewer than 0.221 of all seeds" in output
    assert not (tmp_path / "store").exists(), "passing seeds are not stored"


@pytest.mark.timed
def test_a_campaign_that_is_interrupted_stops_within_two_seconds(tmp_path: Path) -> None:
    line = "explore raft --seeds 100000 --jobs 2"
    harness = start(line.split(), tmp_path, start_new_session=True)
    try:
        time.sleep(4)
        assert harness.poll() is None
        began = time.monotonic()
        os.killpg(harness.pid, signal.SIGINT)
        output, errors = harness.communicate(timeout=30)
        assert time.monotonic() - began < 2.5
        assert harness.returncode == 255
        assert "interrupted after" in output
        assert "Traceback" not in errors
        with pytest.raises(ProcessLookupError):
            os.killpg(harness.pid, 0)
    finally:
        harness.kill()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("explore rafd", "there is no system 'rafd'"),
        ("explore raft --seeds 0", "must be above 0"),
        ("explore raft --nodes 0", "--nodes cannot be 0"),
        ("replay nowhere", "holds no run.json"),
    ],
)
def test_bad_input(line: str, words: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [*LABRYS, *line.split()], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 254
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_users_test_of_five_lines(tmp_path: Path) -> None:
    """The file of docs/simulator.md passes for `raft`, and tells why the flawed one fails."""
    document = (ROOT / "docs" / "simulator.md").read_text()
    code = document.split("```python\n")[1].split("```")[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 6
    for system, status in (("raft", 0), ("raft-stale-reads", 1)):
        (tmp_path / "test_store.py").write_text(code.replace('"raft"', f'"{system}"'))
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *_plugin(), "test_store.py"], cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert ended.returncode == status, ended.stdout
    assert "labrys replay" in ended.stdout
    assert "shrunk by" in ended.stdout
    assert "read" in ended.stdout


def _plugin() -> list[str]:
    from importlib.metadata import entry_points

    installed = any(point.name == "labrys" for point in entry_points(group="pytest11"))
    return [] if installed else ["-p", "harness.simulation.plugin"]


def test_a_scenario_of_a_file_is_carried_out(tmp_path: Path) -> None:
    kept = Path(__file__).parent / "once_failed" / "ring-fewer-owners.json"
    status, output = labrys(f"replay {kept}", tmp_path)
    assert status == 0, output
    assert "no finding in this one seed" in output
    (tmp_path / "damaged.json").write_text('{"labrys": "scenario"}')
    ended = subprocess.run(
        [*LABRYS, "replay", "damaged.json"], cwd=tmp_path, capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ended.returncode == 254
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("path", sorted((Path(__file__).parent / "once_failed").glob("*.json")))
def test_what_once_failed_does_not_fail_again(path: Path) -> None:
    found = simulate(Scenario.from_json(json.loads(path.read_text()), path))
    assert found.kind == "", found.reason
