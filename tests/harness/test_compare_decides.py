"""A comparison as a gate: a planted regression fails it, and chance does not."""

import json
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness import cli
from harness.compare import Contender
from harness.conduct import conduct
from harness.config import RunConfig
from harness.errors import UsageError
from harness.judge import judge
from reports.comparison import Comparison, compare
from reports.comparison_picture import csv_rows, sentence
from reports.conditions import BadCondition, Judgement, judge_conditions, read_condition
from reports.intervals import holm, two_sided
from tests.harness.test_bisect import git
from tests.processes import labrys
from tests.reports.compared_runs import made

STORE = """
from systems_under_test.raft.node import Raft


class Store(Raft):
    def set_timer(self, name, after_ns):
        super().set_timer(name, after_ns + {more} * (name == "election"))
"""
OPTIONS = (
    "--environment simulated --nodes 3 --clients 4 --rate 40 --time-limit 40 --mutations 0 "
    "--faults kill-leader --fault-interval 3 --operation-timeout 0.3"
)


def planted(tmp_path: Path) -> Path:
    """A repository of two commits, v1 and v2; the second one is slower to elect."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for name, more in (("v1", 0), ("v2", 300_000_000)):
        (folder / "store.py").write_text(STORE.format(more=more))
        git(folder, "add", "store.py")
        git(folder, "commit", "--quiet", "--message", name)
        git(folder, "tag", name)
    return folder


def commits_of(folder: Path, told: dict[str, Any]) -> set[str]:
    """The commits that the runs of a comparison say they are of."""
    place = (folder / told["paths"]["json"]).parent
    runs = [json.loads((place / run["path"] / "run.json").read_text()) for run in told["runs"]]
    return {run["versions"]["system_commit"] for run in runs}


@pytest.mark.deep
def test_a_planted_regression_between_two_commits_fails_the_comparison(tmp_path: Path) -> None:
    """A Raft that waits 300 ms more before an election."""
    folder = planted(tmp_path)
    line = (
        f"compare old=store:Store@v1 new=store:Store@v2 --repeat 6 {OPTIONS} --seed 1 "
        '--baseline old --fail-if "recovery.kill > 1.2x" --fail-if "throughput.overall < 0.1x" '
        "--json --store ../kept"
    )
    done = labrys(line, folder, seconds=560)
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr
    told = json.loads(done.stdout)
    slow, quick = told["conditions"]
    assert (slow["fails"], slow["low"] > 1.2) == (True, True)
    assert quick["fails"] is False


@pytest.mark.slow
def test_two_commits_of_one_store_are_compared(tmp_path: Path) -> None:
    folder = planted(tmp_path)
    line = (
        "compare store:Store@v1 new=store:Store@v2 --repeat 1 --environment simulated "
        "--time-limit 1 --mutations 0 --faults none --seed 1 --json --store ../kept"
    )
    done = labrys(line, folder, seconds=400)
    told = json.loads(done.stdout)
    assert [one["name"] for one in told["systems"]] == ["store:Store@v1", "new"]
    found = commits_of(folder, told)
    assert found == {git(folder, "rev-parse", "--short=12", name) for name in ("v1", "v2")}
    assert len(git(folder, "worktree", "list").splitlines()) == 1
    assert len((folder / told["paths"]["csv"]).read_text().splitlines()) > 10


@pytest.mark.deep
def test_a_system_compared_with_itself_fails_no_condition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twenty times, each with ten runs of its own, so that nothing is paired and all is chance.

    Shorter runs, or timeouts, leave some too weak: worlds with the latencies of a wide area are
    drawn, too, and all calls of one function may time out while the leader is dead.
    """
    monkeypatch.chdir(tmp_path)
    base = RunConfig(
        system="raft", environment="simulated", nodes=3, clients=4, rate=40.0, time_limit=40.0,
        mutations=0, faults=("kill-leader",), fault_interval=3.0, operation_timeout=1.0,
    )  # fmt: skip
    statuses, ratios = [], []
    for number in range(20):
        targets = []
        for place in range(10):
            config = replace(base, seed=1_000 + 10 * number + place)
            directory = conduct(config, tmp_path / "store", lambda *_: nullcontext())
            judge(directory)
            targets.append(f"{'one' if place < 5 else 'other'}={directory.path}")
        words = ["compare", *targets, "--json"]
        for text in ("silence.kill > 1.2x", "recovery.kill > 1.2x", "throughput.overall < 0.9x"):
            words += ["--fail-if", text]
        monkeypatch.setattr(sys, "argv", ["labrys", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = json.loads(capsys.readouterr().out)
        statuses.append(ended.value.code)
        ratios.append([round(one["estimate"], 2) for one in told["conditions"]])
    assert statuses == [0] * 20, ratios


def pair(old: list[float], new: list[float], key: str = "silence.kill") -> Comparison:
    runs = [made(system, seed, {key: value})
            for system, values in (("old", old), ("new", new))
            for seed, value in enumerate(values)]  # fmt: skip
    return compare(runs, Random(1), {})


def judged(comparison: Comparison, *texts: str) -> list[Judgement]:
    return judge_conditions(comparison, [*map(read_condition, texts)], "old", Random(2))


@pytest.mark.parametrize(
    ("new", "text", "fails"),
    [
        ([200.0, 210.0, 190.0, 205.0, 195.0], "silence.kill > 1.2x", True),
        ([125.0, 115.0, 135.0, 119.0, 121.0], "silence.kill > 1.2x", False),
        ([200.0, 210.0, 190.0, 205.0, 195.0], "silence.kill < 0.9x", False),
        ([50.0, 52.0, 48.0, 51.0, 49.0], "silence.kill < 0.9x", True),
        ([400.0, 100.0, 90.0, 700.0, 95.0], "silence.kill > 1.2x", False),
        ([200.0], "silence.kill > 1.2x", None),
        ([0.0, 200.0, 200.0, 200.0, 200.0], "silence.kill > 1.2x", None),
    ],
)
def test_a_condition_fails_only_where_the_interval_says_so(
    new: list[float], text: str, fails: bool | None
) -> None:
    old = [100.0, 101.0, 99.0, 100.5, 99.5]
    (one,) = judged(pair(old[: len(new)], new), text)
    assert one.fails is fails, one.sentence
    assert text in one.sentence


def test_shares_are_judged_by_points() -> None:
    comparison = pair([0.9, 0.91, 0.89], [0.5, 0.52, 0.49], "kept.kill")
    assert [one.fails for one in judged(comparison, "kept.kill < -30 points")] == [True]
    assert [one.fails for one in judged(comparison, "kept.kill < -50 points")] == [False]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not a condition"),
        ("recovery.kill", "is not a condition"),
        ("recovery.kill > 1.2", "is not a condition"),
        ("recovery.kill > -1x", "give a factor above 0"),
        ("recovery.kill > 5 points", "is no share"),
        ("speed.kill > 2x", "there is no figure 'speed.kill'"),
        ("recovery > 2x", "there is no figure 'recovery'"),
    ],
)
def test_conditions_that_are_none(text: str, told: str) -> None:
    with pytest.raises(BadCondition, match=told):
        read_condition(text)


