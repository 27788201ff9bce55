"""A loss of power takes exactly what was not synced; a kill takes nothing that the kernel has."""

import os
from pathlib import Path
from typing import Any

import pytest

from harness.config import RunConfig
from harness.environments.disks import Disks, disks_work
from harness.simulation.scenario import scenario_of
from harness.simulation.simulate import simulate
from tests.processes import labrys

needs_root = pytest.mark.skipif(not disks_work(), reason="it takes root and loop devices")


def verdict(folder: Path, line: str) -> int:
    done = labrys(f"run {line} --environment namespaces --rate 100", folder)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.returncode


def kind(system: str, seed: int, **options: Any) -> str:
    """What a simulated run of these options is convicted of, if anything."""
    config = RunConfig(system=system, environment="simulated", seed=seed, rate=50.0, **options)
    return simulate(scenario_of(config)).kind


def test_what_the_kernel_alone_has_is_lost_with_the_power_and_by_no_kill() -> None:
    for seed in (1, 2):
        assert kind("raft-no-fsync", seed, time_limit=20.0, faults=("power",))
        assert not kind("raft-no-fsync", seed, time_limit=20.0, faults=("kill",))


@pytest.mark.parametrize("system", ["raft", "paxos", "ring"])
def test_nothing_acknowledged_is_lost_with_the_power_of_the_whole_cluster(system: str) -> None:
    assert not kind(system, 1, time_limit=32.0, schedule="20 * (power-all 0.4; wait 1.1)")


@needs_root
def test_a_disk_loses_what_was_not_synced_and_no_more(tmp_path: Path) -> None:
    folder = tmp_path / "n1"
    folder.mkdir()
    (folder / "prepared").write_text("as it was")
    disks = Disks()
    disks.open()
    try:
        disks.make("n1", folder)
        seen = disks.seen("n1")
        file = os.open(seen / "journal", os.O_CREAT | os.O_WRONLY)
        assert disks.fill("n1")
        with pytest.raises(OSError, match="No space left"):
            os.write(file, bytes(5000))
        assert disks.free("n1")
        assert not disks.free("n1")
        os.write(file, bytes(5000))
        os.fsync(file)
        os.write(file, bytes(4000))
        (seen / "never-synced").write_text("gone")
        disks.cut("n1")
        with pytest.raises(OSError, match="Input/output error"):
            os.write(file, b"more")
        os.close(file)
        disks.restore("n1")
        assert (seen / "journal").stat().st_size == 5000
        assert (seen / "prepared").read_text() == "as it was"
        assert not (seen / "never-synced").exists()
    finally:
        disks.close()
    assert not any(tmp_path.glob("*.disk"))
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


@needs_root
@pytest.mark.deep
@pytest.mark.local
def test_real_power_convicts_what_is_left_to_the_kernel(tmp_path: Path) -> None:
    line = "raft-no-fsync --nodes 3 --time-limit 12 --fault-interval 3 --seed 1 --faults"
    assert verdict(tmp_path, f"{line} power") == 1
    assert verdict(tmp_path, f"{line} kill") == 0
    sound = "raft --nodes 3 --time-limit 20 --fault-interval 4 --seed 1 --faults power,disk"
    assert verdict(tmp_path, sound) == 0
