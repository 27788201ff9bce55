"""`labrys check` on files: several at once, written again, and what held instead."""

import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from checker.linearizability.check import check
from harness.checking import Checking, check_file

ROOT = Path(__file__).parents[2]
FOREIGN = ROOT / "tests" / "histories" / "foreign"

STALE = """{"labrys":"history","version":1}
{"type":"invoke","process":1,"function":"write","key":"k","argument":1,"time_ns":1000000}
{"type":"ok","process":1,"time_ns":2000000}
{"type":"invoke","process":1,"function":"write","key":"k","argument":2,"time_ns":3000000}
{"type":"ok","process":1,"time_ns":4000000}
{"type":"invoke","process":2,"function":"read","key":"k","time_ns":5000000}
{"type":"ok","process":2,"result":1,"time_ns":6000000}
"""


def labrys(*words: Any) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "harness", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_several_files_and_one_that_is_none(tmp_path: Path) -> None:
    stale, broken = tmp_path / "stale.jsonl", tmp_path / "broken.edn"
    stale.write_text(STALE)
    broken.write_text("{:process 0 :type :invoke :f :read}\n{:process 0")
    good = FOREIGN / "c01-ok.txt"
    status, output, errors = labrys("check", "--json", "--model", "kv", good, good)
    assert status == 0
    assert [json.loads(line)["verdict"] for line in output.splitlines()] == ["valid", "valid"]
    status, output, errors = labrys("check", "--json", broken, stale)
    (answer,) = map(json.loads, output.splitlines())
    assert (status, answer["verdict"], answer["algorithm"]) == (254, "invalid", "graph")
    assert f"{broken}: line 2: the text ends in the middle of a value" in errors
    assert answer["operations"] == len(answer["counterexample"]) == 3
    assert {"seconds", "reason", "file"} <= set(answer)
    assert answer["instead"]["guarantees"]["sequential"]["verdict"] == "valid"
    assert answer["instead"]["staleness"]["versions_max"] == 1


def test_engines(tmp_path: Path) -> None:
    stale = tmp_path / "stale.jsonl"
    stale.write_text(STALE)
    for engine in ("graph", "zones", "search", "auto"):
        status, output, _ = labrys("check", "--engine", engine, stale)
        assert status == 1
        assert f"by {'graph' if engine == 'auto' else engine}" in output
        assert "still guaranteed: sequential, causal" in output


def test_a_history_written_anew(tmp_path: Path) -> None:
    written = tmp_path / "written.edn"
    good = FOREIGN / "etcd_005.log"
    assert labrys("check", "--model", "etcd", good, "--write", written)[0] == 0
    assert labrys("check", "--model", "etcd", written)[0] == 0
    status, _, errors = labrys("check", "--model", "etcd", good, "--write", written)
    assert status == 254
    assert "is there already" in errors
    status, _, errors = labrys("check", "--model", "etcd", good, "--write", tmp_path / "x.txt")
    assert status == 254
    assert "must end in .jsonl, .edn" in errors


def test_a_wrong_model_is_no_verdict(tmp_path: Path) -> None:
    stale = tmp_path / "stale.jsonl"
    stale.write_text(STALE)
    status, output, errors = labrys("check", "--model", "queue", stale)
    assert (status, output) == (254, "")
    assert "'write' is no operation of the model queue" in errors


def test_the_command_line_imports_nothing_heavy() -> None:
    program = "import harness.cli, sys; print(*sorted(sys.modules))"
    modules = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert not {"numpy", "numba", "networkx", "jinja2", "docker", "asyncio"} & set(modules)


@pytest.mark.timed
def test_help_is_answered_at_once() -> None:
    """Ten times the intended 0.3 s, so that a busy machine passes."""
    started = time.monotonic()
    assert labrys("--help")[0] == 0
    assert time.monotonic() - started < 3


TYPES = (":invoke", ":ok")


def test_judging_twice_takes_no_longer_than_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a read of null decides is found out in what is left of the time."""
    path = tmp_path / "history.edn"
    calls = [":f :write :value 1", ":f :read :value nil"]
    path.write_text("".join(f"{{:process 0 :type {t} {c}}}\n" for c in calls for t in TYPES))
    limits = []

    def judge(*given: Any, time_limit_s: float, **options: Any) -> Any:
        limits.append(time_limit_s)
        time.sleep(0.3)
        return check(*given, time_limit_s=time_limit_s, **options)

    monkeypatch.setattr("checker.linearizability.check.check", judge)
    answer = check_file(path, Checking(model="cas-register", time_limit_s=2))
    assert answer["verdict"] == "invalid"
    assert len(limits) == 2
    assert limits[1] <= limits[0] - 0.3
    assert limits[0] <= 2


CASES = ROOT / "tests" / "histories" / "cases"

PAGES = {
    FOREIGN / "etcd_000.log": ("Stale read: process 11 read 2 after 1", "lines 85 and 86"),
    FOREIGN / "bad-rethink-fail-minimal.edn": ("Garbage read: process 1 read 3", "the file has no"),
    CASES / "53-keyword-processes" / "history.edn": ("process c2 read 2", "by graph"),
    CASES / "01-console-log-bracketed" / "console.log": ("Stale read: process 2", "Key figures"),
    FOREIGN / "c01-ok.txt": ("Valid: this history is linearizable", "Timeline"),
}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.parent.name)
def test_a_file_has_a_page_so_far_as_it_goes(path: Path, tmp_path: Path) -> None:
    from harness.commands.check import write_page_of

    page, checking = tmp_path / "page.html", Checking(certify=False)
    check_file(path, checking, partial(write_page_of, page, path, checking))
    text = page.read_text(encoding="utf-8")
    for words in PAGES[path]:
        assert words in text
    assert f"labrys check {path}" in text
    assert "run.json" not in text


def test_a_headline_is_of_an_operation_that_was_told_something() -> None:
    """Not of the write that ended last, which fits any order."""
    answer = check_file(FOREIGN / "etcd_000.log", Checking(model="etcd", certify=False))
    told = "Not linearizable: process 11 read 2, which fits no order of these 21 operations."
    assert answer["anomaly"]["headline"] == told
    assert answer["reason"] == "no order includes operation 21"
    assert answer["counterexample"][20]["process"] == 11


def test_a_page_is_of_one_file_and_a_verdict_stands_without_it(tmp_path: Path) -> None:
    stale = tmp_path / "stale.jsonl"
    stale.write_text(STALE)
    status, output, errors = labrys("check", "--html", tmp_path / "no" / "page.html", stale)
    assert (status, "✘ invalid" in output) == (1, True)
    assert "the verdict stands, and has no page: cannot write" in errors
    status, _, errors = labrys("check", "--html", tmp_path / "page.html", stale, stale)
    assert (status, "--html needs one history file" in errors) == (254, True)
