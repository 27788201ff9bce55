"""What the harness runs out of is its own failure, and never the system's."""

import asyncio
import errno
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.clock import MILLISECOND_NS, SECOND_NS, RealClock, Stall
from harness.cluster import Unreachable
from harness.conduct import conduct
from harness.config import RunConfig
from harness.databases.channel import TcpChannel
from harness.environments.local import LocalCluster
from harness.errors import HarnessError, UsageError
from harness.preflight import descriptors_needed, make_room
from harness.shortage import shortage
from systems_under_test.requests import Request
from tests.harness.deployments import deployment
from tests.processes import ROOT

OWN = ("EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "EADDRNOTAVAIL", "ENOBUFS")


@pytest.fixture
def limits() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[0], before[1]))


@pytest.mark.parametrize("name", OWN)
def test_an_error_of_ones_own_is_no_unreachable_node(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(loop: Any, *arguments: Any, **more: Any) -> Any:
        raise OSError(getattr(errno, name), "as the kernel says")

    async def ask() -> None:
        channel = TcpChannel(RealClock(), {"n1": ("127.0.0.1", 1)})
        await channel.ask("n1", Request(0, 1, "read"), SECOND_NS)

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", refused)
    with pytest.raises(HarnessError, match=r"the harness ran out of .*: \w+") as raised:
        asyncio.run(ask())
    assert not isinstance(raised.value, Unreachable)


def test_errors_of_the_other_side_and_of_memory() -> None:
    assert shortage(ConnectionRefusedError(errno.ECONNREFUSED, "refused")) is None
    assert shortage(TimeoutError()) is None
    assert shortage(ValueError()) is None
    assert "memory" in str(shortage(MemoryError()))


def test_the_limit_of_open_files_is_raised_or_the_clients_refused(limits: None) -> None:
    config = RunConfig(system="raft", environment="local", clients=400)
    needed = descriptors_needed(config)
    assert needed > 1024
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    make_room(config)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == needed


def test_more_clients_than_open_files_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda what: (1024, 1024))
    config = RunConfig(system="raft", environment="local", clients=400)
    with pytest.raises(UsageError, match=r"400 clients and 5 nodes need \d+ open files.*1024"):
        conduct(config, tmp_path, lambda config, recorder: None)  # type: ignore[arg-type,return-value]
    assert not list(tmp_path.iterdir()), "nothing was begun"


@pytest.mark.local
def test_a_run_that_is_short_of_descriptors_fails_and_convicts_nobody(tmp_path: Path) -> None:
    """As long as the preflight errs: the limit is lowered after it, in a process of its own."""
    script = (
        "from resource import RLIMIT_NOFILE, setrlimit\n"
        "from harness import conduct\n"
        "from harness.cli import main\n"
        "conduct.make_room = lambda config: setrlimit(RLIMIT_NOFILE, (160, 160))\n"
        "main()\n"
    )
    line = "run raft --environment local --clients 60 --faults none --time-limit 3 --seed 4"
    done = subprocess.run(
        [sys.executable, "-c", script, *line.split(), "--store", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 255, done.stdout + done.stderr
    assert "the harness ran out of open files" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stall_of_the_event_loop_is_noted_and_taken_off() -> None:
    clock = RealClock()

    async def stalls() -> None:
        await asyncio.sleep(0.05)
        time.sleep(1.3)
        await asyncio.sleep(0.2)

    clock.run(stalls())
    (stall,) = clock.stalls
    assert 1.0 * SECOND_NS < stall.for_ns < 3 * SECOND_NS
    assert clock.stalled_ns(0) == stall.for_ns
    assert clock.stalled_ns(stall.at_ns + stall.for_ns) == 0
    half_ns = stall.for_ns // 2
    assert clock.stalled_ns(stall.at_ns + half_ns) == stall.for_ns - half_ns


def test_short_waits_are_no_stalls() -> None:
    clock = RealClock()

    async def works() -> None:
        for _ in range(20):
            time.sleep(0.01)
            await asyncio.sleep(0.01)

    clock.run(works())
    assert not [stall for stall in clock.stalls if stall.for_ns < SECOND_NS]
    assert Stall(0, MILLISECOND_NS).for_ns < SECOND_NS


@pytest.mark.local
def test_a_node_whose_disk_fails_is_a_failure_of_the_environment(tmp_path: Path) -> None:
    """A full disk ends a node as it should: that is not the system's fault."""

    async def scenario() -> None:
        cluster = LocalCluster(deployment("single", ["n1"], tmp_path))
        async with cluster:
            await cluster.kill(["n1"])
            journal = tmp_path / "data" / "n1" / "journal"
            journal.unlink()
            journal.mkdir()
            await cluster.start(["n1"])
            with pytest.raises(HarnessError, match="the disk of n1 failed"):
                cluster.crashes()

    asyncio.run(scenario())
