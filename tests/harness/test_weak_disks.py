"""Disks that are slow or fail while their node lives."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from harness.clock import MILLISECOND_NS, SECOND_NS
from harness.cluster import Capability
from harness.conditions import Weakness
from harness.config import RunConfig
from harness.environments.local import LocalCluster
from harness.environments.weak_disks import WeakDisks
from harness.simulation.scenario import scenario_of
from harness.simulation.simulate import simulate
from systems_under_test.journal import Journal, JournalFailed
from systems_under_test.requests import Request
from systems_under_test.single import Single
from systems_under_test.weak_disk import WeakDisk
from systems_under_test.wire import Codec
from tests.harness.deployments import deployment

NODES = ("n1", "n2", "n3")


def test_a_journal_waits_for_a_slow_disk_and_fails_with_a_failing_one(tmp_path: Path) -> None:
    disks = WeakDisks(tmp_path, ["n1"])
    disks.open()
    disk = WeakDisk(disks.files["n1"])
    journal = Journal(tmp_path / "journal", Codec(Single.payloads), disk=disk)
    journal.append([b"{}\n"])
    assert disk.met == 0
    disks.weaken({"n1": Weakness(slow_ns=30 * MILLISECOND_NS)})
    began = time.monotonic()
    journal.append([b"{}\n"])
    assert time.monotonic() - began >= 0.03
    for failing in ("write", "sync"):
        disks.weaken({"n1": Weakness(failing=failing)})
        with pytest.raises(JournalFailed, match="Input/output error"):
            journal.append([b"{}\n"])
    assert disk.met == 3
    with pytest.raises(JournalFailed):
        journal.replace([b"{}\n"])
    disks.weaken({})
    journal.append([b"{}\n"])
    journal.close()
    disks.close()
    assert not list(tmp_path.glob("*.disk"))


@pytest.mark.parametrize("system", ["raft", "paxos", "ring"])
def test_nothing_acknowledged_is_lost_on_weak_disks(system: str) -> None:
    schedule = "10 * (disk-failing-majority 0.5; wait 0.5); 5 * (disk-slow-all 1; wait 0.5)"
    options: dict[str, Any] = {"rate": 50.0, "time_limit": 18.0, "schedule": schedule}
    config = RunConfig(system=system, environment="simulated", seed=1, **options)
    assert not simulate(scenario_of(config)).kind


@pytest.mark.local
def test_a_node_whose_disk_fails_ends_and_is_started_with_the_healing(tmp_path: Path) -> None:
    needs = [Capability.WEAK_DISK]
    cluster = LocalCluster(deployment("single", NODES, tmp_path, needs=needs))

    async def write(node: str, stop: asyncio.Event) -> None:
        channel, number = cluster.channel(0), 0
        while not stop.is_set():
            number += 1
            request = Request(0, number, "write", "k", number)
            try:
                await channel.ask(node, request, cluster.clock.now_ns() + SECOND_NS)
            except Exception:
                await asyncio.sleep(0.05)
        await channel.close()

    async def scenario() -> None:
        async with cluster:
            stop = asyncio.Event()
            leader = NODES[0]
            writing = asyncio.create_task(write(leader, stop))
            await cluster.weaken([leader], Weakness(slow_ns=20 * MILLISECOND_NS))
            assert [effect.nodes for effect in cluster.effects] == [(leader,)]
            before = await cluster.life(leader)
            await cluster.weaken([leader], Weakness(failing="sync"))
            assert [effect.nodes for effect in cluster.effects] == [(leader,)] * 2
            async with asyncio.timeout(10):
                while await cluster.life(leader):  # It says why before it ends.
                    await asyncio.sleep(0.02)
            await cluster.free()
            assert await cluster.life(leader) not in ("", before)
            stop.set()
            await writing
            assert not cluster.crashes()

    asyncio.run(scenario())