def test_a_figure_that_no_run_has_is_told_with_its_neighbours() -> None:
    with pytest.raises(
        BadCondition, match=r"no run has the figure 'silence\.pause'.*silence\.kill"
    ):
        judged(pair([1.0, 2.0], [1.0, 2.0]), "silence.pause > 2x")


def test_holms_correction() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == [True, False, False, True]
    assert holm([0.04]) == [True]
    assert holm([]) == []


def test_the_distribution_of_t_is_that_of_the_tables() -> None:
    for t, freedom in ((12.706, 1), (4.303, 2), (3.182, 3), (2.776, 4), (2.571, 5), (2.042, 30)):
        assert two_sided(t, freedom) == pytest.approx(0.05, abs=1e-4)
        assert two_sided(-t, freedom) == two_sided(t, freedom)
    assert two_sided(float("inf"), 4) == 0.0


def test_of_many_figures_that_do_not_differ_hardly_any_is_told() -> None:
    """Before Holm's correction one in twenty was."""
    random, told = Random(3), 0
    for _ in range(40):
        figures = [{f"latency.f{n}.p50": random.lognormvariate(3, 0.2) for n in range(30)}
                   for _ in range(10)]  # fmt: skip
        runs = [made("old" if n < 5 else "new", n % 5, one) for n, one in enumerate(figures)]
        told += any(one.clear for one in compare(runs, Random(1), {}).compared)
    assert told <= 6


