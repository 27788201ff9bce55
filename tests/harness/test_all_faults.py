"""All faults at once: every family that can be, and a sentence about each that cannot."""

from pathlib import Path
from typing import Any

import pytest

from checker.coverage import CLASSES, coverage
from harness.cluster import Capability
from harness.conduct import described
from harness.config import RunConfig
from harness.environments.local import LocalCluster
from harness.errors import OptionError
from harness.nemesis.catalogue import FAMILIES
from harness.run import Run, plan
from harness.simulation.run import plan_of
from harness.simulation.scenario import scenario_of
from harness.simulation.simulate import MemoryRecorder, simulate
from tests.harness.deployments import deployment


@pytest.mark.slow
def test_every_family_strikes_at_three_classes_of_targets_in_three_minutes() -> None:
    options: dict[str, Any] = {"rate": 5.0, "time_limit": 180.0, "faults": ("all",)}
    config = RunConfig(system="raft", environment="simulated", seed=1, **options)
    simulated = simulate(scenario_of(config), most_events=None)
    assert simulated.kind == ""
    planned = [(one.fault.family, one.fault.name) for one in simulated.scenario.schedule]
    leaders = [(one["time_ns"], one["node"]) for one in simulated.observed.leaders]
    met: dict[str, set[str]] = {family: set() for family in FAMILIES}
    for one in coverage(simulated.history, planned, config.nodes, leaders):
        met[one.family] |= set(one.targets)
    few = {family: classes for family, classes in met.items() if len(classes) < 3}
    assert not few, f"of {CLASSES}"


def test_what_cannot_be_is_left_out_with_its_reason(tmp_path: Path) -> None:
    config = RunConfig(system="single", environment="local", faults=("all",), time_limit=60.0)
    cluster = LocalCluster(deployment("single", config.node_names, tmp_path))
    planned = plan(config, cluster)
    assert {one.fault.family for one in planned.schedule} == {*FAMILIES} - {"membership", "power"}
    assert (
        "the members of the system 'single' never change: no membership faults" in planned.refused
    )
    assert "the local environment cannot cut power: no power faults" in planned.refused
    run = Run(planned, cluster, MemoryRecorder(cluster.clock))
    cluster.capabilities -= {Capability.PACKET}  # As a cluster that is open may find out.
    run._require_capabilities()
    told = described(run.plan)
    assert "packet" not in {one["family"] for one in told["schedule"]}
    assert any("cannot disturb packets" in why for why in told["refused"])


def test_a_family_that_is_asked_for_by_name_as_well_is_not_left_out(tmp_path: Path) -> None:
    config = RunConfig(system="raft", environment="local", faults=("all", "power"))
    with pytest.raises(OptionError, match="cannot hold power here"):
        plan(config, LocalCluster(deployment("raft", config.node_names, tmp_path)))


def test_the_simulator_says_what_it_cannot() -> None:
    config = RunConfig(system="single", environment="simulated", faults=("all",))
    (processors, members) = plan_of(scenario_of(config)).refused
    assert "no slow-processors" in processors + members
    assert "no membership faults" in processors + members


def test_all_faults_cannot_be_a_step_of_a_schedule() -> None:
    with pytest.raises(OptionError, match="name families"):
        RunConfig(system="raft", schedule="all 2")
