"""Raft as real processes: nodes that join and leave under load, and restarts on a snapshot."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from checker.history import History
from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.operation import Outcome
from checker.verdict import Verdict
from harness.clock import SECOND_NS
from harness.environments.tcp_cluster import TcpCluster
from harness.nemesis.membership import Operator
from harness.recorder import Recorder
from harness.worker import Worker
from tests.harness.deployments import deployment
from workloads.register import RegisterCalls
from workloads.workload import Shape

MEMBERS = ("n1", "n2", "n3", "n4", "n5")
NODES = (*MEMBERS, "n6")


@pytest.mark.parametrize("system", ["Raft", "RaftCompactsOften"])
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
        recorder = Recorder(tmp_path / "history.jsonl", cluster.clock)
        calls = RegisterCalls(Random(1), Shape(keys=8))
        ended = False
        async with cluster:
            operator = Operator(cluster)
            assert await operator.members() == list(MEMBERS)
            workers = [
                Worker(number, 4, cluster, recorder, 2 * SECOND_NS, Random(number))
                for number in range(4)
            ]

            async def work(worker: Worker) -> None:
                while not ended:
                    await worker.make(calls.next(), calls)

            working = [asyncio.create_task(work(worker)) for worker in workers]
            await asyncio.sleep(0.5)
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
            await asyncio.sleep(0.5)
            ended = True
            await asyncio.gather(*working)
            for worker in workers:
                await worker.close()
            await operator.close()
            recorder.close()
            assert cluster.crashes() == {}

    asyncio.run(run())
    history = History.read(tmp_path / "history.jsonl")
    failed = [f"{o.function} {o.error}" for o in history.operations if o.outcome is not Outcome.OK]
    assert not failed
    assert len(history.operations) > 200
    assert check(history, MODELS["cas-register"]()).verdict is Verdict.VALID
