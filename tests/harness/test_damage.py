"""Damaged journals: refused with the offset, wherever that is, and put back by the healing."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness import names
from harness.conditions import Corruption
from harness.config import RunConfig
from harness.environments.journals import Journals
from harness.simulation.run import SimulatedRun
from harness.simulation.scenario import scenario_of
from harness.simulation.simulate import MemoryRecorder, cluster_of, simulate
from systems_under_test.journal import Journal, JournalDamaged, read_frames
from systems_under_test.node import Payload
from systems_under_test.wire import Codec
from tests.processes import labrys

CASES = 200


def kind(system: str, seed: int, **options: Any) -> str:
    """What a simulated run of these options is convicted of, if anything."""
    config = RunConfig(system=system, environment="simulated", seed=seed, rate=50.0, **options)
    return simulate(scenario_of(config)).kind


@pytest.mark.parametrize("fault", ["disk-flip", "disk-truncate"])
def test_who_takes_what_is_left_for_the_whole_is_convicted(fault: str) -> None:
    options = {"time_limit": 10.0, "fault_interval": 2.0, "faults": (fault,)}
    assert kind("raft-cuts-damage", 3, **options)
    for system in ("raft", "paxos", "ring"):
        assert not kind(system, 3, **options)


def kept_by_a_node(system: str) -> tuple[Payload, ...]:
    """The records of a node's journal after a short run."""
    config = RunConfig(system=system, environment="simulated", seed=1, rate=50.0, time_limit=2.0,
                       faults=("kill",))  # fmt: skip
    scenario = scenario_of(config)
    cluster = cluster_of(scenario)
    cluster.clock.run(SimulatedRun(scenario, cluster, MemoryRecorder(cluster.clock)).perform())
    return tuple(cluster.places["n1"].disk.durable)


def drawn(random: Random) -> Iterator[Corruption]:
    while True:
        yield Corruption((random.random(),), cuts=random.random() < 0.5)


@pytest.mark.parametrize("system", ["raft", "paxos", "ring"])
def test_damage_anywhere_in_a_journal_is_refused_with_its_offset(
    tmp_path: Path, system: str
) -> None:
    random = Random(f"{system}:damage")
    codec = Codec(names.node_class(system).payloads)
    records = kept_by_a_node(system)
    made, left = Journal(tmp_path / "journal", codec), list(map(codec.encode, records))
    while left:
        size = random.randint(1, 3)
        made.append(left[:size])
        left = left[size:]
    made.close()
    whole = (tmp_path / "journal").read_bytes()
    for _, damage in zip(range(CASES), drawn(random), strict=False):
        with pytest.raises(JournalDamaged) as refused:
            read_frames(damage.done_to(whole), "journal")
        offset = int(str(refused.value).partition("at byte ")[2].split()[0].strip(":"))
        assert offset <= damage.bits(whole)[0] // 8
    journals = Journals(("journal",))
    assert journals.damage("n1", tmp_path, damage)
    with pytest.raises(JournalDamaged):
        Journal(tmp_path / "journal", codec)
    assert journals.damaged == ["n1"]
    journals.restore("n1")
    assert journals.damaged == []
    reopened = Journal(tmp_path / "journal", codec)
    reopened.close()
    assert reopened.records == records


@pytest.mark.deep
@pytest.mark.local
def test_real_nodes_refuse_damage_and_one_that_does_not_is_convicted(tmp_path: Path) -> None:
    line = "--environment local --nodes 3 --time-limit 8 --fault-interval 2 --rate 50 --seed 1"
    line += " --faults disk-flip,disk-truncate"
    sound = labrys(f"run raft {line}", tmp_path)
    assert sound.returncode == 0, sound.stdout + sound.stderr
    (history,) = tmp_path.glob("store/raft-register/2*/history.jsonl")
    assert "refusing to start" in history.read_text()
    flawed = labrys(f"run raft-cuts-damage {line}", tmp_path)
    assert flawed.returncode == 1, flawed.stdout + flawed.stderr
