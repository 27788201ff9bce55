"""Clusters of real processes: every control does what it says, and nothing is left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from harness.clock import SECOND_NS
from harness.cluster import NoAnswer, NodeState, Unreachable
from harness.environments.disks import disks_work
from harness.environments.docker import DockerCluster, engine_answers
from harness.environments.lab import namespaces_work
from harness.environments.leftovers import Leftover, find_leftovers, remove_leftovers
from harness.environments.local import LocalCluster
from harness.environments.namespaces import NamespaceCluster
from harness.environments.owner import Owner, process_began, this_process
from harness.environments.tcp_cluster import TcpCluster
from harness.errors import EnvironmentFailed
from systems_under_test.requests import Refusal, Reply, Request
from tests.harness.deployments import deployment
from tests.harness.marks import expect_nothing_left, things_of

NODES = ("n1", "n2", "n3")
TESTS = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def tiny_system_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(TESTS / "nodes"))


def cluster_of(
    kind: type[TcpCluster], folder: Path, system: str = "tiny_system:Tiny"
) -> TcpCluster:
    return kind(deployment(system, NODES, folder))


class Asker:
    """One process's questions to a cluster."""

    def __init__(self, cluster: TcpCluster) -> None:
        self.cluster = cluster
        self.channel = cluster.channel(0)
        self.sequence = 0

    async def ask(self, node: str, function: str, key: str = "", argument: Any = None) -> Any:
        self.sequence += 1
        until_ns = self.cluster.clock.now_ns() + SECOND_NS // 2
        request = Request(0, self.sequence, function, key, argument)
        answer = await self.channel.ask(node, request, until_ns)
        assert isinstance(answer, Reply), answer
        return answer.result

    async def hears(self, node: str, source: str, within_s: float = 0.0) -> bool:
        """Whether the node hears new beats of the source, now or within that time."""
        deadline = time.monotonic() + within_s
        while True:
            before = await self.ask(node, "heard", source)
            await asyncio.sleep(0.15)
            if await self.ask(node, "heard", source) != before:
                return True
            if time.monotonic() > deadline:
                return False


def with_cluster(
    kind: type[TcpCluster], folder: Path, test: Callable[[TcpCluster, Asker], Awaitable[None]]
) -> None:
    async def scenario() -> None:
        async with cluster_of(kind, folder) as cluster:
            asker = Asker(cluster)
            await test(cluster, asker)
            await asker.channel.close()

    asyncio.run(scenario())


def test_nodes_serve_and_tell_of_themselves(kind: type[TcpCluster], tmp_path: Path) -> None:
    async def test(cluster: TcpCluster, asker: Asker) -> None:
        for node in NODES:
            assert await asker.ask(node, "write", "a", node) == node
        assert [await asker.ask(node, "read", "a") for node in NODES] == list(NODES)
        until_ns = cluster.clock.now_ns() + SECOND_NS
        refusal = await asker.channel.ask("n1", Request(0, 99, "dance"), until_ns)
        assert refusal == Refusal(99, "bad-request")
        assert await cluster.leader() == "n1"
        status = await cluster.status("n2")
        assert status is not None
        assert status.node == "n2"
        assert status.counters["records"] == 1
        assert cluster.crashes() == {}
        assert set(cluster.describe()["addresses"]) == set(NODES)

    with_cluster(kind, tmp_path, test)
    assert not (tmp_path / "data").exists()


def test_a_killed_node_is_unreachable_and_comes_back_with_what_it_persisted(
    kind: type[TcpCluster], tmp_path: Path
) -> None:
    async def test(cluster: TcpCluster, asker: Asker) -> None:
        await asker.ask("n1", "write", "a", 5)
        await cluster.kill(["n1"])
        await cluster.kill(["n1"])
        assert cluster.state("n1") == NodeState(running=False)
        assert await cluster.status("n1") is None
        with pytest.raises(Unreachable):
            await cluster.channel(1).ask("n1", Request(0, 1, "read", "a"), SECOND_NS * 100)
        assert cluster.crashes() == {}
        await cluster.start(NODES)
        assert cluster.state("n1") == NodeState()
        await asyncio.sleep(0)
        assert await Asker(cluster).ask("n1", "read", "a") == 5

    with_cluster(kind, tmp_path, test)


