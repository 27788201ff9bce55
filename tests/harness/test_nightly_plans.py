"""Plans, budgets, the order of runs, and what outcomes add up to."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import cli
from harness.durations import duration_s
from harness.errors import UsageError
from harness.nightly.corpus import Corpus, add_to_corpus, read_corpus
from harness.nightly.finding import finding
from harness.nightly.job import Ended, again, arguments
from harness.nightly.outcome import Ending, of_cell, of_night
from harness.nightly.plan import DEFAULT, Cell, read_plan
from harness.nightly.schedule import Job, Schedule, needed_s
from harness.simulation.scenario import Scenario, swarm
from tests.processes import ROOT

CANARY = '[[canaries]]\nsystems = ["raft-stale-reads"]\nfaults = ["drawn"]\n'

SIMULATED = Cell("raft", "register", "kill", "simulated")
LOCAL = Cell("raft", "register", "kill", "local", options=(("time_limit", 10),))
FLAWED = Cell("raft-stale-reads", "register", "drawn", "simulated", 4.0, canary=True)


def written(folder: Path, text: str) -> Path:
    path = folder / "plan.toml"
    path.write_text(text)
    return path


def test_the_default_plan_is_valid_and_fits_into_ten_minutes() -> None:
    cells = read_plan(None).cells
    assert {cell.environment for cell in cells} == {"simulated", "local", "docker"}
    assert needed_s(cells) <= 600
    assert DEFAULT.read_text().startswith("# The plan of")


def test_the_plan_of_the_examples_is_valid() -> None:
    pytest.importorskip("redis")
    pytest.importorskip("kazoo")
    cells = read_plan(ROOT / "examples" / "nightly.toml").cells
    assert {cell.environment for cell in cells} == {"namespaces"}
    assert {"raft", "examples.etcd:Etcd", "examples.redis:Single"} <= {one.system for one in cells}


def test_a_plan_is_all_combinations(tmp_path: Path) -> None:
    text = '[[matrix]]\nsystems = ["raft", "ring"]\nfaults = ["kill", "partition,pause"]\n'
    plan = read_plan(written(tmp_path, text + CANARY))
    assert [(cell.system, cell.faults) for cell in plan.cells if not cell.canary] == [
        ("raft", "kill"), ("raft", "partition,pause"),
        ("ring", "kill"), ("ring", "partition,pause"),
    ]  # fmt: skip
    assert plan.cells[0].canary, "canaries come first"


def test_cells_may_be_left_out_by_environment() -> None:
    assert {cell.environment for cell in read_plan(None, ["local"]).cells} == {"local"}
    with pytest.raises(UsageError, match="there is no environment in this plan 'dokcer'"):
        read_plan(None, ["dokcer"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[matrix]]\nsystems = ["rafd"]\n', "line 2: there is no system 'rafd'"),
        ('[[matrix]]\nsystems = ["raft"]\nfaults = ["kil"]\n', "there is no fault 'kil'"),
        ('[[matrix]]\nsystems = ["raft"]\nenvironments = ["x"]\n', "there is no environment 'x'"),
        ('[[matrix]]\nsystems = ["raft"]\nworkloads = ["y"]\n', "there is no workload 'y'"),
        ('[[matrix]]\nsystem = ["raft"]\n', "there is no option of a plan 'system'"),
        ('[[matricks]]\nsystems = ["raft"]\n', "there is no table of a plan 'matricks'"),
        ('[[matrix]]\nsystems = ["raft"]\nweight = -1\n', "'weight' cannot be -1"),
        ('[[matrix]]\nsystems = []\n', "'systems' must be a list of names"),
        ('[[matrix]]\nsystems = ["raft"]\noptions = { rat = 1 }\n', "simulated cell 'rat'"),
        ('[[matrix]]\nsystems = ["raft"]\noptions = { seed = 1 }\n', "'seed' cannot stand in"),
        ('[[matrix]]\nsystems = ["raft", "raft"]\n', "twice"),
        ('[[matrix]]\nsystems = ["raft"]\nenvironments = ["local"]\n', "no canary in the environm"),
        ('[[matrix]]\nsystems = ["raft"]\nfaults = ["drawn"]\nenvironments = ["local"]\n',
         "only the simulator draws"),
        ('[[matrix]]\nsystems = ["no.such:Thing"]\n', "cannot import the system"),
        ("matrix = 3\n", "write matrix as [[matrix]]"),
        ("[[matrix]\n", "is not TOML"),
    ],
)  # fmt: skip
def test_mistakes_in_a_plan_are_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as told:
        read_plan(written(tmp_path, text + CANARY))
    assert words in str(told.value)


def test_an_empty_plan_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no cell"):
        read_plan(written(tmp_path, ""))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45m", 2700), ("1h30m", 5400), ("90s", 90), ("90", 90), ("1h", 3600), ("1.5m", 90),
     ("1h2m3s", 3723)],
)  # fmt: skip
def test_durations(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-5m", "soon", "5m5h", "nan", "9999999h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match="a budget cannot be"):
        duration_s(text)


def test_a_budget_too_small_is_told_before_anything_starts() -> None:
    cells = (SIMULATED, LOCAL, FLAWED)
    needed = needed_s(cells)
    with pytest.raises(UsageError, match=r"too small: one run of each of the 3 cells takes about"):
        Schedule(cells, [], needed - 1, seed=1)
    assert Schedule(cells, [], needed, seed=1).next(0) is not None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["plan.toml"], "there is no system 'rafd'"),
        (["missing.toml"], "cannot read missing.toml"),
        (["--budget", "3m"], "a budget of 3m is too small: one run of each of the"),
        (["--budget", "soon"], "a budget cannot be 'soon'"),
        (["--environments", "x"], "there is no environment in this plan 'x'"),
        (["--executor", "tcp://h:1"], "give dask://HOST:PORT"),
        (["--jobs", "-1"], "--jobs must be from 0"),
        (["--results", "."], ". is a directory"),
    ],
)
def test_the_command_names_mistakes_and_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: list[str], told: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    written(tmp_path, '[[matrix]]\nsystems = ["rafd"]\n' + CANARY)
    monkeypatch.setattr(sys, "argv", ["labrys", "nightly", *words])
    with pytest.raises(SystemExit) as ended_:
        cli.main()
    assert ended_.value.code == 254
    assert told in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


def carried_out(schedule: Schedule, took_s: float, caught: bool = False) -> list[Job]:
    """The jobs of a night in which each takes so long; canaries may be caught."""
    jobs, now_s = [], 0.0
    while (job := schedule.next(now_s)) is not None:
        jobs.append(job)
        now_s += took_s
        schedule.ended(job, took_s, settled=caught and job.cell.canary)
    return jobs


def test_every_cell_runs_once_before_any_runs_again() -> None:
    cells = (FLAWED, SIMULATED, LOCAL)
    jobs = carried_out(Schedule(cells, [], 200, seed=1), took_s=10)
    assert [job.cell for job in jobs[:3]] == list(cells)
    assert len({job.seed for job in jobs}) == len(jobs), "seeds are fresh"


def test_time_is_shared_by_weight() -> None:
    heavy = Cell("paxos", "register", "kill", "simulated", weight=3.0)
    jobs = carried_out(Schedule((SIMULATED, heavy), [], 4_000, seed=1), took_s=10)
    share = sum(job.cell is heavy for job in jobs) / len(jobs)
    assert 0.73 < share < 0.77


def test_a_caught_canary_runs_no_more_and_one_that_is_not_goes_on() -> None:
    caught = carried_out(Schedule((FLAWED, SIMULATED), [], 300, seed=1), 10, caught=True)
    missed = carried_out(Schedule((FLAWED, SIMULATED), [], 300, seed=1), 10)
    assert sum(job.cell.canary for job in caught) == 1
    assert sum(job.cell.canary for job in missed) > 10


def test_nothing_begins_that_would_end_after_the_budget() -> None:
    schedule = Schedule((LOCAL,), [], 100, seed=1)
    jobs = carried_out(schedule, took_s=30)
    assert len(jobs) == 3
    assert schedule.next(99) is None


def test_a_slow_machine_shortens_campaigns_so_that_every_cell_has_its_turn() -> None:
    cells = [Cell("raft", "register", "kill", "simulated", options=(("keys", n),))
             for n in range(1, 11)]  # fmt: skip
    cells += [Cell("raft", "register", "kill", "local", options=(("keys", n),))
              for n in range(1, 6)]  # fmt: skip
    schedule = Schedule(cells, [], 700, seed=1)
    begun, now_s, lengths = [], 0.0, []
    while (job := schedule.next(now_s)) is not None and len(begun) < len(cells):
        begun.append(job.cell)
        lengths.append(job.seconds)
        took_s = 1.5 * job.expected_s
        now_s += took_s
        schedule.ended(job, took_s, settled=False)
    assert begun == cells
    assert lengths[0] > lengths[9]


def test_seeds_that_failed_come_first_and_have_a_quarter_of_the_budget() -> None:
    before = [Job(SIMULATED, seed, 0.0, corpus=True) for seed in range(100)]
    schedule = Schedule((SIMULATED,), before, 80, seed=1)
    jobs = carried_out(schedule, took_s=4)
    assert [job.seed for job in jobs[:5]] == [95, 96, 97, 98, 99], "the newest, in their order"
    assert not jobs[5].corpus
    assert len(schedule.left_out) == 95


def test_the_same_night_has_the_same_seeds() -> None:
    first, again_, other = (Schedule((SIMULATED,), [], 60, seed) for seed in (1, 1, 2))
    assert first.next(0) == again_.next(0) != other.next(0)


def test_outcomes_of_cells() -> None:
    o = Ending
    assert of_cell([], canary=False) is o.NOT_RUN
    assert of_cell([o.PASS, o.UNKNOWN], canary=False) is o.PASS
    assert of_cell([o.UNKNOWN], canary=False) is o.UNKNOWN
    assert of_cell([o.PASS, o.KILLED], canary=False) is o.KILLED
    assert of_cell([o.KILLED, o.VIOLATION], canary=False) is o.VIOLATION
    assert of_cell([o.PASS, o.CAUGHT], canary=True) is o.CAUGHT
    assert of_cell([o.PASS, o.PASS], canary=True) is o.MISSED
    assert of_cell([o.ENVIRONMENT], canary=True) is o.ENVIRONMENT
    assert of_cell([o.PASS, o.ENVIRONMENT], canary=True) is o.ENVIRONMENT
    assert of_cell([o.UNKNOWN], canary=True) is o.UNKNOWN


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([], 2),
        ([Ending.PASS, Ending.CAUGHT], 0),
        ([Ending.PASS, Ending.NOT_RUN], 2),
        ([Ending.UNKNOWN, Ending.ENVIRONMENT], 255),
        ([Ending.KILLED, Ending.PASS], 255),
        ([Ending.KILLED, Ending.MISSED], 1),
        ([Ending.LIVENESS, Ending.ENVIRONMENT], 1),
    ],
)
def test_the_status_of_a_night(outcomes: list[Ending], status: int) -> None:
    assert of_night(outcomes) == status


def ended(status: int, errors: str = "", output: str = "", **more: bool) -> Ended:
    return Ended(status, output, errors, 3.0, **more)


@pytest.mark.parametrize(
    ("how", "outcome", "words"),
    [
        (ended(-9), Ending.KILLED, "killed by SIGKILL after 3 s"),
        (ended(-9, out_of_memory=True), Ending.KILLED, "out of memory"),
        (ended(-15, timed_out=True), Ending.KILLED, "did not end by itself"),
        (ended(1, "Traceback\nMemoryError"), Ending.KILLED, "out of memory: ended without a ver"),
        (ended(1, "Traceback\nKeyError: 3"), Ending.KILLED, "with status 1: KeyError: 3"),
        (ended(0, output="half a li"), Ending.KILLED, "ended without a verdict"),
        (ended(255, "labrys: no engine"), Ending.ENVIRONMENT, "no engine"),
        (ended(255, "labrys: workers died after 3 seeds"), Ending.KILLED, "workers died"),
    ],
)
def test_an_end_without_a_verdict_is_no_pass(
    tmp_path: Path, how: Ended, outcome: Ending, words: str
) -> None:
    found = finding(Job(LOCAL, 7, 0.0), how, tmp_path)
    assert found.outcome is outcome
    assert words in found.reason
    assert (
        found.again == "labrys run raft --environment local --time-limit 10 --faults kill --seed 7"
    )


CAMPAIGN = (
    '{{"verdict": "valid", "seeds": {seeds}, "strong": {strong}, "twice": 0, "seconds": 1.0, '
    '"virtual_seconds": 9.0, "kinds": {{"valid": {seeds}}}, "unknown": "", "failed": [], '
    '"differs": [], "kept": []}}'
)


@pytest.mark.parametrize(
    ("seeds", "strong", "outcome"),
    [(100, 90, Ending.PASS), (100, 9, Ending.UNKNOWN), (0, 0, Ending.UNKNOWN)],
)
def test_a_campaign_that_could_not_have_failed_is_unknown(
    tmp_path: Path, seeds: int, strong: int, outcome: Ending
) -> None:
    answer = CAMPAIGN.format(seeds=seeds, strong=strong)
    found = finding(Job(SIMULATED, 7, 2.0), ended(0, output=answer), tmp_path)
    assert found.outcome is outcome


def test_a_job_is_the_command_that_a_person_would_type(tmp_path: Path) -> None:
    words = arguments(Job(SIMULATED, 7, 2.0), tmp_path, 2, None)
    assert " ".join(words[:8]) == "explore raft --faults kill --first-seed 7 --seeds 1000000"
    assert again(SIMULATED, 7) == "labrys explore raft --faults kill --first-seed 7 --seeds 1"


def test_a_corpus_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    assert read_corpus(path) == Corpus()
    for cell, seed in ((LOCAL, 3), (SIMULATED, 4), (LOCAL, 3)):
        add_to_corpus(path, cell, seed, {"outcome": "violation"})
    corpus = read_corpus(path)
    assert [(job.cell, job.seed, job.corpus) for job in corpus.jobs] == [
        (LOCAL, 3, True),
        (SIMULATED, 4, True),
    ]
    assert not corpus.notes
    simulated = corpus.jobs[1].scenario
    drawn = swarm(SIMULATED.config(4), frozenset({"faults"}), 4)
    assert Scenario.from_json(simulated, path) == drawn, "what `labrys explore` draws from the seed"
    again_ = tmp_path / "again.jsonl"
    add_to_corpus(again_, SIMULATED, 4, {}, {**simulated, "heal_ns": 7})
    assert read_corpus(again_).jobs[0].scenario["heal_ns"] == 7, "as it was, not as drawn now"


def test_a_corpus_of_seeds_alone_is_read_and_told_of(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    for seed in (4, 5):
        add_to_corpus(path, SIMULATED, seed, {"outcome": "violation"})
    old = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({**o, "scenario": None}) + "\n" for o in old))
    corpus = read_corpus(path)
    assert [(job.seed, job.scenario) for job in corpus.jobs] == [(4, None), (5, None)]
    (note,) = corpus.notes
    assert "2 of the simulated lines hold no scenario" in note


@pytest.mark.parametrize("change", [
    lambda o: o["scenario"]["config"].update(system="rafd"),
    lambda o: o["scenario"]["config"].update(colour="red"),
    lambda o: o["scenario"]["schedule"][0].update(name="gone"),
    lambda o: o["scenario"]["world"].update(loss="much"),
    lambda o: o.update(scenario=None, faults="gone"),
])  # fmt: skip
def test_what_can_no_longer_be_replayed_is_told_and_the_rest_is_run(
    tmp_path: Path, change: Callable[[Any], Any]
) -> None:
    path = tmp_path / "corpus.jsonl"
    for seed in (4, 5):
        add_to_corpus(path, SIMULATED, seed, {})
    first, second = path.read_text().splitlines()
    broken = json.loads(first)
    change(broken)
    path.write_text(f"{json.dumps(broken)}\n{second}\n")
    corpus = read_corpus(path)
    assert [job.seed for job in corpus.jobs] == [5]
    (note,) = corpus.notes
    assert "line 1, can no longer be replayed" in note


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"system": "rafd"}', "null"])
def test_a_damaged_corpus_is_named_with_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "corpus.jsonl"
    add_to_corpus(path, SIMULATED, 4, {})
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(UsageError, match="line 2"):
        read_corpus(path)
