"""What each workload makes of each system: `python benchmarks/workloads.py [--seeds 20] [--local]`.

It prints a row a workload and system: the worst exit status of a number of simulated seeds (0
valid, 1 invalid, 2 unknown, 254 where the checker contradicts itself; `not served` where the system
has no such function), and the seed and the seconds after which the first was convicted. With
`--local` the status of one run of real processes of ten seconds stands beside it.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.tables import table
from checker.errors import InternalError
from harness import names
from harness.catalogue import WORKLOADS
from harness.config import RunConfig
from harness.simulation.scenario import swarm
from harness.simulation.simulate import simulate

SYSTEMS = (
    "raft", "paxos", "ring", "single", "raft-commits-alone", "raft-forgets-vote",
    "paxos-learns-from-one", "ring-small-quorums",
)  # fmt: skip
STATUS = {"": 0, "unknown": 2}


def simulated(system: str, workload: str, seeds: int) -> tuple[str, str]:
    """The worst status of these seeds, which end with the first conviction, and when it came."""
    base = RunConfig(system=system, workload=workload, environment="simulated")
    began, worst = time.monotonic(), 0
    for seed in range(seeds):
        try:
            kind = simulate(swarm(base, frozenset(), seed)).kind
        except InternalError as error:
            return "254", f"seed {seed}: {error}"
        if kind not in STATUS:
            return "1", f"seed {seed}, {time.monotonic() - began:.1f} s: {kind}"
        worst = max(worst, STATUS[kind])
    return str(worst), ""


def local(system: str, workload: str) -> str:
    """The exit status of one run."""
    line = [sys.executable, "-m", "harness", "run", system, "--workload", workload,
            "--environment", "local", "--time-limit", "10", "--seed", "7"]  # fmt: skip
    return str(subprocess.run(line, capture_output=True, check=False).returncode)


def row(workload: str, system: str, seeds: int, *, really: bool) -> tuple[str, ...]:
    if not {*WORKLOADS[workload].functions} <= {*names.node_class(system).functions}:
        return (workload, system, "not served", "", "not served" if really else "")
    status, when = simulated(system, workload, seeds)
    return (workload, system, status, when, local(system, workload) if really else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--local", action="store_true")
    options = parser.parse_args()
    rows = [
        row(workload, system, options.seeds, really=options.local)
        for workload in WORKLOADS
        for system in SYSTEMS
    ]
    print("\n".join(table(("workload", "system", "simulated", "convicted", "local"), rows)))


if __name__ == "__main__":
    main()