def test_a_paused_node_answers_late_and_forgets_nothing(
    kind: type[TcpCluster], tmp_path: Path
) -> None:
    async def test(cluster: TcpCluster, asker: Asker) -> None:
        await asker.ask("n1", "write", "a", 5)
        await cluster.pause(["n1"])
        assert cluster.state("n1") == NodeState(paused=True)
        assert await cluster.status("n1") is None
        with pytest.raises(NoAnswer):
            await asker.ask("n1", "write", "a", 6)
        await cluster.resume(NODES)
        assert cluster.state("n1") == NodeState()
        # The write may take effect late, but is never the answer to another request.
        assert await asker.ask("n1", "read", "b") is None
        await cluster.pause(["n2"])
        await cluster.kill(["n2"])
        assert cluster.state("n2") == NodeState(running=False)
        await cluster.pause(["n3"])  # Closing must end a paused node as well.

    with_cluster(kind, tmp_path, test)


def test_a_node_that_is_killed_and_paused_at_once_is_no_crash(
    kind: type[TcpCluster], tmp_path: Path
) -> None:
    """Faults of several families meet; what comes of it must not be laid to the system's charge."""

    async def test(cluster: TcpCluster, asker: Asker) -> None:
        async def pause_after(seconds: float) -> None:
            await asyncio.sleep(seconds)
            await cluster.pause(NODES)

        for seconds in (0.0, 0.01, 0.02, 0.04, 0.08, 0.16):
            await asyncio.gather(cluster.kill(NODES), pause_after(seconds))
            assert {cluster.state(node).running for node in NODES} == {False}
            assert cluster.crashes() == {}
            await asyncio.gather(cluster.resume(NODES), cluster.start(NODES))
            assert {cluster.state(node) for node in NODES} == {NodeState()}
            assert cluster.crashes() == {}

    with_cluster(kind, tmp_path, test)


def test_links_are_cut_one_way_and_mend_at_once(kind: type[TcpCluster], tmp_path: Path) -> None:
    async def test(cluster: TcpCluster, asker: Asker) -> None:
        assert await asker.hears("n2", "n1", within_s=2)
        for cut_s in (0.0, 1.5):  # The second outlives the connections.
            await cluster.cut([("n1", "n2")])
            await cluster.cut([("n3", "n1")])
            assert not await asker.hears("n2", "n1")
            assert not await asker.hears("n1", "n3")
            await asyncio.sleep(cut_s)
            assert not await asker.hears("n2", "n1")
            assert await asker.hears("n1", "n2")
            assert await asker.hears("n3", "n1")
            await cluster.mend(but=[("n3", "n1")])
            assert await asker.hears("n2", "n1", within_s=1)
            assert not await asker.hears("n1", "n3")
            await cluster.mend()
            assert await asker.hears("n1", "n3", within_s=1)

    with_cluster(kind, tmp_path, test)


def test_a_node_that_ends_by_itself_is_a_crash_with_its_last_words(
    kind: type[TcpCluster], tmp_path: Path
) -> None:
    async def test(cluster: TcpCluster, asker: Asker) -> None:
        with pytest.raises(NoAnswer):
            await asker.ask("n2", "break")
        deadline = time.monotonic() + 5
        while not cluster.crashes():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        # Faults that aim at it do no harm, and do not hide what happened.
        for control in (cluster.pause, cluster.resume, cluster.kill, cluster.start):
            await control(["n2"])
        words = cluster.crashes()
        assert list(words) == ["n2"]
        assert "exit status 70" in words["n2"]
        assert "AssertionError: two leaders in one term" in words["n2"]
        files = await cluster.collect_logs(tmp_path / "logs")
        assert [file.name for file in files] == ["n1.log", "n2.log", "n3.log"]
        assert "AssertionError" in files[1].read_text()

    with_cluster(kind, tmp_path, test)


def test_many_processes_ask_at_once(kind: type[TcpCluster], tmp_path: Path) -> None:
    async def test(cluster: TcpCluster, asker: Asker) -> None:
        async def worker(process: int) -> None:
            asker = Asker(cluster)
            for count in range(30):
                value = [process, count]
                assert await asker.ask("n1", "write", f"k{process}", value) == value
                assert await asker.ask("n1", "read", f"k{process}") == value
            await asker.channel.close()

        await cluster.clock.together(*(worker(process) for process in range(20)))

    with_cluster(kind, tmp_path, test)


def test_a_node_that_cannot_start_is_one_sentence_and_leaves_nothing(
    kind: type[TcpCluster], tmp_path: Path
) -> None:
    cluster = cluster_of(kind, tmp_path)
    cluster.database.python = "tiny_system:Beat"
    with pytest.raises(EnvironmentFailed, match="is not a class of nodes"):
        asyncio.run(cluster.open())
    assert not (tmp_path / "data").exists()
    assert things_of(this_process("")) == []


@pytest.mark.local
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFailed, match=r"Not a directory.*choose another folder"):
        asyncio.run(cluster_of(LocalCluster, tmp_path / "file").open())


