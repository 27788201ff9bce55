"""Nodes that are asked to end, and nodes that get little of a processor."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.clock import SECOND_NS
from harness.cluster import Capability
from harness.environments.docker import DockerCluster, engine_answers
from harness.environments.lab import namespaces_work
from harness.environments.leftovers import find_leftovers, remove_leftovers
from harness.environments.local import LocalCluster
from harness.environments.namespaces import NamespaceCluster
from harness.environments.owner import Owner, host, this_process
from harness.environments.processors import Processors, group_of, processors_work
from harness.environments.tcp_cluster import TcpCluster
from tests.harness.deployments import deployment
from tests.harness.marks import expect_nothing_left

NODES = ("n1", "n2", "n3")
needs_engine = pytest.mark.skipif(not engine_answers(), reason="no Docker engine answers")
needs_namespaces = pytest.mark.skipif(not namespaces_work(), reason="no namespaces can be made")
needs_groups = pytest.mark.skipif(not processors_work(), reason="no control groups can be made")


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(LocalCluster, marks=pytest.mark.local),
        pytest.param(NamespaceCluster, marks=[pytest.mark.local, needs_namespaces, needs_groups]),
        pytest.param(DockerCluster, marks=[pytest.mark.docker, needs_engine]),
    ],
)
def test_nodes_end_when_asked_to_and_are_slow_when_held_back(
    kind: Callable[[Any], TcpCluster], tmp_path: Path
) -> None:
    cluster = kind(deployment("raft", NODES, tmp_path))

    async def keep_busy(node: str) -> None:
        while True:
            await cluster.status(node)

    async def scenario() -> None:
        async with cluster:
            await cluster.terminate(["n2"], 5 * SECOND_NS)
            (effect,) = cluster.effects
            assert effect.nodes == ("n2",)
            assert "ended when asked" in effect.seen
            await cluster.start(["n2"])
            assert await cluster.life("n2")
            await cluster.pause(["n2"])
            await cluster.terminate(["n2"], SECOND_NS)
            assert cluster.effects[-1].nodes == ("n2",)
            if kind is not DockerCluster:  # The engine wakes what it asks to end.
                assert "had to be killed" in cluster.effects[-1].seen
            await cluster.start(["n2"])
            await cluster.pause(["n3"])
            await cluster.resume(["n3"])
            if Capability.CPU in cluster.capabilities:
                busy = asyncio.create_task(keep_busy("n1"))
                await cluster.limit_processors(["n1"], 0.02)
                busy.cancel()
                assert cluster.effects[-1].capability is Capability.CPU
                assert cluster.effects[-1].nodes == ("n1",)
                await cluster.kill(["n1"])
                await cluster.start(["n1"])  # With all that it needs to be ready in time.
                await cluster.limit_processors(NODES, None)
                assert await cluster.held_back("n1") is None
            assert not cluster.crashes()

    asyncio.run(scenario())
    expect_nothing_left(cluster._owner)


@needs_groups
def test_groups_of_a_dead_harness_are_removed_and_those_of_a_living_one_are_not() -> None:
    mine = this_process("mine")
    dead = Processors(Owner("dead", host(), mine.boot, mine.space, mine.pid, "0"))
    living = Processors(mine)
    own = group_of("self")
    try:
        living.limit({"n1": []}, 0.5)
        dead.limit({"n1": []}, 0.5)
        assert [found.kind for found in find_leftovers() if found.owner.run == "dead"] == ["group"]
        remove_leftovers()
        assert not any(found.owner.run == "dead" for found in find_leftovers())
        assert own is not None
        assert (own.folder / f"labrys_{mine.text()}.n1").exists()
    finally:
        living.free()
