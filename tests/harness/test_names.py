"""A name is looked up in one place, and a user's own may stand wherever one of Labrys's may."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import names
from harness.config import RunConfig
from harness.errors import OptionError, UsageError
from harness.nemesis.catalogue import FAULTS
from harness.nemesis.schedule import PlannedFault, choose_faults
from harness.nightly.plan import read_plan
from harness.simulation.scenario import scenario_of

ROOT = Path(__file__).parents[2]

STACK = '''
from checker import Inconsistent

class Stack:
    """Last in, first out."""

    name = "queue"

    def initial(self):
        return ()

    def step(self, state, operation):
        if operation.function == "push":
            return (*state, operation.argument)
        if operation.result == (state[-1] if state else None):
            return state[:-1]
        return Inconsistent("another value is on top")
'''

MINE = '''
from dataclasses import replace
from harness.nemesis.fault import Fault, Target
from harness.nemesis.nodes import Kill
from systems_under_test.node import Node
from systems_under_test.single import Single
from workloads.register import REGISTER

class Mine(Single):
    """A store of the user's."""

class Unfinished(Node):
    """Has none of the methods of a node."""

class Restart(Kill):
    family = "restart"
    name = "restart-one"

    def __init__(self):
        super().__init__(Target.ONE)

class Plain(Fault):
    """One whose instances are equal to themselves alone."""

    async def inject(self, cluster, random):
        return "nothing"

    async def heal(self, cluster):
        pass

class HealsNot(Fault):
    async def inject(self, cluster, random):
        return "nothing"

class NeedsMore(Restart):
    def __init__(self, target):
        """It cannot be made without."""

