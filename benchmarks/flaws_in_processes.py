"""Which real runs convict each flaw: `python benchmarks/flaws_in_processes.py [NAME ...]`.

Up to ten runs of each flawed system as local processes, each of another seed, until one is invalid.
It prints the second table of docs/flaws.md, and with `--write` puts it there. Other work on the
machine moves the moments in which flaws show.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.flaws import weak
from benchmarks.tables import put, table

RUNS = 10
USUAL = "--faults partition,kill,pause"
CHANGES = "--faults membership,partition,kill,pause --spares 1"
OPTIONS = {
    "raft-stale-reads": "--faults partition",
    "raft-forgets-vote": "--faults isolate-leader,kill-all --fault-interval 4 --time-limit 40",
    "raft-commits-earlier-terms": "--faults isolate-leader,kill-all --fault-interval 2 "
    "--time-limit 40",
    "raft-one-step-change": CHANGES,
    "paxos-accepts-lower-ballots": "--faults estrange-leaders",
    "paxos-half-quorum": "--faults partition-halves",
    "paxos-shared-ballots": "--schedule 'wait 1; packet-regions 18 & partition-majorities-ring 18 "
    "& 12 * (kill-leader 0.5; wait 1)'",
    "ring-no-write-back": "--faults partition-bridge,kill-one --fault-interval 1 --keys 2 "
    "--operations-per-key 2000 --reads 60",
    "ring-lost-hint": "--faults partition-halves,isolate-one --fault-interval 3 --clients 20",
    "ring-serves-early": CHANGES,
    "ring-old-epoch": "--spares 1 --keys 4 --operations-per-key 500 --schedule 'wait 1; "
    "9 * (membership 1; wait 1) & 6 * partition-swizzle 3 & packet-delay 18'",
    "paxos-forgotten-promise": "--nodes 3 --time-limit 30 --schedule 'wait 1; "
    "9 * (estrange-leaders 2; wait 1) & 90 * restart-one@follower.ballot 0.3'",
    "ring-skewed-clock": "--faults clock",
    "raft-no-fsync": "--environment namespaces --nodes 3 --rate 100 --time-limit 12 --faults power "
    "--fault-interval 3",
    "raft-cuts-damage": "--faults disk-flip,disk-truncate --fault-interval 2",
    "ring-trusts-hearsay": f"{CHANGES} --fault-interval 1",
}
"""What shows a flaw, where it is not what is usual."""

NOT_HERE = {
    "raft-no-pre-vote": "loses nothing; it is found where a failure outlasts the faults, and in "
    "real runs all is healed",
}
"""Flaws whose trouble real runs do not make at all."""

BY_CHANCE = {
    "paxos-forgotten-promise": "needs an acceptor that crashes and is back between a promise and "
    "the next message of that leader, while the one before still leads",
    "paxos-shared-ballots": "needs two nodes that begin phase 1 within the same milliseconds, and "
    "do not hear each other",
    "ring-old-epoch": "needs a coordinator that has not heard of a change which its replicas have "
    "heard of, for the tenth of a second until the next beat, while another replica is away",
    "ring-trusts-hearsay": "needs two coordinators of one key, one of which dies halfway, and a "
    "change of members, all within milliseconds",
}
"""Flaws whose moment is shorter than real faults can be aimed: why no run may show them."""

HEAD = ("system", "options", "first run that convicts", "found as")


def row(name: str, store: str) -> Sequence[str]:
    """One line of the table."""
    if name in NOT_HERE:
        return f"`{name}`", "–", "–", NOT_HERE[name]
    options = OPTIONS.get(name, USUAL)
    if "--time-limit" not in options:
        options += " --time-limit 20"
    where = [] if "--environment" in options else ["--environment", "local"]
    for seed in range(1, RUNS + 1):
        words = [
            sys.executable, "-m", "harness", "run", name, *where, *shlex.split(options),
            "--seed", str(seed), "--json", "--store", store,
        ]  # fmt: skip
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1, 2):
            raise SystemExit(f"{' '.join(words)} ended with {done.returncode}: {done.stderr}")
        if done.returncode == 1:
            told = json.loads(done.stdout)
            kinds = {
                "not linearizable": told["linearizability"]["verdict"] == "invalid",
                "not live": not told["liveness"].get("passed", True),
                "broken invariant": bool(told["findings"]),
            }
            found = ", ".join(kind for kind, found in kinds.items() if found)
            return f"`{name}`", f"`{options}`", f"{seed}", found
    return f"`{name}`", f"`{options}`", f"none of {RUNS}", BY_CHANCE.get(name, "–")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as store:
        for name in options.names or weak():
            rows.append(row(name, store))
            print(" | ".join(rows[-1]), flush=True)
    if options.write:
        put("flaws.md", "flaws_in_processes.py", table(HEAD, rows, words=len(HEAD)))


if __name__ == "__main__":
    main()
