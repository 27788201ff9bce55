"""Clients that call a real cluster all the while, for tests of what is done to it meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from checker.history import History
from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.operation import Outcome
from checker.verdict import Verdict
from harness.clock import SECOND_NS
from harness.environments.tcp_cluster import TcpCluster
from harness.recorder import Recorder
from harness.worker import Worker
from workloads.register import RegisterCalls
from workloads.workload import Shape


@asynccontextmanager
async def under_load(cluster: TcpCluster, path: Path) -> AsyncIterator[None]:
    """Four clients read and write until the block ends; their history is written to `path`."""
    recorder = Recorder(path, cluster.clock)
    calls = RegisterCalls(Random(1), Shape(keys=8))
    workers = [
        Worker(number, 4, cluster, recorder, 2 * SECOND_NS, Random(number)) for number in range(4)
    ]
    ended = False

    async def work(worker: Worker) -> None:
        while not ended:
            await worker.make(calls.next(), calls)

    working = [asyncio.create_task(work(worker)) for worker in workers]
    await asyncio.sleep(0.5)
    yield
    await asyncio.sleep(0.5)
    ended = True
    await asyncio.gather(*working)
    for worker in workers:
        await worker.close()
    recorder.close()


def expect_all_served(path: Path) -> None:
    """Every operation succeeded in time, and they are linearizable."""
    history = History.read(path)
    failed = [
        f"{one.function} {one.outcome} {one.error}"
        for one in history.operations
        if one.outcome is not Outcome.OK
    ]
    assert not failed, failed[:5]
    assert len(history.operations) > 200
    assert check(history, MODELS["cas-register"]()).verdict is Verdict.VALID
