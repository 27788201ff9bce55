"""Clocks that are wrong harm only what trusts them."""

import asyncio
from pathlib import Path

import pytest

from harness.clock import SECOND_NS
from harness.cluster import Capability
from harness.config import RunConfig
from harness.environments.local import LocalCluster
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
