"""Every workload passes the systems that serve it, and convicts a flawed one, in simulated runs."""

import pytest

from harness import names
from harness.catalogue import WORKLOADS
from harness.config import RunConfig
from harness.simulation.scenario import swarm
from harness.simulation.simulate import Simulated, simulate

PASSES = ("raft", "paxos", "ring")
FOREIGN = ("echo", "broadcast", "g-set", "g-counter", "pn-counter")
"""What only programs that speak Maelstrom's protocol serve, or promise for the end alone."""

OURS = [name for name in WORKLOADS if name not in FOREIGN]
CONVICTS = dict.fromkeys(OURS, "raft-commits-alone") | {"leader": "raft-forgets-vote"}
SEEDS = 3
MOST_SEEDS = 40


def run(system: str, workload: str, seed: int) -> Simulated:
    base = RunConfig(system=system, workload=workload, environment="simulated")
    return simulate(swarm(base, frozenset(), seed))


SERVED = [
    (system, name)
    for system in PASSES
    for name, workload in WORKLOADS.items()
    if {*workload.functions} <= {*names.node_class(system).functions}
]


@pytest.mark.parametrize(("system", "workload"), SERVED)
def test_systems_that_keep_their_promise_pass(system: str, workload: str) -> None:
    for seed in range(SEEDS):
        found = run(system, workload, seed)
        assert found.kind == "", f"seed {seed}: {found.reason}"


@pytest.mark.parametrize("workload", OURS)
def test_a_flawed_system_is_convicted_by_what_clients_saw(workload: str) -> None:
    kinds = (run(CONVICTS[workload], workload, seed).kind for seed in range(MOST_SEEDS))
    assert "not linearizable" in kinds


def test_all_workloads_are_served_by_all_but_the_election_which_only_raft_knows() -> None:
    missing = {(system, name) for system in PASSES for name in OURS} - {*SERVED}
    assert missing == {("paxos", "leader"), ("ring", "leader")}
