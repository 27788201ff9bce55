"""Faults that wait for something to happen at a node, and strike just then, just there."""

from pathlib import Path
from typing import Any

import pytest

from harness import names
from harness.cluster import Capability
from harness.config import RunConfig
from harness.errors import OptionError, UsageError
from harness.nemesis.composition import Strike, read
from harness.nemesis.schedule import PlannedFault
from harness.nemesis.triggers import (
    Acknowledgement,
    Aimed,
    ElectionSeen,
    FactTold,
    LineLogged,
    Trigger,
    read_trigger,
)
from harness.simulation.scenario import scenario_of
from harness.simulation.simulate import Simulated, simulate
from tests.processes import labrys

TRIGGERS = [
    ElectionSeen(),
    Acknowledgement(),
    FactTold("members"),
    FactTold("role", "candidate"),
    FactTold("ballot", role="follower"),
    FactTold("term", "3", "leader"),
    LineLogged("it's led: by whom?"),
]


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: trigger.text)
def test_what_is_written_is_read(trigger: Trigger) -> None:
    assert read_trigger(trigger.text) == trigger
    name = f"kill-one@{trigger.text}"
    fault = names.fault(name)
    assert fault == Aimed(names.fault("kill-one"), trigger)
    assert fault.name == names.name_of(fault) == name
    assert not names.is_foreign(name)
    assert read(f"{name} 2.5") == Strike(name, 2.5)
    planned = PlannedFault(1, fault, 0, 1, 7)
    assert PlannedFault.from_json(planned.to_json()) == planned


def test_a_family_waits_as_well() -> None:
    aimed = names.faults("kill@election")
    assert [fault.name for fault in aimed] == [
        f"{fault.name}@election" for fault in names.faults("kill")
    ]
    assert {fault.family for fault in aimed} == {"kill"}


@pytest.mark.parametrize("text", ["", "a b", '"', '""', "=leader", "role="])
def test_no_trigger(text: str) -> None:
    with pytest.raises(UsageError, match=r"there is no trigger .*; write election, "):
        names.faults(f"kill-one@{text}")


@pytest.mark.parametrize(
    ("trigger", "before", "now", "at"),
    [
        (ElectionSeen(), {"n1": 3}, {"n1": 3}, None),
        (ElectionSeen(), {"n1": 3}, {"n2": 3}, None),
        (ElectionSeen(), {"n1": 3}, {"n2": 4, "n1": 3}, "n2"),
        (ElectionSeen(), {}, {"n2": 4}, "n2"),
        (Acknowledgement(), {"n1": 8}, {"n1": 8}, None),
        (Acknowledgement(), {"n1": 8}, {"n3": 9}, "n3"),
        (FactTold("term"), {"n1": ("1", 0)}, {"n1": ("1", 1), "n2": ("2", 0)}, None),
        (FactTold("term"), {"n1": ("1", 0), "n2": ("1", 0)}, {"n2": ("2", 0)}, "n2"),
        (FactTold("a", "x"), {"n1": ("y", 0)}, {"n1": ("z", 0)}, None),
        (FactTold("a", "x"), {"n1": ("x", 0)}, {"n1": ("x", 0)}, None),
        (FactTold("a", "x"), {"n1": ("y", 0)}, {"n1": ("x", 0)}, "n1"),
        (FactTold("a", role="r"), {"n1": ("x", "r")}, {"n1": ("y", "s")}, None),
        (FactTold("a", role="r"), {"n1": ("x", "s")}, {"n1": ("y", "r")}, "n1"),
        (LineLogged("a"), {"n1": []}, {"n1": []}, None),
        (LineLogged("a"), {"n1": ["a 1"]}, {"n1": ["a 1"]}, None),
        (LineLogged("a"), {"n1": []}, {"n1": ["a 1"]}, "n1"),
        (LineLogged("a"), {"n1": ["a", "a"]}, {"n1": ["a"]}, None),
        (LineLogged("a"), {"n1": ["a 1", "a 2"]}, {"n1": ["a 2", "a 3"]}, "n1"),
        (LineLogged("a"), {"n1": ["a 1"]}, {"n1": []}, None),
    ],
)
def test_when_it_fires(
    trigger: Trigger, before: dict[str, Any], now: dict[str, Any], at: str | None
) -> None:
    assert trigger.fired(before, now) == at


def run(schedule: str, system: str = "raft", seed: int = 1) -> Simulated:
    config = RunConfig(system=system, environment="simulated", nodes=5, rate=20.0, seed=seed,
                       time_limit=8.0, schedule=schedule)  # fmt: skip
    return simulate(scenario_of(config))


def test_it_strikes_the_node_at_which_it_happened_and_just_then() -> None:
    found = run("kill-leader 3 & isolate-one@election 6")
    killed, aimed = sorted(found.history.faults, key=lambda fault: fault.name != "kill-leader")
    (leader,) = killed.nodes
    new = aimed.detail.partition("after election at ")[2].partition(":")[0]
    assert new not in ("", leader)
    assert aimed.detail.endswith(f"{new} cut off from all others")
    assert 0 < aimed.injected_ns - killed.injected_ns < 2_000_000_000
    assert found.fingerprint == run("kill-leader 3 & isolate-one@election 6").fingerprint


@pytest.mark.parametrize("system", ["raft", "paxos", "ring"])
def test_triggers_of_the_simulator(system: str) -> None:
    found = run("pause-one@acknowledgement 1; remove-node 5 & kill-one@members 5", system)
    struck = {fault.name: fault.detail for fault in found.history.faults}
    assert struck["pause-one@acknowledgement"].startswith("after acknowledgement at n")
    assert struck["kill-one@members"].startswith("after members at n")
    assert found.kind == ""


def test_what_does_not_come_is_told_and_leaves_the_verdict_open() -> None:
    found = run("kill-one@colour 1")
    (fault,) = found.history.faults
    assert fault.detail == "nothing: colour did not come in time"
    assert fault.applied is False


def test_lines_of_logs_are_awaited_where_there_are_logs() -> None:
    fault = names.fault('kill-one@"leads"')
    assert fault.needs == {Capability.KILL, Capability.LOG}
    with pytest.raises(OptionError, match="simulated nodes have no logs"):
        run('kill-one@"leads" 1')


@pytest.mark.deep
@pytest.mark.local
def test_real_nodes_are_struck_just_after_what_they_log(tmp_path: Path) -> None:
    schedule = 'wait 1; kill-leader 2 & pause-one@"role=leader" 4'
    line = f"--environment local --nodes 3 --rate 50 --time-limit 6 --schedule '{schedule}'"
    done = labrys(f"run raft {line}", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (history,) = tmp_path.glob("store/raft-register/2*/history.jsonl")
    assert 'after \\"role=leader\\" at n' in history.read_text()
