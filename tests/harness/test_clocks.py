"""Clocks that are wrong harm only what trusts them."""

import asyncio
import sys
import time
from pathlib import Path
from typing import ClassVar

import pytest

from harness.clock import SECOND_NS
from harness.cluster import Capability
from harness.config import RunConfig
from harness.database import Database, Place
from harness.environments.faked_clocks import faketime_library
from harness.environments.lab import namespaces_work
from harness.environments.local import LocalCluster
from harness.environments.namespaces import NamespaceCluster
from harness.simulation.scenario import scenario_of
from harness.simulation.simulate import simulate
from tests.harness.deployments import deployment

NODES = ("n1", "n2", "n3")


@pytest.mark.parametrize(
    ("system", "convicted"),
    [
        ("raft", False),
        ("paxos", False),
        ("ring", False),
        ("ring-skewed-clock", True),
        ("ring-quorum", True),
    ],
)
def test_jumps_convict_what_trusts_clocks(system: str, *, convicted: bool) -> None:
    config = RunConfig(
        system=system,
        environment="simulated",
        seed=1,
        rate=50.0,
        time_limit=21.0,
        schedule="20 * clock-jump 1",
    )
    assert bool(simulate(scenario_of(config)).kind) == convicted


@pytest.mark.local
def test_a_node_says_how_wrong_its_clock_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        needs = [Capability.CLOCK]
        cluster = LocalCluster(deployment("raft", NODES, tmp_path, needs=needs))
        async with cluster:
            await cluster.skew({"n2": -60 * SECOND_NS})
            (effect,) = cluster.effects
            assert (effect.capability, effect.nodes) == (Capability.CLOCK, ("n2",))
            assert [await cluster.offset_ns(node) for node in NODES] == [0, -60 * SECOND_NS, 0]
            assert await cluster.in_force() == ["the clock of n2 wrong"]
            await cluster.kill(["n2"])
            await cluster.start(["n2"])
            assert await cluster.offset_ns("n2") == -60 * SECOND_NS
            await cluster.skew({})
            assert await cluster.in_force() == []

    asyncio.run(scenario())


PROGRAM = """
import socket, sys, time
server = socket.create_server(("", int(sys.argv[1])))
while True:
    line, _ = server.accept()
    with line:
        line.sendall(f"{time.time()} {time.monotonic()}".encode())
"""


class Clock(Database):
    """A program of somebody else's that tells the time."""

    ports = (4000,)
    clock_can_be_faked: ClassVar[bool] = True

    def command(self, at: Place) -> list[str]:
        return [sys.executable, "-c", PROGRAM, str(at.ports[0])]


@pytest.mark.local
@pytest.mark.skipif(faketime_library() is None, reason="libfaketime is not installed")
@pytest.mark.skipif(not namespaces_work(), reason="no namespaces can be made here")
def test_a_program_that_says_so_has_its_clock_set_and_never_the_monotonic_one(
    tmp_path: Path,
) -> None:
    cluster = NamespaceCluster(deployment(Clock(), NODES, tmp_path, needs=[Capability.CLOCK]))
    before = set(Path("/dev/shm").iterdir())

    async def off(node: str) -> tuple[int, int]:
        """How far the node's clocks are from ours, the wall clock and the monotonic one, in s."""
        reader, writer = await asyncio.open_connection(*cluster.addresses[node])
        wall, monotonic = map(float, (await reader.read()).split())
        writer.close()
        return round((wall - time.time()) / 10) * 10, round((monotonic - time.monotonic()) / 10)

    async def scenario() -> None:
        async with cluster:
            await cluster.skew({"n2": -60 * SECOND_NS, "n3": 90 * SECOND_NS})
            assert [effect.nodes for effect in cluster.effects] == [("n2",), ("n3",)]
            assert [await off(node) for node in NODES] == [(0, 0), (-60, 0), (90, 0)]
            assert await cluster.in_force() == ["the clock of n2, n3 wrong"]
            await cluster.kill(["n2"])
            await cluster.start(["n2"])
            assert await off("n2") == (-60, 0)
            await cluster.skew({})
            assert [await off(node) for node in NODES] == [(0, 0)] * 3
            assert await cluster.in_force() == []

    asyncio.run(scenario())
    assert not [path for path in Path("/dev/shm").glob("*faketime*") if path not in before]


def test_a_program_that_does_not_say_so_keeps_its_clock(tmp_path: Path) -> None:
    class Silent(Clock):
        clock_can_be_faked = False

    cluster = LocalCluster(deployment(Silent(), NODES, tmp_path))
    assert Capability.CLOCK not in cluster.capabilities
    assert "does not say" in cluster.describe()["clocks"]
