"""Every workload passes the systems that serve it, and convicts a flawed one, in simulated runs."""

import pytest

from harness.catalogue import WORKLOADS
from harness.config import RunConfig
from harness.simulation.scenario import swarm
from harness.simulation.simulate import Simulated, simulate

PASSES = ("raft", "paxos", "ring")
CONVICTS = "raft-commits-alone"
SEEDS = 2
MOST_SEEDS = 40


def run(system: str, workload: str, seed: int) -> Simulated:
    base = RunConfig(system=system, workload=workload, environment="simulated")
    return simulate(swarm(base, frozenset(), seed))


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("system", PASSES)
def test_systems_that_keep_their_promise_pass(system: str, workload: str) -> None:
    for seed in range(SEEDS):
        found = run(system, workload, seed)
        assert found.kind == "", f"seed {seed}: {found.reason}"


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_flawed_system_is_convicted_by_what_clients_saw(workload: str) -> None:
    kinds = (run(CONVICTS, workload, seed).kind for seed in range(MOST_SEEDS))
    assert "not linearizable" in kinds
