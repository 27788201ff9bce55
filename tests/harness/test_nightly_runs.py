"""Whole nights, by the command itself: green, red, failed, killed, interrupted."""

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.harness.nights import Done, environ, night, plan
from tests.processes import interrupted, start

pytestmark = pytest.mark.local

FLAWED = "systems_under_test.raft.flawed:RaftCommitsAlone"


@pytest.fixture(scope="module")
def green(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("green")
    return night(plan(folder), "16s", GITHUB_STEP_SUMMARY=str(folder / "job.md"))


@pytest.fixture(scope="module")
def red(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A flawed system in the place of a correct one; the night ends as soon as nothing is left."""
    return night(plan(tmp_path_factory.mktemp("red"), system=FLAWED), "90s")


def first_line(done: Done) -> str:
    """The page's first text."""
    body = (done.folder / "index.html").read_text().partition("<h1")[2].partition("</h1>")[0]
    return body.partition(">")[2]


def test_a_green_night(green: Done) -> None:
    assert (green.status, green.errors) == (0, "")
    assert green.outcome("raft") == "pass"
    assert green.outcome("raft-commits-alone") == "caught"
    assert "Green: all 2 cells ran" in first_line(green)
    names = {path.name for path in green.folder.iterdir()}
    assert names >= {"index.html", "trend.html", "junit.xml", "summary.md", "night.json"}


def test_passing_runs_leave_only_their_record(green: Done) -> None:
    assert list((green.folder / "runs").iterdir()) == []
    *runs, last = green.results()
    assert len(runs) == len(green.night["runs"]) >= 2
    assert last["labrys"] == "night"
    assert last["status"] == 0
    assert all(run["facts"]["strong"] > 0 for run in runs if run["system"] == "raft")
    assert not (green.store / "nightly" / "corpus.jsonl").exists()


def test_canaries_tell_how_long_they_took(green: Done) -> None:
    caught = [run for run in green.results() if run.get("outcome") == "caught"]
    assert [run["found_s"] > 0 for run in caught] == [True]


def test_the_summary_goes_to_the_job_page(green: Done) -> None:
    assert (green.store.parent / "job.md").read_text() == (green.folder / "summary.md").read_text()


def test_a_flawed_system_makes_the_night_red(red: Done) -> None:
    assert red.status == 1
    assert red.outcome(FLAWED) == "violation"
    line = first_line(red)
    assert f"Red: {FLAWED} failed in simulated under kill" in line
    assert red.night["again"] in line


def test_a_canary_that_is_not_caught_makes_the_night_red(tmp_path: Path) -> None:
    done = night(plan(tmp_path, system=None, canary="raft"), "6s")
    assert (done.status, done.outcome("raft")) == (1, "canary missed")
    assert "Red: the canary raft was not caught in simulated" in first_line(done)
    assert done.night["again"] in first_line(done)


def test_the_line_that_is_told_repeats_the_failure(red: Done, tmp_path: Path) -> None:
    words = shlex.split(red.night["again"])
    assert words[0] == "labrys"
    again = subprocess.run(
        [sys.executable, "-m", "harness", *words[1:], "--no-shrink", "--json"],
        env=environ(), cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert again.returncode == 1, again.stderr
    failed = json.loads(again.stdout)["failed"]
    record = next(run for run in red.night["runs"] if run["outcome"] == "violation")
    assert [(one["seed"], one["reason"]) for one in failed] == [(record["seed"], record["reason"])]


def test_failing_runs_keep_everything(red: Done) -> None:
    record = next(run for run in red.night["runs"] if run["outcome"] == "violation")
    names = {path.name for path in (red.folder / record["run"]).iterdir()}
    assert names >= {"history.jsonl", "result.json", "report.html", "scenario.json"}
    assert (
        f"{record['run'].replace(':', '%3A')}/report.html"
        in (red.folder / "index.html").read_text()
    )


@pytest.mark.deep
def test_seeds_that_failed_are_run_first_the_next_night(red: Done) -> None:
    corpus = red.store / "nightly" / "corpus.jsonl"
    kept = json.loads(corpus.read_text())
    seed = kept["seed"]
    failed = next(run for run in red.night["runs"] if run["outcome"] == "violation")
    stored = json.loads((red.folder / failed["run"] / "scenario.json").read_text())
    assert stored["labrys"] == kept["scenario"]["labrys"]
    lines = corpus.read_text()
    old = {**kept, "seed": seed + 1, "scenario": None}
    corpus.write_text(lines + json.dumps(old) + "\n")
    path = plan(red.store.parent, system=None)
    done = night(path, "90s", "--corpus", str(corpus), "--results", str(path.parent / "other"))
    first = done.night["runs"][0]
    assert (first["seed"], first["outcome"], first["corpus"]) == (seed, "violation", True)
    assert first["again"].startswith("labrys replay ")
    again = subprocess.run(
        [sys.executable, "-m", "harness", *shlex.split(first["again"])[1:], "--json"],
        env=environ(), cwd=path.parent, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert json.loads(again.stdout)["failed"][0]["reason"] == first["reason"]
    (note,) = done.night["notes"]
    assert "1 of the simulated lines holds no scenario" in note
    assert note in (done.folder / "index.html").read_text()
    corpus.write_text(lines)
    assert done.status == 1
    assert "which had failed before" in first_line(done)
    assert corpus.read_text() == lines, "a seed is kept once"


def test_an_environment_that_cannot_start_is_no_pass(tmp_path: Path) -> None:
    options = "options = { time_limit = 1 }"
    path = plan(tmp_path, environment="docker", faults="partition", options=options)
    done = night(path, "30s", DOCKER_HOST="tcp://127.0.0.1:1")
    assert done.status == 255
    assert done.outcome("raft") == "environment failed"
    assert done.outcome("raft-commits-alone") == "environment failed"
    assert "no Docker engine answers" in first_line(done)


def test_runs_that_are_killed_are_told(tmp_path: Path) -> None:
    killed = {
        "tests.nodes.deadly_system:KillsTheHarness": "killed by SIGKILL",
        "tests.nodes.deadly_system:KillsItself": "workers died",
    }
    done = night(plan(tmp_path, system='", "'.join(killed)), "90s")
    assert done.status == 255
    assert done.outcome("raft-commits-alone") == "caught"
    for system, reason in killed.items():
        assert done.outcome(system) == "killed"
        record = next(run for run in done.night["runs"] if run["system"] == system)
        assert record["reason"].startswith(reason)


def test_an_interrupted_night_writes_its_pages(tmp_path: Path) -> None:
    store = tmp_path / "store"
    words = ["nightly", str(plan(tmp_path)), "--budget", "60s", "--store", str(store)]
    process = start([*words, "--jobs", "1"], tmp_path)
    results = store / "nightly" / "results.jsonl"
    until = time.monotonic() + 60
    while not results.exists() and time.monotonic() < until:
        time.sleep(0.05)
    _, errors = interrupted(process)
    assert "interrupted" in errors
    folder = next((store / "nightly").glob("2*"))
    done = Done(255, errors, folder, store)
    assert "Interrupted after 1 of 2 cells" in first_line(done)
    assert (folder / "junit.xml").exists()
    assert done.results()[-1]["ended"] == "interrupted"
