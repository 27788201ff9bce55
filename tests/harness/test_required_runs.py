"""What is required of a run is met by one store and missed by another, in all the ways to ask."""

import json
from pathlib import Path

import pytest

from harness.config import RunConfig
from harness.errors import OptionError
from harness.nightly.job import again
from harness.nightly.plan import read_plan
from harness.simulation.scenario import scenario_of
from harness.simulation.simulate import REQUIREMENT, simulate
from tests.processes import labrys

KEPT = "ok>=99 during partition"
RUN = (
    "run {} --environment simulated --nodes 3 --faults kill-leader --time-limit 16 "
    "--fault-interval 8 --rate 100 --seed 1 "
    "--require 'recovery<=5s during kill' --require 'p99<=500ms outside faults'"
)


@pytest.mark.slow
def test_a_store_that_goes_on_and_one_that_stops_for_elections(tmp_path: Path) -> None:
    met = labrys(RUN.format("raft"), tmp_path)
    assert met.returncode == 0, met.stdout
    assert "✔ required   recovery<=5s during kill: met, " in met.stdout
    assert "✔ required   p99<=500ms outside faults: met, " in met.stdout
    missed = labrys(RUN.format("tests.nodes.slow_elections:SlowElections"), tmp_path)
    assert missed.returncode == 1, missed.stdout
    assert "✘ required   recovery<=5s during kill: missed, " in missed.stdout
    assert "; the history is linearizable" in missed.stdout
    (result,) = tmp_path.glob("store/tests*/*/result.json")
    told = json.loads(result.read_text())
    assert (told["verdict"], told["linearizability"]["verdict"]) == ("invalid", "valid")
    page = result.with_name("report.html").read_text()
    assert "Invalid, though linearizable: a requirement was missed" in page
    assert "recovery&lt;=5s during kill" in page


def test_requirements_stand_in_the_configuration_and_in_the_line_that_asks_again() -> None:
    config = RunConfig.asked({"system": "raft", "require": [KEPT, "recovery<=5s"]})
    assert [one.measure for one in config.requirements] == ["ok", "recovery"]
    assert "--require 'ok>=99 during partition' --require 'recovery<=5s'" in config.command
    assert f'require = [\n    "{KEPT}",' in config.to_toml()
    with pytest.raises(OptionError, match=r"require cannot be 'ok>99': it is no requirement"):
        RunConfig.asked({"system": "raft", "require": ["ok>99"]})


def test_a_simulated_seed_that_misses_what_is_required_has_failed() -> None:
    options = {"system": "single", "environment": "simulated", "nodes": 1, "rate": 50.0}
    config = RunConfig(**options, time_limit=4.0, faults=("kill",), require=("ok>=1", "max<=1us"))  # type: ignore[arg-type]
    found = simulate(scenario_of(config))
    assert found.kind == REQUIREMENT
    assert found.failed
    assert "a requirement was missed (max<=1us: " in found.reason
    assert found.reason.endswith("; the history is linearizable")


def test_a_plan_of_a_night_may_require(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(
        '[[matrix]]\nsystems = ["raft"]\noptions = { require = ["ok>=99 during partition"] }\n'
        '[[canaries]]\nsystems = ["raft-commits-alone"]\nfaults = ["drawn"]\n'
    )
    _, cell = read_plan(plan).cells
    assert cell.name.endswith("require=ok>=99 during partition")
    assert cell.config(3).require == (KEPT,)
    assert "--require 'ok>=99 during partition'" in again(cell, 3)
    assert {cell: 1}, "cells are keys of dictionaries"
