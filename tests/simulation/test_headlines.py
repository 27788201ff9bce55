"""Of a run that a flaw has made invalid, the headline alone says what happened."""

import re
from itertools import count

import pytest

from harness.config import RunConfig
from harness.simulation.scenario import swarm
from harness.simulation.simulate import simulate

TEN = (
    "raft-stale-reads", "raft-commits-alone", "raft-no-sync", "raft-forgets-sessions",
    "paxos-half-quorum", "paxos-ignores-accepted", "ring-small-quorums", "ring-sloppy-quorum",
    "primary-backup", "two-phase-commit",
)  # fmt: skip

HEADLINE = re.compile(
    r"(Stale read|Lost (update|write)|Dirty read|Garbage read|Future read|Duplicate): "
    r".*process(es)? \d+ .*(\d|null).*"
    r"(, while |, after ).+\."
)


@pytest.mark.parametrize("flaw", TEN)
def test_the_headline_names_anomaly_operations_and_faults(flaw: str):
    base = RunConfig(system=flaw, environment="simulated")
    runs = (simulate(swarm(base, frozenset(), seed)) for seed in count(1))
    found = next(run for run in runs if run.kind == "not linearizable")
    assert HEADLINE.fullmatch(found.reason), found.reason
    shown = {str(operation.process) for operation in found.result.counterexample}
    told = re.findall(r"process(?:es)? (\d+)(?: and (\d+))?", found.reason)
    assert {number for pair in told for number in pair if number} <= shown
