"""The ring as real processes: runs under faults, and nodes that leave and join under load."""

import asyncio
import time
from pathlib import Path

from harness.clock import SECOND_NS
from harness.cluster import NoAnswer, Unreachable
from harness.environments.tcp_cluster import TcpCluster
from systems_under_test.requests import OperatorRequest, Reply
from tests.harness.deployments import deployment
from tests.systems_under_test.load import expect_all_served, under_load

NODES = ("n1", "n2", "n3", "n4", "n5")
SYSTEM = "systems_under_test.ring.node:Ring"


async def change_members(cluster: TcpCluster, function: str, node: str) -> list[str]:
    """Ask n1 until it agrees."""
    channel = cluster.channel(99)
    deadline = time.monotonic() + 10
    for sequence in range(1, 1_000):
        until_ns = cluster.clock.now_ns() + SECOND_NS
        try:
            answer = await channel.ask(
                "n1", OperatorRequest(0, sequence, function, "", node), until_ns
            )
        except (NoAnswer, Unreachable):
            answer = None
        if isinstance(answer, Reply):
            await channel.close()
            members: list[str] = answer.result
            return members
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.1)
    raise AssertionError("unreachable")


async def settled(cluster: TcpCluster, nodes: tuple[str, ...]) -> None:
    deadline = time.monotonic() + 10
    while True:
        facts = [(await cluster.status(node)) for node in nodes]
        if all(status is not None and status.facts["awaited"] == 0 for status in facts):
            return
        assert time.monotonic() < deadline, facts
        await asyncio.sleep(0.05)


def test_nodes_leave_and_join_under_load(kind: type[TcpCluster], tmp_path: Path) -> None:
    """No operation fails that was not retried to success; and the history is linearizable."""

    async def run() -> int:
        cluster = kind(deployment(SYSTEM, NODES, tmp_path))
        async with cluster:
            async with under_load(cluster, tmp_path / "history.jsonl"):
                left = await change_members(cluster, "remove-member", "n5")
                assert left == ["n1", "n2", "n3", "n4"]
                await settled(cluster, NODES)
                await asyncio.sleep(0.5)
                assert await change_members(cluster, "add-member", "n5") == list(NODES)
                await settled(cluster, NODES)
                status = await cluster.status("n5")
                assert status is not None
            moved: int = status.facts["moved"]
            return moved

    moved = asyncio.run(run())
    ideal = 3 * 1024 / 5
    assert moved <= 1.3 * ideal
    expect_all_served(tmp_path / "history.jsonl")