def test_the_picture_is_of_six_figures_and_told_in_a_sentence() -> None:
    keys = ("throughput.outside", "throughput.overall", "latency.read.p99", "latency.write.p99",
            "latency.write.p50", "kept.kill", "kept.partition", "silence.partition",
            "silence.kill", "recovery.every node", "recovery.kill", "cost.fsyncs",
            "cost.messages_sent")  # fmt: skip
    runs = [made(system, seed, dict.fromkeys(keys, value * (1 + seed / 1000)))
            for system, value in (("raft", 0.5), ("paxos", 0.25)) for seed in range(5)]  # fmt: skip
    comparison = compare(runs, Random(1), {})
    assert [one.figure.key for one in comparison.picture] == [
        "throughput.outside", "latency.write.p99", "kept.kill", "silence.kill", "recovery.kill",
        "cost.messages_sent",
    ]  # fmt: skip
    assert sentence(comparison).startswith(
        "raft is best in throughput outside faults and throughput kept during kill; paxos is best"
    )
    same = compare([made(s, n, {keys[0]: 1.0 + n}) for s in ("a", "b") for n in range(3)],
                   Random(1), {})  # fmt: skip
    assert sentence(same) == "In none of these figures is one system shown to be best."
    lines = csv_rows(comparison).split("\r\n")
    assert lines[0] == "system,repeat,seed,figure,unit,value"
    assert f"raft,1,0,throughput.outside,rate,{0.5!r}" in lines


@pytest.mark.parametrize(
    ("written", "label", "system", "commit"),
    [
        ("raft", "raft", "raft", ""),
        ("store:Store@v1", "store:Store@v1", "store:Store", "v1"),
        ("old=store:Store@v1", "old", "store:Store", "v1"),
    ],
)
def test_what_is_compared(written: str, label: str, system: str, commit: str) -> None:
    assert Contender.read(written) == Contender(written, label, system, commit)


@pytest.mark.parametrize("written", ["=raft", "raft@", "old=", "@v1"])
def test_what_names_nothing_to_compare(written: str) -> None:
    with pytest.raises(UsageError, match="names nothing to compare"):
        Contender.read(written)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('compare raft paxos --fail-if "recovery.kill"', "--fail-if: 'recovery.kill' is not a"),
        ("compare raft paxos --baseline ring", "there is no label 'ring'"),
        ("compare raft@v1 raft@v2 --environment simulated", "is not in a git repository"),
        ("compare raft raft", "the system 'raft' is named twice"),
    ],
)
def test_mistakes_are_named_before_anything_runs(tmp_path: Path, line: str, told: str) -> None:
    done = labrys(line, tmp_path)
    assert (done.returncode, told in done.stderr) == (254, True), done.stderr
    assert not (tmp_path / "store").exists()


def test_commits_that_are_none(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    done = labrys("compare raft@v1 raft@v2 --environment simulated", tmp_path)
    assert done.returncode == 254
    assert "'v1' is not a commit of" in done.stderr
