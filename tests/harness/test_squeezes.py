"""Nodes that are asked to end, and nodes that get little of a processor."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.clock import SECOND_NS
from harness.cluster import Capability, NoAnswer, Unreachable
from harness.environments.control_groups import (
    CPU,
    MEMORY,
    ControlGroup,
    ControlGroups,
    group_of,
    groups_work,
    may_limit,
)
from harness.environments.docker import DockerCluster, engine_answers
from harness.environments.lab import namespaces_work
from harness.environments.leftovers import find_leftovers, remove_leftovers
from harness.environments.local import LocalCluster
from harness.environments.namespaces import NamespaceCluster
from harness.environments.owner import Owner, host, this_process
from harness.environments.tcp_cluster import TcpCluster
from systems_under_test.requests import Request
from tests.harness.deployments import deployment
from tests.harness.marks import expect_nothing_left

NODES = ("n1", "n2", "n3")
needs_engine = pytest.mark.skipif(not engine_answers(), reason="no Docker engine answers")
needs_namespaces = pytest.mark.skipif(not namespaces_work(), reason="no namespaces can be made")
needs_groups = pytest.mark.skipif(
    not (groups_work(CPU) and groups_work(MEMORY)), reason="no control groups can be made"
)
KINDS = [
    pytest.param(LocalCluster, marks=[pytest.mark.local, needs_groups]),
    pytest.param(NamespaceCluster, marks=[pytest.mark.local, needs_namespaces, needs_groups]),
    pytest.param(DockerCluster, marks=[pytest.mark.docker, needs_engine]),
]


@pytest.mark.parametrize("kind", KINDS)
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


@pytest.mark.parametrize("kind", KINDS)
def test_nodes_that_run_out_of_memory_are_no_crash_and_come_back(
    kind: Callable[[Any], TcpCluster], tmp_path: Path
) -> None:
    """The kernel kills what needs more memory than was left; other nodes go on."""
    cluster = kind(deployment("raft", NODES, tmp_path))
    large = Request(7, 1, "write", "k", "x" * (8 << 20))

    async def write() -> None:
        channel = cluster.channel(7)
        try:
            for node in NODES:
                with contextlib.suppress(NoAnswer, Unreachable):
                    await channel.ask(node, large, cluster.clock.now_ns() + 2 * SECOND_NS)
        finally:
            await channel.close()

    async def keep_writing() -> None:
        while True:
            await write()

    async def scenario() -> None:
        async with cluster:
            lives = {node: await cluster.life(node) for node in NODES}
            # One write alone could be over before the engine has set the limit.
            writing = asyncio.create_task(keep_writing())
            await cluster.limit_memory(["n1"], 64 << 10)
            async with asyncio.timeout(10):
                while await cluster.life("n1"):  # It meets its limit before it dies of it.
                    await asyncio.sleep(0.05)
            writing.cancel()
            await cluster.look_again([Capability.MEMORY])
            (effect,) = cluster.effects
            assert (effect.capability, effect.nodes) == (Capability.MEMORY, ("n1",))
            assert await cluster.life("n2") == lives["n2"]
            await cluster.limit_memory(NODES, None)
            assert await cluster.life("n1") not in ("", lives["n1"])
            assert await cluster.out_of_memory("n1") is None
            await write()
            assert await cluster.life("n2") == lives["n2"]
            assert not cluster.crashes()
            await cluster.limit_memory(NODES, None)  # May come twice.

    asyncio.run(scenario())
    expect_nothing_left(cluster._owner)


def test_groups_of_the_second_version_are_written_as_the_kernel_documents(tmp_path: Path) -> None:
    """A folder stands in for the kernel's, since this machine may have the first version alone."""
    home = tmp_path / "root" / "user.slice"
    home.mkdir(parents=True)
    for name, text in (("cgroup.controllers", "cpu memory"), ("cgroup.procs", "")):
        (home / name).write_text(text)
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cgroup").write_text("1:name=systemd:/\n0::/user.slice\n")
    found = {
        name: group_of(7, name, root=tmp_path / "root", processes=tmp_path)
        for name in (CPU, MEMORY)
    }
    assert found == {name: ControlGroup(home, 2, name) for name in (CPU, MEMORY)}
    assert not any(map(may_limit, found.values())), "no controller is handed down"
    (home / "cgroup.subtree_control").write_text("memory\n")
    assert {name for name, group in found.items() if may_limit(group)} == {MEMORY}

    groups = ControlGroups(this_process("two"), home=found.__getitem__)
    groups.limit_memory({"n1": [11]}, 4096)
    group = groups.of("n1", MEMORY)
    assert group is not None
    assert groups.of("n1", CPU) is groups.of("n2", MEMORY) is None
    written = {file.name: file.read_text() for file in group.folder.iterdir()}
    assert written == {"memory.max": "4096", "memory.swap.max": "0", "cgroup.procs": "11"}
    (group.folder / "memory.events").write_text("low 0\nmax 3\noom 2\noom_kill 1\n")
    assert (group.met(), group.killed()) == (3, 1)
    (group.folder / "cpu.stat").write_text("usage_usec 5\nnr_periods 9\nnr_throttled 4\n")
    assert ControlGroup(group.folder, 2, CPU).met() == 4
    ControlGroup(group.folder, 2, CPU).limit_processor(0.05)
    assert (group.folder / "cpu.max").read_text() == "5000 100000"


@needs_groups
def test_groups_of_a_dead_harness_are_removed_and_those_of_a_living_one_are_not() -> None:
    mine = this_process("mine")
    owner = Owner("dead", host(), mine.boot, mine.space, mine.pid, "0")
    dead, living = (ControlGroups(owner), ControlGroups(owner)), ControlGroups(mine)
    own = group_of("self")
    try:
        living.limit_processors({"n1": []}, 0.5)
        dead[0].limit_processors({"n1": []}, 0.5)
        dead[1].limit_memory({"n2": []}, 1 << 20)
        left = [found.kind for found in find_leftovers() if found.owner.run == "dead"]
        assert left == ["group", "group"]
        remove_leftovers()
        assert not any(found.owner.run == "dead" for found in find_leftovers())
        assert own is not None
        assert (own.folder / f"labrys_{mine.text()}.n1").exists()
    finally:
        living.free()
