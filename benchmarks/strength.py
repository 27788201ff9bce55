"""How many planted errors are convicted: `python benchmarks/strength.py [--runs 100]`.

Simulated runs of Raft with ten clients and five keys, partitions and kills, each workload in turn.
Of each run that is valid, mutated copies are judged as `labrys run` does. The figure is the share
of all copies that was convicted; below 95 % the exit status is 1.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness.config import RunConfig
from harness.simulation.scenario import scenario_of
from harness.simulation.simulate import simulate
from harness.strength import trial_of

WORKLOADS = ("register", "append", "set", "queue", "counter", "owned-lock", "bank", "kv")
COPIES = 20
TARGET_SHARE = 0.95


def measure(runs: int, workloads: tuple[str, ...] = WORKLOADS) -> dict[str, Any]:
    """Try that many valid runs; what was convicted, in all and by kind of error."""
    kinds: dict[str, list[int]] = {}
    missed: list[str] = []
    valid = seed = undecided = 0
    while valid < runs:
        seed += 1
        workload = workloads[valid % len(workloads)]
        config = RunConfig(
            system="raft", environment="simulated", workload=workload, seed=seed, rate=100.0,
            time_limit=10.0,
        )  # fmt: skip
        simulated = simulate(scenario_of(config), most_events=None)
        if simulated.kind:
            continue
        valid += 1
        trial = trial_of(simulated.history, config.named_workload, seed, COPIES, 512)
        undecided += trial.undecided
        missed += [f"{workload}, seed {seed}: {why}" for why in trial.missed]
        for kind, (convicted, copies) in trial.kinds.items():
            counts = kinds.setdefault(kind, [0, 0])
            counts[0] += convicted
            counts[1] += copies
    convicted, copies = (sum(counts[place] for counts in kinds.values()) for place in (0, 1))
    return {
        "runs": valid,
        "copies": copies,
        "undecided": undecided,
        "convicted": convicted,
        "share": round(convicted / copies, 4),
        "kinds": kinds,
        "missed": missed[:20],
        "target_share": TARGET_SHARE,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    found = measure(parser.parse_args().runs)
    print(json.dumps(found, indent=1))
    return 0 if found["share"] >= TARGET_SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
