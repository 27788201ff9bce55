"""The ring as real processes: runs under faults, and nodes that leave and join under load."""

import asyncio
import time
from pathlib import Path
from random import Random

from checker.history import History
from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from harness.clock import SECOND_NS
from harness.cluster import NoAnswer, Unreachable
from harness.environments.tcp_cluster import TcpCluster
from harness.recorder import Recorder
from harness.worker import Worker
from systems_under_test.requests import OperatorRequest, Reply
from tests.harness.deployments import deployment
from workloads.register import RegisterCalls
from workloads.workload import Shape

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
        recorder = Recorder(tmp_path / "history.jsonl", cluster.clock)
        calls = RegisterCalls(Random(1), Shape(keys=8))
        ended = False
        async with cluster:
            workers = [
                Worker(number, 4, cluster, recorder, 2 * SECOND_NS, Random(number))
                for number in range(4)
            ]

            async def work(worker: Worker) -> None:
                while not ended:
                    await worker.make(calls.next(), calls)

            working = [asyncio.create_task(work(worker)) for worker in workers]
            await asyncio.sleep(0.5)
            assert await change_members(cluster, "remove-member", "n5") == ["n1", "n2", "n3", "n4"]
            await settled(cluster, NODES)
            await asyncio.sleep(0.5)
            assert await change_members(cluster, "add-member", "n5") == list(NODES)
            await settled(cluster, NODES)
            status = await cluster.status("n5")
            assert status is not None
            await asyncio.sleep(0.5)
            ended = True
            await asyncio.gather(*working)
            for worker in workers:
                await worker.close()
            recorder.close()
            moved: int = status.facts["moved"]
            return moved

    moved = asyncio.run(run())
    ideal = 3 * 1024 / 5
    assert moved <= 1.3 * ideal
    history = History.read(tmp_path / "history.jsonl")
    unsuccessful = [one for one in history.operations if one.outcome is not Outcome.OK]
    assert not unsuccessful, told(unsuccessful)
    assert len(history.operations) > 200
    assert check(history, MODELS["cas-register"]()).verdict is Verdict.VALID


def told(operations: list[Operation]) -> str:
    return ", ".join(f"{one.function} {one.outcome} {one.error}" for one in operations[:5])
