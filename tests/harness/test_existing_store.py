"""A store that runs already is called and judged, and struck only by commands of its own."""

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.remote import Store
from harness.clock import RealClock
from harness.config import RunConfig
from harness.database import Database, Deployment, Faults
from harness.environments.existing import ExistingCluster
from harness.errors import EnvironmentFailed, UsageError
from tests.processes import ROOT

PROGRAM = ROOT / "tests" / "nodes" / "kept_store.py"

pytestmark = pytest.mark.local

CONTROL = '''
"""Kills or starts a node: kill n1, start n1."""
import os, signal, subprocess, sys, pathlib

what, node = sys.argv[1:]
folder = pathlib.Path(__file__).parent
pid = folder / (node + ".pid")
if what == "kill":
    os.kill(int(pid.read_text()), signal.SIGKILL)
else:
    command = (folder / (node + ".command")).read_text().split()
    pid.write_text(str(subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL).pid))
'''


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Callable[[bool], list[int]]]:
    """Starts three nodes, of one mind or each of its own; their ports."""
    (tmp_path / "control.py").write_text(CONTROL)

    def begin(of_one_mind: bool) -> list[int]:
        ports = free_ports(3)
        for number, port in enumerate(ports, start=1):
            mine, first = f"127.0.0.1:{port}", f"127.0.0.1:{ports[0]}"
            primary = first if of_one_mind else mine
            words = [sys.executable, str(PROGRAM), mine, primary, f"values{number}"]
            (tmp_path / f"n{number}.command").write_text(" ".join(words))
            control = [sys.executable, "control.py", "start", f"n{number}"]
            subprocess.run(control, cwd=tmp_path, check=True)
        return ports

    yield begin
    for file in tmp_path.glob("n?.pid"):
        os.kill(int(file.read_text()), signal.SIGKILL)


def labrys(
    folder: Path, line: str, ports: list[int], **variables: str
) -> "subprocess.CompletedProcess[str]":
    addresses = ",".join(f"127.0.0.1:{port}" for port in ports)
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "STORE": addresses, **variables}
    words = f"run examples.remote:Store --environment existing --seed 1 {line}"
    return subprocess.run(
        [sys.executable, "-m", "harness", *shlex.split(words)],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_store_is_judged_twice_and_killed_by_its_own_commands(
    store: Callable[[bool], list[int]], tmp_path: Path
) -> None:
    """The same seed draws the same keys, which the store has kept: they must not be mistaken."""
    ports = store(True)
    control = f"{sys.executable} control.py"
    first = labrys(tmp_path, "--time-limit 1 --rate 100", ports)
    assert first.returncode == 0, first.stdout + first.stderr
    kills = {"KILL": f"{control} kill {{node}}", "START": f"{control} start {{node}}"}
    line = "--faults kill-one --fault-interval 1 --time-limit 3 --rate 100 --operation-timeout 4"
    second = labrys(tmp_path, line, ports, **kills)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "kill" in second.stdout


@pytest.mark.deep
def test_nodes_that_know_nothing_of_each_other_are_convicted(
    store: Callable[[bool], list[int]], tmp_path: Path
) -> None:
    done = labrys(tmp_path, "--time-limit 2 --rate 100", store(False))
    assert done.returncode == 1, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "addresses", "faults", "words"),
    [
        (
            {"faults": ["partition"]},
            ["a:1", "b:1"],
            Faults(),
            "gives no command to cut; give its class",
        ),
        ({"faults": ["kill"]}, ["a:1"], Faults(kill="true"), "gives no command to kill"),
        ({"nodes": 5}, ["a:1", "b:2"], Faults(), "cannot differ from the 2 addresses given"),
        ({}, [], Faults(), "give its class those of the running nodes"),
        ({}, ["localhost"], Faults(), "each as host:port"),
        ({"system": "raft"}, [], Faults(), "has addresses"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    addresses: list[str],
    faults: Faults,
    words: str,
) -> None:
    monkeypatch.setattr(Store, "addresses", tuple(addresses))
    monkeypatch.setattr(Store, "faults", faults)
    asked = {"system": "examples.remote:Store", "environment": "existing", **options}
    with pytest.raises(UsageError, match=words):
        RunConfig.asked(asked)


class Listening(Store):
    """One node that takes connections, or none."""

    start_limit_s = 0.3

    def __init__(self, port: int, **faults: str) -> None:
        self.addresses = (f"127.0.0.1:{port}",)
        self.faults = Faults(**faults)


def killed(database: Database, folder: Path) -> None:
    """Open a cluster of that one node, and kill it."""
    clock = RealClock()
    deployment = Deployment(database=database, nodes=("n1",), seed=1, folder=folder, clock=clock)

    async def run() -> None:
        async with ExistingCluster(deployment) as cluster:
            await cluster.kill(["n1"])

    clock.run(run())


def test_a_store_that_does_not_run_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailed, match=r"within 0\.3 s: start the store, or correct the"):
        killed(Listening(free_ports(1)[0]), tmp_path)


@pytest.mark.parametrize(
    ("kill", "words"),
    [
        ("./nothing", "cannot be run: No such file"),
        ("sh -c 'echo I may not; exit 3'", "ended with status 3: I may not: correct it"),
        ("echo {nod}", "cannot be filled in"),
        ("true", "goes on living"),
    ],
)
def test_a_command_that_fails_is_one_sentence(tmp_path: Path, kill: str, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        database = Listening(listening.getsockname()[1], kill=kill, start="true")
        with pytest.raises(EnvironmentFailed, match=words):
            killed(database, tmp_path)


@pytest.mark.deep
def test_a_killed_node_may_take_a_moment_to_end(tmp_path: Path) -> None:
    """A command that kills returns when the signal was sent."""
    program = "import socket, time; s = socket.create_server(('127.0.0.1', {})); time.sleep(60)"
    (port,) = free_ports(1)
    with subprocess.Popen([sys.executable, "-c", program.format(port)]) as node:
        late = f"sh -c '(sleep 0.3; kill -9 {node.pid}) >/dev/null 2>&1 &'"
        database = Listening(port, kill=late, start="true")
        database.start_limit_s = 10
        killed(database, tmp_path)
        assert node.wait(timeout=10) == -signal.SIGKILL
