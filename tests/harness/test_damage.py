"""Damaged journals: refused with the offset, wherever that is, and put back by the healing."""

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.damage import campaign
from harness import names
from harness.cluster import Capability
from harness.conditions import Corruption
from harness.config import RunConfig
from harness.environments.disks import disks_work
from harness.environments.docker import DockerCluster, engine_answers
from harness.environments.journals import Journals
from harness.environments.local import LocalCluster
from harness.environments.tcp_cluster import TcpCluster
from harness.simulation.run import SimulatedRun
from harness.simulation.scenario import scenario_of
from harness.simulation.simulate import MemoryRecorder, cluster_of, simulate
from systems_under_test.journal import Journal, JournalDamaged, read_frames
from systems_under_test.node import Payload
from systems_under_test.wire import Codec
from tests.harness.deployments import deployment
from tests.harness.marks import expect_nothing_left
from tests.processes import labrys

needs_engine = pytest.mark.skipif(not engine_answers(), reason="no Docker engine answers")
CASES = 200
SAMPLE = 30


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


@pytest.mark.parametrize(
    ("kind", "needs"),
    [
        pytest.param(LocalCluster, (), marks=pytest.mark.local),
        pytest.param(DockerCluster, (), marks=[pytest.mark.docker, needs_engine]),
        pytest.param(
            DockerCluster,
            (Capability.DISK,),
            marks=[
                pytest.mark.docker,
                needs_engine,
                pytest.mark.skipif(not disks_work(), reason="disks of nodes take root"),
            ],
            id="DockerCluster-with-disks",
        ),
    ],
)
def test_journals_of_real_nodes_are_damaged_while_they_are_down_and_put_back(
    kind: Callable[[Any], TcpCluster], needs: Iterable[Capability], tmp_path: Path
) -> None:
    cluster = kind(deployment("raft", ("n1", "n2", "n3"), tmp_path, needs=needs))

    async def facts(node: str) -> Mapping[str, Any]:
        status = await cluster.status(node)
        return {} if status is None else status.facts

    async def scenario() -> None:
        async with cluster:
            lives = {node: await cluster.life(node) for node in cluster.nodes}
            flipped, cut = Corruption((0.5,), cuts=False), Corruption((0.3,), cuts=True)
            told = await cluster.damage({"n1": flipped, "n2": cut})
            assert [effect.nodes for effect in cluster.effects[-2:]] == [("n1",), ("n2",)]
            for words in told:
                assert re.search(r"bytes, .*at byte \d+; and it refuses to start: .*damaged", words)
            assert await cluster.life("n1") == await cluster.life("n2") == ""
            assert await cluster.in_force() == [
                "the journal of n1 damaged", "the journal of n2 damaged"
            ]  # fmt: skip
            await cluster.start(["n1", "n2"])  # As the healing of another family would.
            assert await cluster.life("n1") == ""
            assert not cluster.crashes()
            await cluster.repair()
            assert await cluster.in_force() == []
            for node in ("n1", "n2"):
                assert await cluster.life(node) not in ("", lives[node])
                assert (await facts(node))["role"]
            assert await cluster.life("n3") == lives["n3"]
            await cluster.kill(["n1"])
            await cluster.start(["n1"])  # It has what it had, and refuses nothing.
            assert await cluster.life("n1")
            assert not cluster.crashes()

    asyncio.run(scenario())
    expect_nothing_left(cluster._owner)  # type: ignore[attr-defined]
    assert not (tmp_path / "copies").exists()


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


@pytest.mark.deep
@pytest.mark.local
@pytest.mark.parametrize("system", ["raft", "paxos", "ring"])
def test_damage_anywhere_leads_real_nodes_to_no_wrong_read(system: str) -> None:
    """A sample of what `python benchmarks/damage.py` tries in 200 cases."""
    made = asyncio.run(campaign(system, SAMPLE, seed=1))
    assert not made.wrong
    assert made.refused + made.served == SAMPLE
    assert made.refused > SAMPLE // 2
