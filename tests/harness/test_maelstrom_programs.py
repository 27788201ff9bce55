"""Programs that speak Maelstrom's protocol are run, convicted, and refused in one sentence."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.clock import SECOND_NS, RealClock
from harness.database import Deployment
from harness.databases.maelstrom import CommandLine, protocol
from harness.environments import log_files
from harness.environments.maelstrom import MaelstromCluster
from harness.environments.marks import marked
from harness.environments.message_log import read_messages
from harness.environments.switchboard import Weather
from harness.errors import HarnessError
from harness.store import RunDirectory
from systems_under_test.requests import Reply, Request
from tests import processes
from tests.processes import ROOT, start

NODE = f"{sys.executable} {ROOT}/tests/nodes/maelstrom_node.py"

pytestmark = pytest.mark.local


def labrys(
    folder: Path, *words: str, program: str = "", seed: int = 1
) -> "subprocess.CompletedProcess[str]":
    words = (*words, "--program", program) if program else words
    line = ["run", *words, "--environment", "maelstrom", "--seed", str(seed), "--rate", "100"]
    return processes.labrys(shlex.join(line), folder, PWD=str(folder))


def run_of(folder: Path) -> RunDirectory:
    """The last one."""
    return RunDirectory(max(folder.glob("store/*/*")))


@pytest.mark.deep
def test_raft_keeps_its_promise_on_a_bad_network(tmp_path: Path) -> None:
    bad = ("--loss", "5", "--duplicates", "5", "--latency", "0.002", "--keys", "2")
    words = ("examples.maelstrom_raft:Raft", "--nodes", "3", "--time-limit", "6", *bad)
    for seed in (1, 2, 3):
        done = labrys(tmp_path, *words, seed=seed)
        assert done.returncode != 1, done.stdout + done.stderr
        if done.returncode == 0:  # A machine that is busy may leave too little to judge.
            break
    assert done.returncode == 0, done.stdout + done.stderr
    cluster = json.loads((run_of(tmp_path).path / "run.json").read_text())["cluster"]
    assert cluster["messages"]["lost"] > 0
    assert cluster["messages"]["doubled"] > 0
    assert not cluster["leaders"] or "most messages" in str(cluster["leaders"])


@pytest.mark.deep
def test_stale_reads_are_convicted_and_their_messages_drawn(tmp_path: Path) -> None:
    words = ("examples.maelstrom_raft:Stale", "--nodes", "3", "--faults", "isolate-leader")
    many = ("--reads", "80", "--keys", "1", "--time-limit", "9")
    for seed in (1, 2, 3):
        done = labrys(tmp_path, *words, *many, seed=seed)
        if done.returncode == 1:
            break
    assert done.returncode == 1, done.stdout + done.stderr
    directory = run_of(tmp_path)
    messages = json.loads((directory.path / "messages.json").read_text())["messages"]
    assert {"read", "read_ok", "AppendEntries"} <= {message["kind"] for message in messages}
    assert any(message["lost"] == "cut" for message in messages)
    assert {"n1", "n2", "n3"} <= {message["source"] for message in messages}
    assert any(message["source"].startswith("process ") for message in messages)
    page = directory.report.read_text()
    assert "Messages" in page
    assert "Why operations stayed in doubt" in page
    assert "-m examples.maelstrom_raft systems_under_test.raft.flawed:RaftStaleReads" in page


@pytest.mark.parametrize(
    ("workload", "kind", "status"),
    [
        pytest.param("g-set", "set", 0, marks=pytest.mark.deep),
        ("broadcast", "set-alone", 1),
        pytest.param("pn-counter", "counter", 0, marks=pytest.mark.deep),
    ],
)
def test_what_is_promised_for_the_end(
    tmp_path: Path, workload: str, kind: str, status: int
) -> None:
    words = ("--workload", workload, "--nodes", "3", "--time-limit", "3", "--recovery-limit", "2")
    done = labrys(tmp_path, *words, program=f"{NODE} {kind}")
    assert done.returncode == status, done.stdout + done.stderr
    assert ("in the end n" in done.stdout) == bool(status)
    assert "by final reads" in done.stdout
    wanted = "What is wrong" if status else "Valid: in the end every node had everything"
    assert wanted in run_of(tmp_path).report.read_text()


def ask(folder: Path, program: str, request: Request, workload: str = "register") -> Any:
    """What a cluster of one such node answers."""
    database = CommandLine(program)
    database.start_limit_s = 1.0  # type: ignore[misc]
    deployment = Deployment(
        database=database, nodes=("n1",), seed=1, folder=folder / "nodes", clock=RealClock()
    )
    deployment.folder.mkdir()
    cluster = MaelstromCluster(deployment, protocol(workload), Weather(), folder / "messages.jsonl")

    async def one() -> Any:
        async with cluster:
            until_ns = cluster.clock.now_ns() + 20 * SECOND_NS
            return await cluster.channel(0).ask("n1", request, until_ns)

    try:
        return cluster.clock.run(one())
    finally:
        assert not marked(cluster.mark)


READ = Request(0, 1, "read", "x")


def test_a_shell_script_is_a_program_too(tmp_path: Path) -> None:
    request = Request(0, 1, "echo", "x", "please echo 7")
    answer = ask(tmp_path, f"{ROOT}/tests/nodes/echo.sh", request, "echo")
    assert answer == Reply(1, "please echo 7")


def test_nodes_may_ask_the_services(tmp_path: Path) -> None:
    """This one leaves all it is asked to `lin-kv`."""
    assert ask(tmp_path, f"{NODE} proxy", Request(0, 1, "write", "x", 5)) == Reply(1, 5)
    messages = [entry for entry in read_messages(tmp_path / "messages.jsonl") if "kind" in entry]
    ends = [(entry["source"], entry["target"], entry["kind"]) for entry in messages[2:]]
    assert ends == [
        ("process 0", "n1", "write"),
        ("n1", "lin-kv", "write"),
        ("lin-kv", "n1", "write_ok"),
        ("n1", "process 0", "write_ok"),
    ]


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("./nothing", "No such file or directory: ./nothing: install what is missing"),
        (f"{ROOT}/README.md", "Permission denied"),
        (f"{NODE} dies", "ended at its start (exit status 1): I am not well"),
        ("true", "it left with exit status 0: a node must stay in the foreground"),
        ("sh -c 'sleep 61 & exit 0'", "a node must stay in the foreground"),
        (f"{NODE} silent", "did not answer 'init' within 1 s: I hear nothing"),
        (f"{NODE} garbage", "Hello, world!'; its log ends with: I begin: write messages alone to"),
        (f"{NODE} liar", "sent a message as 'n7'"),
        (f"{NODE} wrong", "answer read_ok with 'value'"),
    ],
)
def test_a_program_that_does_not_speak_it_is_one_sentence(
    tmp_path: Path, program: str, words: str
) -> None:
    with pytest.raises(HarnessError) as failed:
        ask(tmp_path, program, READ)
    assert words in str(failed.value)


def test_the_command_line_says_it_in_a_line(tmp_path: Path) -> None:
    done = labrys(tmp_path, "--nodes", "1", program=f"{NODE} garbage")
    assert done.returncode == 255
    assert done.stderr.count("\n") == 1
    assert "wrote what is not a message" in done.stderr


def test_a_node_that_floods_its_log_does_not_fill_the_disk(tmp_path: Path) -> None:
    assert ask(tmp_path, f"{NODE} floods", READ) == Reply(1, None)
    log = tmp_path / "nodes" / "n1.log"
    assert log.stat().st_size < log_files.BYTES_MAX + 1_000
    text = log.read_text()
    assert text.startswith("I begin")
    assert "bytes were cut out here]" in text
    assert text.endswith("I am done\n")


@pytest.mark.parametrize("environment", ["maelstrom", "local"])
def test_nothing_outlives_a_killed_harness(
    tmp_path: Path, environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even what a node has forked, and made a daemon of."""
    if environment == "local":
        script = "setsid sh -c 'sleep 61 & sleep 62'"
        (tmp_path / "kept.py").write_text(
            "from harness.database import Database\n\n\nclass Kept(Database):\n"
            "    ports = (4000,)\n    start_limit_s = 60.0\n\n"
            f"    def command(self, at):\n        return ['sh', '-c', {script!r}]\n"
        )
        words = ["kept:Kept", "--environment", "local"]
    else:
        words = ["--program", f"sh -c 'setsid sleep 61 & {NODE} register'"]
        words += ["--environment", "maelstrom"]
    mine = f"LABRYS_TEST={tmp_path}"
    monkeypatch.setenv(*mine.split("="))
    harness = start(["run", *words, "--nodes", "2", "--faults", "none"], tmp_path)
    try:
        deadline = time.monotonic() + 30
        while len(marked(mine)) < 6 and time.monotonic() < deadline:
            time.sleep(0.1)
        found = marked(mine)
        assert len(found) >= 6, found
        os.kill(harness.pid, signal.SIGKILL)
        harness.communicate()
        deadline = time.monotonic() + 2
        while marked(mine) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not marked(mine)
    finally:
        harness.kill()
        harness.communicate()
