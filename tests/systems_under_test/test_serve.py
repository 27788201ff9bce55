"""Nodes as real processes, spoken to over raw sockets."""

import json
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from systems_under_test.connections import MAX_LINE
from systems_under_test.driver import Exit
from systems_under_test.journal import HEADER_SIZE, frame
from systems_under_test.requests import Request
from systems_under_test.wire import Codec

ROOT = Path(__file__).parents[2]
RAFT = "systems_under_test.raft.node:Raft"
IMPORT_PATH = f"{ROOT}:{ROOT / 'tests' / 'nodes'}"

pytestmark = pytest.mark.local


class Process:
    """One node process, and a socket to it."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        port: int | None = None,
        limit_file_size: int = resource.RLIM_INFINITY,
    ) -> None:
        self.port = port or free_port()
        self.log = folder / "log"
        command = [sys.executable, "-m", "systems_under_test.serve", "--system", "tiny_system:Tiny"]
        command += ["--node", "n1", "--listen", f"127.0.0.1:{self.port}"]
        command += ["--journal", str(folder / "journal"), *options]
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                command,
                stderr=log,
                stdin=subprocess.PIPE,
                env={"PYTHONPATH": IMPORT_PATH},
                preexec_fn=lambda: resource.setrlimit(
                    resource.RLIMIT_FSIZE, (limit_file_size,) * 2
                ),
            )

    def ready(self) -> "Process":
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.popen.poll() is None:
            try:
                self.connect().close()
            except OSError:
                time.sleep(0.02)
            else:
                return self
        raise AssertionError(self.log.read_text())

    def connect(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        made.settimeout(5)
        return made

    def ask(self, function: str, key: str = "", argument: Any = None) -> Any:
        with self.connect() as made:
            made.sendall(request(1, function, key, argument))
            return json.loads(read_line(made))

    def end(self) -> None:
        self.popen.kill()
        self.popen.wait()
        assert self.popen.stdin is not None
        self.popen.stdin.close()

    def logged(self, text: str) -> None:
        deadline = time.monotonic() + 5
        while text not in self.log.read_text():
            assert time.monotonic() < deadline, f"{text!r} is not in\n{self.log.read_text()}"
            time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def request(sequence: int, function: str, key: str = "", argument: Any = None) -> bytes:
    return Codec().encode(Request(0, sequence, function, key, argument))


def read_line(made: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        data = made.recv(65536)
        assert data, f"closed after {line!r}"
        line += data
    return line


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path).ready()
    yield process
    process.end()


def test_clients_read_and_write_lines_of_json(node: Process) -> None:
    assert node.ask("write", "a", [1, {"b": None}]) == {
        "type": "Reply",
        "sequence": 1,
        "result": [1, {"b": None}],
    }
    assert node.ask("read", "a")["result"] == [1, {"b": None}]
    assert node.ask("dance")["error"] == "bad-request"


def test_a_client_that_has_said_all_still_gets_its_answers(node: Process) -> None:
    with node.connect() as made:
        made.sendall(b"".join(request(number, "write", "a", number) for number in range(1, 51)))
        made.shutdown(socket.SHUT_WR)
        data = b""
        while more := made.recv(65536):
            data += more
    assert [json.loads(line)["result"] for line in data.splitlines()] == list(range(1, 51))


def test_one_sync_serves_many_writes(node: Process) -> None:
    with node.connect() as made:
        made.sendall(b"".join(request(number, "write", "a", number) for number in range(400)))
        made.shutdown(socket.SHUT_WR)
        while made.recv(65536):
            pass
    with node.connect() as made:
        made.sendall(b'{"type":"StatusRequest"}\n')
        status = json.loads(read_line(made))
    assert status["node"] == "n1"
    assert status["facts"]["role"] == "leader"
    assert status["counters"]["records"] == 400
    assert 1 <= status["counters"]["fsyncs"] < 100


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello\n", "the line is not JSON"),
        (b"\n", "the line is not JSON"),
        (b'{"type":"Beat","count":1}\n', "a Beat is not for clients to send"),
        (b'{"type":"Hello","source":"n9"}\n', "'n9' is not one of this node's peers"),
        (b"x" * (MAX_LINE + 2), f"a line of more than {MAX_LINE} bytes"),
    ],
)
def test_a_bad_line_closes_its_connection_only(node: Process, line: bytes, reason: str) -> None:
    with node.connect() as good, node.connect() as bad:
        try:
            bad.sendall(line)
            assert bad.recv(10) == b""
        except ConnectionError:
            pass
        node.logged(reason)
        good.sendall(request(1, "write", "a", 5))
        assert json.loads(read_line(good))["result"] == 5


def test_a_line_may_come_in_pieces(node: Process) -> None:
    line = request(1, "write", "a", "x" * 500_000)
    with node.connect() as made:
        for begin in range(0, len(line), 60_000):
            made.sendall(line[begin : begin + 60_000])
            time.sleep(0.002)
        assert json.loads(read_line(made))["result"] == "x" * 500_000


def test_a_client_that_reads_nothing_does_not_hold_up_the_others(node: Process) -> None:
    assert node.ask("write", "a", "x" * 1_000_000)["type"] == "Reply"
    with node.connect() as deaf:
        deaf.sendall(b"".join(request(number, "read", "a") for number in range(100)))
        node.logged("it does not read its answers")
        assert node.ask("write", "b", 5)["result"] == 5


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    acknowledged = 0
    for _ in range(3):
        process = Process(tmp_path).ready()
        assert process.ask("read", "a").get("result") in (acknowledged or None, acknowledged + 1)
        with process.connect() as made:
            for value in range(acknowledged + 1, acknowledged + 40):
                made.sendall(request(value, "write", "a", value))
                acknowledged = json.loads(read_line(made))["result"]
            made.sendall(request(0, "write", "a", acknowledged + 1))
            process.end()
    process = Process(tmp_path).ready()
    assert process.ask("read", "a")["result"] in (acknowledged, acknowledged + 1)
    process.end()


def test_a_torn_tail_is_logged_and_damage_ends_the_process(tmp_path: Path) -> None:
    process = Process(tmp_path).ready()
    for value in range(3):
        process.ask("write", "a", value)
    process.end()
    journal = tmp_path / "journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole + frame([b"never synced"])[:-3])
    process = Process(tmp_path).ready()
    process.logged("a torn tail of ")
    assert process.ask("read", "a")["result"] == 2
    process.end()
    place = HEADER_SIZE + 20
    for damaged in (whole[:place] + b"?" + whole[place + 1 :], whole[:place]):
        journal.write_bytes(damaged)
        process = Process(tmp_path)
        assert process.popen.wait(10) == Exit.JOURNAL_DAMAGED
        process.logged(f"journal is damaged at byte {HEADER_SIZE}: it was synced up to byte")
        process.end()


def test_a_broken_invariant_is_a_finding(node: Process) -> None:
    with node.connect() as made:
        made.sendall(request(1, "break"))
        assert made.recv(10) == b""
    assert node.popen.wait(10) == Exit.INVARIANT_BROKEN
    node.logged("AssertionError: two leaders in one term")
    node.logged("stopping with status 70: a broken invariant, found at Received")


def test_sigterm_and_the_end_of_the_parent_stop_it_cleanly(tmp_path: Path) -> None:
    process = Process(tmp_path).ready()
    process.popen.send_signal(signal.SIGTERM)
    assert process.popen.wait(5) == Exit.CLEAN
    process.end()
    process = Process(tmp_path, "--exit-with-parent").ready()
    assert process.popen.stdin is not None
    process.popen.stdin.close()
    assert process.popen.wait(5) == Exit.CLEAN
    process.logged("the parent process has ended")


def test_a_port_taken_is_one_clear_line(node: Process, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Process(tmp_path / "other", port=node.port)
    assert other.popen.wait(10) == Exit.ADDRESS_TAKEN
    other.logged(f"cannot listen on 127.0.0.1:{node.port}")
    assert "Traceback" not in other.log.read_text()
    other.end()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--system", "nowhere:Node"], "no system 'nowhere:Node': No module named 'nowhere'"),
        (["--system", "tiny_system"], "no system 'tiny_system'"),
        (["--system", "tiny_system:Beat"], "is not a class of nodes"),
        (["--listen", "7000"], "'7000' is not HOST:PORT"),
        (["--peer", "n2"], "is not HOST:PORT"),
        (["--members", "n1"], "tiny_system:Tiny has no membership: leave --members out"),
        (["--system", RAFT, "--members", "n1,n9"], "--members names n9, which no --peer is"),
    ],
)
def test_wrong_arguments_are_one_clear_sentence(
    tmp_path: Path, options: list[str], words: str
) -> None:
    process = Process(tmp_path, *options)
    assert process.popen.wait(10) == 2
    process.logged(words)
    assert "Traceback" not in process.log.read_text()
    process.end()


def test_peers_hear_each_other_again_after_a_restart(tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = Process(tmp_path / "one", "--peer", f"n2=127.0.0.1:{ports[1]}", port=ports[0]).ready()
    options = ("--node", "n2", "--peer", f"n1=127.0.0.1:{ports[0]}")
    for _ in range(2):
        two = Process(tmp_path / "two", *options, port=ports[1]).ready()
        deadline = time.monotonic() + 2
        while not two.ask("heard", "n1")["result"]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        two.end()
    one.end()


def test_a_write_that_fails_ends_the_process_and_promises_nothing(tmp_path: Path) -> None:
    process = Process(tmp_path, limit_file_size=5000).ready()
    acknowledged = 0
    with process.connect() as made:
        try:
            for value in range(1, 100):
                made.sendall(request(value, "write", "a", [value, "x" * 200]))
                acknowledged = json.loads(read_line(made))["result"][0]
        except (AssertionError, ConnectionError):
            pass
    assert 0 < acknowledged < 30
    assert process.popen.wait(5) == Exit.JOURNAL_FAILED
    process.logged("File too large; the node stops")
    process.end()
    process = Process(tmp_path).ready()
    assert process.ask("read", "a")["result"][0] in (acknowledged, acknowledged + 1)
    process.end()
