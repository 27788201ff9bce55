"""Disks of containers whose harness is dead are found by their names, and go."""

import subprocess
from pathlib import Path

import pytest

from harness.environments.disks import disks_work
from harness.environments.leftovers import find_leftovers, remove_leftovers
from harness.environments.loops import LoopDisks
from harness.environments.owner import Owner, host, this_process


@pytest.mark.skipif(not disks_work(), reason="it takes root and loop devices")
def test_disks_of_a_dead_harness_are_removed_and_those_of_a_living_one_are_not(
    tmp_path: Path,
) -> None:
    mine = this_process("mine")
    dead = Owner("dead", host(), mine.boot, mine.space, mine.pid, "0")
    living, left = LoopDisks(tmp_path, mine), LoopDisks(tmp_path, dead)
    device = living.make("n1")
    try:
        gone = left.make("n1")
        assert [found.name.split()[0] for found in find_leftovers() if found.kind == "disk"] == [
            gone
        ]
        remove_leftovers()
        assert [path.name for path in tmp_path.iterdir()] == [f"labrys_{mine.text()}.n1.disk"]
    finally:
        living.close()
    shown = subprocess.run(["losetup", "--list"], capture_output=True, text=True, check=True)
    assert device not in shown.stdout
    assert not list(tmp_path.iterdir())
