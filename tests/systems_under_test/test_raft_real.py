"""Raft as real processes: nodes that join and leave under load, and restarts on a snapshot."""

import asyncio
from pathlib import Path

import pytest

from harness.environments.tcp_cluster import TcpCluster
from harness.nemesis.membership import Operator
from tests.harness.deployments import deployment
from tests.systems_under_test.load import expect_all_served, under_load

MEMBERS = ("n1", "n2", "n3", "n4", "n5")
NODES = (*MEMBERS, "n6")


@pytest.mark.parametrize(
    "system", ["Raft", pytest.param("RaftCompactsOften", marks=pytest.mark.deep)]
)
def test_nodes_join_and_leave_under_load(
    kind: type[TcpCluster], tmp_path: Path, system: str
) -> None:
    """Every operation succeeds within two seconds, also while the leader itself is removed; a
    member is killed on the way and comes back.
    """

    async def run() -> None:
        cluster = kind(
            deployment(f"systems_under_test.raft.node:{system}", NODES, tmp_path, MEMBERS)
        )
        async with cluster:
            operator = Operator(cluster)
            assert await operator.members() == list(MEMBERS)
            async with under_load(cluster, tmp_path / "history.jsonl"):
                _, told = await operator.change("add-member", "n6")
                assert told == "added n6: the members are n1, n2, n3, n4, n5, n6"
                leader = await cluster.leader()
                assert leader is not None
                _, told = await operator.change("remove-member", leader)
                left = [node for node in NODES if node != leader]
                assert told == f"removed {leader}: the members are {', '.join(left)}"
                await cluster.kill([left[0]])
                await asyncio.sleep(0.5)
                await cluster.start([left[0]])
                _, told = await operator.change("add-member", leader)
                assert told == f"added {leader}: the members are {', '.join(NODES)}"
            await operator.close()
            assert cluster.crashes() == {}

    asyncio.run(run())
    expect_all_served(tmp_path / "history.jsonl")
