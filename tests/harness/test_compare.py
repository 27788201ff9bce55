"""The order of a comparison's runs, what becomes of those that fail, and bad input."""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import cli
from harness.compare import PlannedRun, carry_out, command, planned, promises
from harness.config import RunConfig
from harness.errors import EnvironmentFailed, UsageError
from harness.nemesis.schedule import choose_faults, draw

BASE = {"seed": 7, "environment": "local", "faults": ["partition", "kill"]}


def test_repeats_are_interleaved_and_each_begins_with_another_system():
    runs = planned(["raft", "paxos", "ring"], BASE, 4)
    assert [run.config.system for run in runs] == [
        *("raft", "paxos", "ring"),
        *("paxos", "ring", "raft"),
        *("ring", "raft", "paxos"),
        *("raft", "paxos", "ring"),
    ]
    assert [run.config.seed for run in runs] == [7] * 3 + [8] * 3 + [9] * 3 + [10] * 3


def test_within_a_repeat_every_system_gets_the_same_schedule_and_calls():
    schedules = {}
    for run in planned(["raft", "paxos", "ring"], BASE, 2):
        faults = choose_faults(run.config.faults, run.config.nodes)
        cycles_ns = dict.fromkeys(faults, run.config.fault_interval_ns)
        drawn = draw(faults, run.config.time_limit_ns, run.config.seed, cycles_ns)
        schedules.setdefault(run.repeat, set()).add(tuple(drawn))
        assert run.config.shape == RunConfig(system="raft").shape
    assert [len(found) for found in schedules.values()] == [1, 1]
    assert schedules[1] != schedules[2]


def test_the_line_that_compares_again():
    runs = planned(["raft", "paxos"], {**BASE, "time_limit": 20.0, "faults": []}, 3)
    assert command(runs) == (
        "labrys compare raft paxos --repeat 3 --environment local --time-limit 20 --faults none "
        "--seed 7"
    )


def test_a_run_that_fails_is_told_and_the_others_go_on():
    runs = planned(["raft", "paxos"], BASE, 2)
    heard = []

    def conduct(run: PlannedRun) -> Path:
        config = run.config
        if (config.system, config.seed) == ("paxos", 7):
            raise EnvironmentFailed("no container started; look at the engine")
        return Path(config.system) / str(config.seed)

    def tell(run: PlannedRun, path: Path | None, reason: str) -> None:
        heard.append((run.config.system, path, reason))

    carried = carry_out(runs, conduct, tell)
    assert carried.finished == [Path("raft/7"), Path("paxos/8"), Path("raft/8")]
    assert carried.failed == [
        "Repeat 1 of paxos (seed 7) failed and is left out: "
        "no container started; look at the engine"
    ]
    assert heard[1] == ("paxos", None, "no container started; look at the engine")
    assert not carried.interrupted


def test_where_every_first_run_fails_the_others_are_not_tried():
    tried = []

    def conduct(run: PlannedRun) -> Path:
        tried.append(run.config.system)
        raise EnvironmentFailed("no engine answers; start it")

    with pytest.raises(EnvironmentFailed, match="no engine answers"):
        carry_out(planned(["raft", "paxos"], BASE, 5), conduct, lambda *_: None)
    assert tried == ["raft", "paxos"]


def test_an_interruption_keeps_what_there_is():
    def conduct(run: PlannedRun) -> Path:
        if run.config.seed == 8:
            raise KeyboardInterrupt
        return Path(run.config.system)

    carried = carry_out(planned(["raft", "paxos"], BASE, 2), conduct, lambda *_: None)
    assert carried.interrupted
    assert carried.finished == [Path("raft"), Path("paxos")]


def test_who_promises():
    assert promises(["raft", "ring", "ring-quorum", "ring-one", "my.own:Store"]) == {
        "raft": True,
        "ring": True,
        "ring-quorum": False,
        "ring-one": False,
        "my.own:Store": True,
    }


# --- bad input -----------------------------------------------------------------------------------


@pytest.fixture
def labrys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[[str], tuple[int, str]]:
    """Runs a command line in this process: its exit status and errors."""
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["labrys", *shlex.split(line)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        status = ended.value.code
        assert isinstance(status, int)
        return status, capsys.readouterr().err

    return run


def stored(folder: Path, **run: str) -> None:
    """A directory with nothing of a run but its description."""
    folder.mkdir(parents=True)
    values = {"labrys": "run", "version": 1, "system": "raft", "workload": "register",
              "environment": "local", "config": {}, "schedule": []}  # fmt: skip
    (folder / "run.json").write_text(json.dumps(values | run))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("compare raft rafd", "there is no system 'rafd'; the nearest are: raft"),
        ("compare raft", "there is only one to compare"),
        ("compare raft raft", "the system 'raft' is named twice"),
        ("compare raft paxos --repeat 0", "--repeat cannot be 0; give a number from 1 to 1000"),
        ("compare raft paxos --repeat many", "Invalid value for '--repeat'"),
        ("compare raft paxos --nodes 0", "--nodes cannot be 0"),
        ("compare raft paxos --faults kil", "there is no fault 'kil'"),
        ("compare raft paxos --seed 9223372036854775807", "--seed cannot be"),
        ("compare raft single --faults membership", "the members of the system 'single' never"),
        ("compare raft a", "a is a stored run and raft is not; give systems or runs, not both"),
        ("compare a ./nowhere", "holds no run.json"),
        ("compare a empty", "empty holds no run.json"),
        ("compare a b", "all runs are of one system and one commit"),
        ("compare a other-work", "the runs have different workloads (register, queue)"),
        ("compare a other-world", "the runs have different environments (local, simulated)"),
        ("compare a newer", "use the newer Labrys"),
        ("compare a paxos-cut", "holds no history.jsonl"),
    ],
)
def test_bad_input(line: str, words: str, labrys: Callable[..., tuple[int, str]], tmp_path: Path):
    stored(tmp_path / "a")
    stored(tmp_path / "b")
    stored(tmp_path / "other-work", workload="queue", system="paxos")
    stored(tmp_path / "other-world", environment="simulated", system="paxos")
    stored(tmp_path / "newer", system="paxos", version=99)  # type: ignore[arg-type]
    stored(tmp_path / "paxos-cut", system="paxos")
    (tmp_path / "empty").mkdir()
    status, errors = labrys(line)
    assert status == 254, errors
    assert words in " ".join(errors.split())
    assert "Traceback" not in errors
    assert not (tmp_path / "store").exists()


def test_all_systems_are_named_before_anything_starts():
    with pytest.raises(UsageError, match="there is no system"):
        planned(["raft", "no-such"], BASE, 1)