def test_an_interrupted_run_leaves_nothing(kind: type[TcpCluster], tmp_path: Path) -> None:
    async def test(cluster: TcpCluster, asker: Asker) -> None:
        await cluster.pause(["n1"])
        await cluster.cut([("n1", "n2")])
        assert things_of(this_process(""))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with_cluster(kind, tmp_path, test)
    assert things_of(this_process("")) == []


HARNESS = """
import asyncio, sys
from pathlib import Path
from harness.cluster import Capability
from harness.conditions import Conditions
from tests.harness.deployments import deployment
from {module} import {name}

async def main():
    made = [Path(sys.argv[1]), (), [Capability.POWER, Capability.PACKET, Capability.CLOCK]]
    cluster = {name}(deployment("tiny_system:Tiny", ["n1", "n2", "n3"], *made))
    await cluster.open()
    able = cluster.capabilities
    await cluster.pause(["n1"])
    await (cluster.lose_power if Capability.POWER in able else cluster.kill)(["n2"])
    await cluster.cut([("n1", "n3")])
    if Capability.PACKET in able:
        await cluster.disturb({{("n3", "n1"): Conditions(loss=0.5)}})
    if Capability.CPU in able:
        await cluster.limit_processors(["n3"], 0.05)
    await cluster.skew({{"n3": 60_000_000_000}})
    print("ready", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def killed_harness(folder: Path, kind: type[TcpCluster]) -> Owner:
    """Start a harness that opens a cluster, kill it with SIGKILL, and return whose run it was."""
    harness = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HARNESS.format(module=kind.__module__, name=kind.__name__),
            str(folder),
        ],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(TESTS.parent)])},
    )
    assert harness.stdout is not None
    assert harness.stdout.readline() == b"ready\n"
    owner = Owner(
        run="",
        host=this_process("").host,
        boot=this_process("").boot,
        space=this_process("").space,
        pid=harness.pid,
        began=process_began(harness.pid),
    )
    assert owner.alive()
    harness.send_signal(signal.SIGKILL)
    harness.wait()
    harness.stdout.close()
    assert not owner.alive()
    return owner


@pytest.mark.local
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills the children of the dead")
@pytest.mark.parametrize("kind", [LocalCluster, NamespaceCluster])
def test_nodes_of_a_killed_harness_die_with_it(kind: type[TcpCluster], tmp_path: Path) -> None:
    """Whatever faults were in force; `clean` has but folders of control groups to remove."""
    if kind is NamespaceCluster and not namespaces_work():
        pytest.skip("no namespaces can be made here")
    owner = killed_harness(tmp_path, kind)
    expect_nothing_left(owner)
    assert {one.kind for one in of_harness(owner, remove_leftovers())} <= {"group"}
    assert not of_harness(owner, find_leftovers())
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


def of_harness(owner: Owner, found: Iterable[Leftover]) -> list[Leftover]:
    return [one for one in found if (one.owner.pid, one.owner.began) == (owner.pid, owner.began)]


@pytest.mark.docker
def test_the_next_run_removes_the_containers_of_a_killed_harness(tmp_path: Path) -> None:
    if not engine_answers():
        pytest.skip("no Docker engine answers")

    async def nothing(cluster: TcpCluster, asker: Asker) -> None:
        assert things_of(owner) == []
        assert not of_harness(owner, find_leftovers())

    owner = killed_harness(tmp_path / "one", DockerCluster)
    if disks_work():
        assert {"disk", "rule"} <= {one.kind for one in of_harness(owner, find_leftovers())}
    assert len(things_of(owner)) >= 7
    with_cluster(DockerCluster, tmp_path / "two", nothing)


@pytest.mark.local
@pytest.mark.skipif(sys.platform != "linux", reason="marks of processes are read from /proc")
def test_leftovers_of_the_dead_are_removed_and_those_of_the_living_are_not() -> None:
    dead = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mine = this_process("abc")
    theirs = Owner("def", mine.host, mine.boot, mine.space, dead.pid, process_began(dead.pid))
    dead.kill()
    dead.communicate()
    sleepers = []
    for owner in (mine, theirs):
        assert Owner.parse(owner.text()) == owner
        environment = {**os.environ, "LABRYS_OWNER": owner.text()}
        sleepers.append(subprocess.Popen(["sleep", "60"], env=environment))
    sleepers[1].send_signal(signal.SIGSTOP)
    time.sleep(0.05)
    found = [leftover for leftover in find_leftovers() if leftover.owner == theirs]
    assert [(leftover.kind, leftover.name) for leftover in found] == [
        ("process", str(sleepers[1].pid))
    ]
    assert [left for left in remove_leftovers() if left.owner == theirs] == found
    assert sleepers[1].wait(5) == -signal.SIGKILL
    assert sleepers[0].poll() is None
    sleepers[0].kill()
    sleepers[0].wait()
