"""A comparison in the simulator, end to end: what the page claims follows from the histories."""

import json
import os
import re
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness import cli
from harness.commands import compare as compare_command
from harness.config import RunConfig
from harness.errors import EnvironmentFailed
from reports.figures import figure_of
from tests import processes
from tests.harness.naive_measures import Naive
from tests.processes import start
from tests.reports.test_page import Reader

pytestmark = pytest.mark.slow

OPTIONS = "--environment simulated --time-limit 5 --clients 4 --rate 80 --seed 11"


def labrys(line: str, folder: Path) -> tuple[int, str, str]:
    ended = processes.labrys(line, folder)
    return ended.returncode, ended.stdout, ended.stderr


class Done:
    """A finished comparison: its folder, figures and page."""

    def __init__(self, folder: Path, page: Path) -> None:
        self.folder = folder
        self.directory = page.parent
        self.page = Reader(page.read_text("utf-8"))
        self.found: dict[str, Any] = json.loads((page.parent / "comparison.json").read_text())

    def run(self, number: int) -> Path:
        return (self.directory / self.found["runs"][number]["path"]).resolve()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("comparison")
    status, output, _ = labrys(f"compare raft paxos ring-one --repeat 2 {OPTIONS} --json", folder)
    assert status == 0, output
    assert output.count("\n") == 1
    return Done(folder, folder / json.loads(output)["paths"]["page"])


def test_every_figure_follows_from_the_stored_history(done: Done):
    assert [run["system"] for run in done.found["runs"]] == [
        *("raft", "paxos", "ring-one"),
        *("paxos", "ring-one", "raft"),
    ]
    for number, run in enumerate(done.found["runs"]):
        expected = Naive(done.run(number)).figures(run["linearizable"] == "invalid")
        assert run["figures"] == pytest.approx(expected), run["system"]
        assert len(run["figures"]) > 20
    assert any(run["figures"]["stale.share"] > 0 for run in done.found["runs"])


def test_every_mean_and_interval_on_the_page_is_that_of_the_figures(done: Done):
    text = done.page.text()
    for figure in done.found["figures"]:
        told = figure_of(figure["key"]).in_words
        for label, spread in figure["systems"].items():
            values = [
                run["figures"][figure["key"]]
                for run in done.found["runs"]
                if run["system"] == label and figure["key"] in run["figures"]
            ]
            assert list(spread["values"].values()) == pytest.approx(values)
            assert spread["mean"] == pytest.approx(sum(values) / len(values))
            if len(values) == 1:  # One value says nothing of how they spread.
                assert (spread["low"], spread["high"]) == (None, None)
                continue
            assert spread["low"] <= min(values) * (1 + 1e-9)
            assert max(values) <= spread["high"] * (1 + 1e-9)
            shown = f"{told(spread['low'])} to {told(spread['high'])}"
            assert re.search(rf"{re.escape(told(spread['mean']))} ?(best)?{re.escape(shown)}", text)


def test_every_sentence_is_on_the_page_and_true(tmp_path: Path):
    """Five repeats, since of fewer no difference withstands the correction; whether each of them
    was strong enough to be judged is no matter here."""
    _, output, _ = labrys(f"compare raft ring-one --repeat 5 {OPTIONS} --json", tmp_path)
    compared = Done(tmp_path, tmp_path / json.loads(output)["paths"]["page"])
    text = compared.page.text()
    told = 0
    for figure in compared.found["figures"]:
        means = {label: spread["mean"] for label, spread in figure["systems"].items()}
        assert figure["label"] in text
        for difference in figure["differences"]:
            assert (difference["sentence"] in text) == difference["beyond_noise"]
            neutral = 1 if difference["kind"] == "ratio" else 0
            if difference["beyond_noise"]:
                told += 1
                assert difference["low"] > neutral
                assert means[difference["higher"]] > means[difference["lower"]]
    assert told


def test_verdicts_faults_and_the_schedule_are_told(done: Done):
    text = done.page.text()
    assert "raft and paxos: linearizable in all 4 runs" in text
    assert "ring-one does not promise to be linearizable, and was not in" in text
    assert "all times are virtual" in text
    for repeat in (1, 2):
        own = [run for run in done.found["runs"] if run["repeat"] == repeat]
        assert {run["seed"] for run in own} == {10 + repeat}
        moments = {
            tuple((f["name"], round(f["at_ns"] / 1e8)) for f in run["faults"]) for run in own
        }
        assert len(moments) == 1, "the same faults at the same moments"
    links = {str(a["href"]) for t, a in done.page.tags if t == "a" and "report" in str(a["href"])}
    assert len(links) == 6, "each run, though points of several figures lead to it"
    assert all((done.directory / link).is_file() for link in links)


def test_stored_runs_give_the_same_figures(done: Done):
    paths = [os.path.relpath(done.run(number), done.folder) for number in range(6)]
    (done.run(0) / "result.json").unlink()  # It is judged again.
    status, output, _ = labrys(f"compare {' '.join(paths)}", done.folder)
    assert status == 0, output
    page = re.search(r"page +(\S+)", output)
    assert page is not None
    again = Done(done.folder, done.folder / page[1])
    assert [run["figures"] for run in again.found["runs"]] == [
        run["figures"] for run in done.found["runs"]
    ]
    assert again.found["reproduce"].startswith("labrys compare store/")


def test_a_run_that_fails_is_on_the_page_and_ends_with_status_255(
    done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    stored = {("raft", 5): done.run(0), ("paxos", 6): done.run(3), ("raft", 6): done.run(5)}

    def conduct(config: RunConfig, store: Path) -> Path:
        if (config.system, config.seed) not in stored:
            raise EnvironmentFailed("the second container did not start; look at the engine")
        return stored[config.system, config.seed]

    monkeypatch.setattr(compare_command, "conduct_and_judge", conduct)
    monkeypatch.setattr(sys, "argv", ["labrys", *shlex.split(
        f"compare raft paxos --repeat 2 --seed 5 --environment local --store {tmp_path}"
    )])  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 255
    said = capsys.readouterr().out
    sentence = "Repeat 1 of paxos (seed 5) failed and is left out: the second container did not"
    assert sentence in said
    (page,) = tmp_path.glob("comparison/*/comparison.html")
    assert sentence in page.read_text("utf-8")
    assert "raft and paxos: linearizable in all 3 runs" in said


def test_a_system_that_breaks_its_promise_ends_with_status_1(tmp_path: Path):
    line = f"compare two-phase-commit single --repeat 1 --nodes 3 {OPTIONS} --faults kill"
    status, output, _ = labrys(line, tmp_path)
    assert status == 1, output
    assert "two-phase-commit" in output.split("✘")[-1]


def test_ctrl_c_writes_the_page_of_what_there_is(tmp_path: Path):
    line = f"compare raft paxos --repeat 500 {OPTIONS}"
    harness = start(line.split(), tmp_path)
    try:
        assert harness.stdout is not None
        assert harness.stdout.readline().startswith("labrys compare raft paxos --repeat 500")
        for _ in range(2):
            assert "valid" in harness.stdout.readline()
        time.sleep(0.3)
        output, _ = processes.interrupted(harness)
        assert "The comparison was interrupted" in output
        (page,) = (tmp_path / "store" / "comparison").glob("*/comparison.html")
        assert "raft and paxos: linearizable in all" in page.read_text("utf-8")
    finally:
        harness.kill()
