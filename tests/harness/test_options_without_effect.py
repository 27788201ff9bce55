"""An option that would have no effect beside the others is refused by name, wherever it stands."""

import shlex
import shutil
import sys
from dataclasses import fields
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness import cli, names
from harness.catalogue import WORKLOADS
from harness.commands.options import OF_A_RUN, flag
from harness.config import RunConfig
from harness.errors import OptionError, UsageError
from harness.nightly.plan import read_plan
from harness.options_file import read_options
from workloads.workload import Call, Shape

STORED = Path(__file__).parents[1] / "stored" / "ring-simulated"
HISTORY = '{"labrys":"history","version":1}\n'
SCHEDULE = "wait 1; kill-one 1"

VALUES: dict[str, Any] = {
    "workload": "register", "environment": "simulated", "faults": ["kill"], "fault_interval": 3.0,
    "schedule": SCHEDULE, "nodes": 3, "spares": 1, "clients": 3, "time_limit": 9.0, "rate": 50.0,
    "seed": 4, "values": "repeated:3", "keys": 2, "operations_per_key": 50, "reads": 10,
    "operation_timeout": 1.0, "recovery_limit": 9.0, "check_time_limit": 9.0,
    "check_memory_limit": 512, "check_online": True, "clients_stay": True,
    "popularity": "hot:60", "load": "ramp(5, 50, 4, all)",
    "mutations": 5, "strength": "convicted>=90", "require": ["recovery<=5s", "ok>=99 during kill"],
    "open_loop": True, "session_calls": 5, "connections": 4,
    "program": "cat", "latency": 0.5, "loss": 1.0, "duplicates": 2.0,
}  # fmt: skip
"""A value of each option."""

RAFT = {"system": "raft"}
PROGRAM = {"program": "cat", "environment": "maelstrom"}
USUAL: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("program", "latency", "loss", "duplicates"), PROGRAM),
    "open_loop": {**RAFT, "rate": 50.0},
    "session_calls": {**RAFT, "rate": 50.0, "open_loop": True},
    "connections": {**RAFT, "environment": "local"},
}
"""Beside what an option makes sense, where it does not beside a bundled system alone."""

SERVED = [
    name
    for name, row in WORKLOADS.items()
    if {*row.functions} <= {*names.node_class("raft").functions}
]

BESIDE: dict[str, list[dict[str, Any]]] = {
    "faults": [{"schedule": SCHEDULE}],
    "fault_interval": [{"schedule": SCHEDULE}, {"faults": []}],
    "values": [{"workload": name} for name in SERVED if name != "register"],
    "rate": [{"load": "limit(5, all)"}],
    "open_loop": [{"load": "limit(5, all)"}],
    "session_calls": [{"open_loop": False}],
    "connections": [{"environment": "simulated"}],
    "keys": [{"workload": "leader"}],
    "popularity": [{"workload": "leader"}],
    "operations_per_key": [{"workload": "leader"}],
    "reads": [{"workload": name} for name in ("queue", "unique-ids", "lock", "leader")],
    **{name: [{"environment": "local", **RAFT}] for name in ("latency", "loss", "duplicates")},
}
"""What leaves an option without an effect; no others have such."""


@pytest.mark.parametrize("option", OF_A_RUN)
def test_each_option_is_taken_or_refused_by_name(option: str) -> None:
    value = VALUES[option]
    usual = USUAL.get(option, RAFT)
    assert option not in RunConfig.asked({**usual, option: value}).without_effect
    for other in BESIDE.get(option, ()):
        with pytest.raises(OptionError) as refused:
            RunConfig.asked({**(other if "system" in other else usual), option: value, **other})
        assert refused.value.option == option
        assert "--" not in str(refused.value)


@pytest.mark.parametrize("option", OF_A_RUN)
def test_what_is_kept_of_a_run_can_be_asked_for_again(option: str, tmp_path: Path) -> None:
    config = RunConfig.asked({**USUAL.get(option, RAFT), option: VALUES[option]})
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml())
    assert RunConfig.asked(read_options(path).values) == config


class Watched(Shape):
    """Notes which of its options are looked at."""

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_"):
            LOOKED_AT.add(name)
        return super().__getattribute__(name)


LOOKED_AT: set[str] = set()


@pytest.mark.parametrize("name", WORKLOADS)
def test_workloads_know_the_options_that_they_depend_on(name: str) -> None:
    LOOKED_AT.clear()
    calls = names.workload(name).calls(Random(1), Watched())
    for _ in range(300):
        call: Call = calls.next()
        calls.saw(call, None)
    assert WORKLOADS[name].options == LOOKED_AT
    assert WORKLOADS[name].options <= {option.name for option in fields(Shape)}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        *(
            (f"run raft --schedule '{SCHEDULE}' {flag(option)} {value}", f"{flag(option)} cannot")
            for option, value in (("faults", "kill"), ("fault_interval", "2"))
        ),
        ("run raft --faults none --fault-interval 2", "--fault-interval has no effect"),
        ("run --config both.toml", "both.toml, line 2: faults cannot stand"),
        ("run raft --workload queue --reads 5", "--reads has no effect on the workload 'queue'"),
        ("explore raft --workload append --values repeated:2", "--values has no effect"),
        ("explore raft --jobs 2 --executor dask://h:1", "--jobs has no effect"),
        ("nightly --jobs 2 --executor dask://h:1", "--jobs has no effect"),
        ("compare raft paxos --workload queue --reads 5", "--reads has no effect"),
        ("compare ./run ./run --nodes 3 --repeat 2", "--nodes, --repeat cannot be said of stored"),
        *(
            (f"check run {option}", f"{option.partition(' ')[0]} cannot be said of run, a run")
            for option in (
                "--model queue", "--format edn", "--engine graph", "--initial 1", "--rename a=b",
                "--nil-reads unknown", "--keyed no", "--time-limit 5", "--memory-limit 100",
            )
        ),
        ("check history.jsonl --engine zones --executor dask://h:1", "--executor has no effect"),
        ("replay run --json --trust", "--json, --no-shrink and --store cannot be said of run"),
    ],
)  # fmt: skip
def test_commands_refuse_it(
    line: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(STORED, "run")
    Path("history.jsonl").write_text(HISTORY)
    Path("both.toml").write_text(f'system = "raft"\nfaults = ["kill"]\nschedule = "{SCHEDULE}"\n')
    monkeypatch.setattr(sys, "argv", ["labrys", *shlex.split(line)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert ended.value.code == 254
    assert words in said.err
    assert said.out == ""
    assert not Path("store").exists()


def test_a_plan_says_faults_or_a_schedule(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    canary = '[[canaries]]\nsystems = ["raft-no-sync"]\nenvironments = ["local"]\n'
    cell = '[[matrix]]\nsystems = ["raft"]\nenvironments = ["local"]\n'
    cell += f'options = {{schedule = "{SCHEDULE}"}}\n'
    plan.write_text(cell + canary)
    (planned,) = [one for one in read_plan(plan).cells if not one.canary]
    assert planned.config(1).schedule == SCHEDULE
    assert planned.faults == "scheduled"
    plan.write_text(cell + 'faults = ["kill"]\n' + canary)
    with pytest.raises(UsageError, match="'faults' cannot stand beside a schedule"):
        read_plan(plan)
