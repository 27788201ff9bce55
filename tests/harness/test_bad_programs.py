"""A program that misbehaves is one sentence with its last words, and nothing of it is left."""

import socket
from pathlib import Path

import pytest

from harness.clock import RealClock
from harness.database import Argv, Database, Deployment, Place
from harness.environments import log_files
from harness.environments.lab import namespaces_work
from harness.environments.local import LocalCluster
from harness.environments.marks import marked
from harness.environments.namespaces import NamespaceCluster
from harness.environments.processes import ProcessCluster
from harness.errors import EnvironmentFailed

SERVES = """
import socket, sys, time
sys.stderr.write("I begin\\n")
{before}
listening = socket.create_server((sys.argv[1], int({port})))
{after}
while True:
    listening.accept()[0].close()
"""


class Program(Database):
    """A node of some lines of Python, or of a command."""

    ports = (4000,)
    start_limit_s = 1.5

    def __init__(self, command: Argv | None = None, **parts: str) -> None:
        parts = {"before": "", "after": "", "port": "sys.argv[2]", **parts}
        self.words = command or ["python3", "-S", "-c", SERVES.format(**parts)]

    def command(self, at: Place) -> Argv:
        return [*self.words, at.host, str(at.ports[0])]


@pytest.fixture(
    params=[
        pytest.param(LocalCluster, id="local"),
        pytest.param(
            NamespaceCluster,
            id="namespaces",
            marks=pytest.mark.skipif(not namespaces_work(), reason="no namespaces here"),
        ),
    ]
)
def kind(request: pytest.FixtureRequest) -> type[ProcessCluster]:
    found: type[ProcessCluster] = request.param
    return found


pytestmark = pytest.mark.local


def opened(kind: type[ProcessCluster], database: Database, folder: Path) -> Path:
    """Open a cluster of one such node, and close it; its log."""
    deployment = Deployment(
        database=database, nodes=("n1",), seed=1, folder=folder / "nodes", clock=RealClock()
    )
    deployment.folder.mkdir()
    cluster = kind(deployment)

    async def run() -> None:
        async with cluster:
            assert cluster.crashes() == {}

    try:
        cluster.clock.run(run())
    finally:
        assert not marked(cluster.mark)
        assert not (folder / "nodes" / "data").exists()
    return folder / "nodes" / "n1.log"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (Program(["./nothing"]), r"\./nothing"),
        (
            Program(["sh", "-c", "echo I am not well; exit 3"]),
            r"ended at its start \(exit status 3\): I am not well: see to that first",
        ),
        (
            Program(["sh", "-c", "setsid sleep 61 & exit 0"]),
            "it left with exit status 0: a node must stay in the foreground",
        ),
        (
            Program(before="time.sleep(60)"),
            r"was not ready within 1.5 s of its start: I begin",
        ),
    ],
)
def test_a_program_that_does_not_start(
    kind: type[ProcessCluster], tmp_path: Path, program: Program, words: str
) -> None:
    with pytest.raises(EnvironmentFailed, match=words):
        opened(kind, program, tmp_path)


class Unprepared(Program):
    def prepare(self, at: Place) -> None:
        raise ValueError("there is no template")


class Nameless(Program):
    def command(self, at: Place) -> Argv:
        return 7  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("database", "words"),
    [
        (Unprepared(), "Unprepared cannot prepare n1 .*: ValueError: there is no template; mend"),
        (Nameless(), "command.. of Nameless gives 7: give a list of words"),
    ],
)
def test_a_class_that_fails_is_one_sentence(
    kind: type[ProcessCluster], database: Program, words: str, tmp_path: Path
) -> None:
    with pytest.raises(EnvironmentFailed, match=words):
        opened(kind, database, tmp_path)


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(EnvironmentFailed, match=r"exit status 1.*Address already in use"):
            opened(LocalCluster, Program(port=port), tmp_path)


def test_a_program_may_listen_late(kind: type[ProcessCluster], tmp_path: Path) -> None:
    assert (
        opened(kind, Program(before="time.sleep(0.4)"), tmp_path).read_text().startswith("I begin")
    )


def test_a_flood_of_logs_is_cut_short(kind: type[ProcessCluster], tmp_path: Path) -> None:
    flood = "for _ in range(50): sys.stderr.write('x' * (1 << 20))\nsys.stderr.write('done\\n')"
    program = Program(before=flood)
    program.start_limit_s = 20.0  # type: ignore[misc]
    log = opened(kind, program, tmp_path)
    assert log.stat().st_size < log_files.BYTES_MAX + 1_000
    text = log.read_text()
    assert text.startswith("I begin")
    assert "bytes were cut out here" in text
    assert "done\n" in text


def test_no_rights_for_namespaces_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where neither root nor user namespaces are to be had, the kernel refuses."""

    class Kernel:
        def unshare(self, *_: int) -> int:
            return -1

        setns = unshare

    monkeypatch.setattr("harness.environments.lab.ctypes.CDLL", lambda *_, **__: Kernel())
    with pytest.raises(EnvironmentFailed, match=r"sysctl kernel\.unprivileged_userns_clone=1"):
        opened(NamespaceCluster, Program(), tmp_path)