READS = replace(REGISTER, name="my:READS")
NO_CALLS = replace(REGISTER, calls=None)
NO_FUNCTIONS = replace(REGISTER, functions=(), model=object)
PEEKS = replace(REGISTER, functions=("read", "peek"))
'''

BROKEN = {
    "syntax": "def",
    "raising": "1 / 0",
    "leaving": "import sys; sys.exit(0)",
    "asserting": "assert False, 'two\\nlines'",
    "needing": "import no_such_module",
    "empty": "",
}
"""Modules that do something else than define what is asked of them."""

SYSTEM, WORKLOAD, FAULT, MODEL = "run {}", "run raft --workload {}", "run raft --faults {}", ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a user works, with modules of their own."""
    path = tmp_path_factory.mktemp("user")
    modules = {"stacks": STACK, "my": MINE, **BROKEN}
    for name, text in modules.items():
        (path / f"{name}.py").write_text(text)
    return path


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder is the current one, and no module of it is left behind."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) in map(str, folder.glob("*.py")):
            del sys.modules[name]


def labrys(folder: Path, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", "from harness.cli import main; main()", *words],
        cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def history(*events: tuple[str, object, object]) -> str:
    lines = ['{"labrys":"history","version":1}']
    for number, (function, argument, result) in enumerate(events):
        call = {"process": 0, "function": function, "key": "x", "argument": argument}
        lines.append(json.dumps({"type": "invoke", **call, "time_ns": 2 * number}))
        answer = {"process": 0, "result": result, "time_ns": 2 * number + 1}
        lines.append(json.dumps({"type": "ok", **answer}))
    return "\n".join(lines) + "\n"


def test_a_history_is_judged_by_a_model_of_the_users(folder: Path) -> None:
    pushed = ("push", 1, 1), ("push", 2, 2)
    (folder / "good.jsonl").write_text(history(*pushed, ("pop", None, 2), ("pop", None, 1)))
    (folder / "bad.jsonl").write_text(history(*pushed, ("pop", None, 1), ("pop", None, 2)))
    assert labrys(folder, "check", "good.jsonl", "--model", "stacks:Stack", "--json")[0] == 0
    status, output, _ = labrys(folder, "check", "bad.jsonl", "--model", "stacks:Stack", "--json")
    assert (status, json.loads(output)["verdict"]) == (1, "invalid")


def test_all_four_kinds_in_one_campaign(folder: Path) -> None:
    status, output, errors = labrys(
        folder, "explore", "my:Mine", "--workload", "my:READS", "--faults", "my:Restart,pause",
        "--nodes", "1", "--seeds", "3", "--jobs", "1", "--json",
    )  # fmt: skip
    assert status == 0, errors
    answer = json.loads(output)
    assert (answer["system"], answer["workload"]) == ("my:Mine", "my:READS")
    assert answer["faults"]["restart-one"] > 0


@pytest.mark.usefixtures("here")
def test_a_plan_in_toml_names_them_too(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(
        '[[matrix]]\nsystems = ["my:Mine"]\nworkloads = ["my:READS"]\nfaults = ["my:Restart"]\n'
        '[[canaries]]\nsystems = ["raft-no-sync"]\nfaults = ["drawn"]\n'
    )
    cell = read_plan(plan).cells[-1]
    assert (cell.system, cell.workload, cell.faults) == ("my:Mine", "my:READS", "my:Restart")


@pytest.mark.usefixtures("here")
def test_a_schedule_that_was_stored_finds_a_fault_of_the_users_again() -> None:
    fault = names.fault("my:Restart")
    planned = PlannedFault(1, fault, 5, 6, 7)
    assert planned.to_json()["name"] == "restart-one"
    assert type(PlannedFault.from_json(planned.to_json()).fault) is type(fault)
    assert choose_faults(["my:Restart"], 3).keys() == {"restart"}


@pytest.mark.usefixtures("here")
def test_a_schedule_by_hand_strikes_with_each_fault_of_the_users() -> None:
    text = "2 * (my:Plain 0.2; my:Restart 0.2; my:Plain@term 0.2)"
    config = RunConfig(system="raft", environment="simulated", time_limit=2.0, schedule=text)
    struck = [one.fault.name for one in scenario_of(config).schedule]
    assert struck == ["plain", "restart-one", "plain@term"] * 2


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_a_schedule_that_was_stored_finds_every_fault_again(fault: object) -> None:
    planned = PlannedFault(1, fault, 5, 6, 7)  # type: ignore[arg-type]
    assert "found_by" not in planned.to_json()
    assert PlannedFault.from_json(planned.to_json()) == planned


KINDS = {
    "system": ("run {}",),
    "workload": ("run raft --workload {}", "explore raft --workload {}"),
    "fault": ("run raft --faults {}", "explore raft --faults kill,{}"),
    "model": ("check good.jsonl --model {}",),
}
REFUSED = [
    *(
        (kind, f"{module}:Thing", f"cannot import the {kind} '{module}:Thing'")
        for kind in KINDS
        for module in (*BROKEN, "no_such_module", "my", "")
    ),
    ("system", "my:READS", "is not a subclass"),
    ("system", "my:Unfinished", "define its on_message(), on_start(), on_timer()"),
    ("workload", "my:Mine", "is not a workload"),
    ("workload", "my:NO_CALLS", "has no calls()"),
    ("workload", "my:NO_FUNCTIONS", "has no functions"),
    ("fault", "my:READS", "is not a subclass of harness.nemesis.fault.Fault"),
    ("fault", "my:Mine", "is not a subclass of harness.nemesis.fault.Fault"),
    ("fault", "my:NeedsMore", "cannot be made"),
    ("fault", "stacks:Stack", "is not a subclass of harness.nemesis.fault.Fault"),
    ("fault", "my:HealsNot", "define its heal()"),
    ("model", "my:READS", "is not a class"),
    ("model", "my:Mine", "cannot be made"),
    ("model", "my:Restart", "has no initial"),
]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("kind", "name", "words"), REFUSED)
def test_what_is_not_there_or_is_something_else(kind: str, name: str, words: str) -> None:
    resolve = {
        "system": names.node_class, "workload": names.workload, "fault": names.fault,
        "model": names.model,
    }[kind]  # fmt: skip
    with pytest.raises(UsageError) as refused:
        resolve(name)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.usefixtures("here")
def test_a_workload_that_calls_what_the_system_does_not_serve_is_refused() -> None:
    with pytest.raises(UsageError) as refused:
        RunConfig(system="raft", workload="my:PEEKS")
    said = str(refused.value)
    assert said.startswith(
        "workload cannot be 'my:PEEKS', which calls peek: the system 'raft' serves read, write, "
    )
    assert "; workloads that fit: register, append" in said


@pytest.mark.parametrize("line", [line for lines in KINDS.values() for line in lines])
def test_one_sentence_on_the_command_line(folder: Path, line: str) -> None:
    (folder / "good.jsonl").write_text(history(("read", None, None)))
    for module in ("leaving", "syntax"):
        words = line.format(f"{module}:Thing").split()
        status, output, errors = labrys(folder, *words)
        assert (status, output) == (254, "")
        assert errors.startswith("labrys: cannot import the ")
        assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"nodes": 0}, "nodes cannot be 0; give a number from 1 to 25"),
        ({"time_limit": -1}, "time_limit cannot be -1; give a number from 0.1 to 604800"),
        ({"values": "many"}, "values cannot be 'many'; give counters"),
        ({"faults": ["partition-majorities-ring"], "nodes": 3}, "faults cannot be"),
        ({"clients": "two"}, "clients cannot be 'two'; give a whole number"),
    ],
)
def test_a_test_or_a_file_is_not_told_of_flags(options: dict[str, object], problem: str) -> None:
    with pytest.raises(OptionError) as refused:
        RunConfig.from_values({"system": "raft", **options})
    assert str(refused.value).startswith(problem)
    assert "--" not in str(refused.value)


def test_everything_that_can_be_named_is_listed(folder: Path) -> None:
    status, output, _ = labrys(folder, "list")
    assert status == 0
    assert [line for line in output.splitlines() if not line.startswith(" ")] == [
        f"{kind}:" for kind in names.LISTS
    ]
    for kind, rows in names.LISTS.items():
        assert labrys(folder, "list", kind)[1].count("\n") == len(rows())
