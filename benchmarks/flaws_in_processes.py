"""Which real runs convict each flaw: `python benchmarks/flaws_in_processes.py [NAME ...]`.

Up to ten runs of each flawed system as local processes, each of another seed, until one is invalid.
It prints the second table of docs/flaws.md, and with `--write` puts it there. Other work on the
machine moves the moments in which flaws show. With `--keep FILE` each line is kept as soon as it is
known, and one that is kept already, of the same options, is not measured again: so a measurement
goes on where it was interrupted.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.flaws import weak
from benchmarks.tables import put, table

RUNS = 10
USUAL = "--faults partition,kill,pause"
CHANGES = "--faults membership,partition,kill,pause --spares 1"
OVERTAKEN = (
    "--nodes 4 --workload append --keys 12 --operations-per-key 5000 --clients 150 --time-limit 40 "
    "--load 'reserve(120: bursts(0, 5000, 5, 0.9, append), rate(200, read))' "
    "--schedule 'wait 0.7; packet-regions=europe+america-east+america-west 38 & "
    "(wait 3.09; 7 * (examples.overtaken:Overtaken 2.3; wait 2.7))'"
)
"""Appends come in bursts, at whose end two coordinators of each list are stopped; reads go on."""

OPTIONS = {
    "raft-stale-reads": "--faults partition",
    "raft-forgets-vote": "--faults isolate-leader,kill-all --fault-interval 4 --time-limit 40",
    "raft-commits-earlier-terms": "--faults isolate-leader,kill-all --fault-interval 2 "
    "--time-limit 40",
    "raft-one-step-change": CHANGES,
    "paxos-accepts-lower-ballots": "--faults estrange-leaders",
    "paxos-half-quorum": "--faults partition-halves",
    "paxos-shared-ballots": "--nodes 7 --time-limit 22 --schedule 'wait 1; packet-regions 20 & "
    "partition-majorities-ring 20 & 8 * (kill-leader 1.5; wait 0.8)'",
    "ring-no-write-back": "--faults partition-bridge,kill-one --fault-interval 1 --keys 2 "
    "--operations-per-key 2000 --reads 60",
    "ring-lost-hint": "--nodes 3 --clients 30 --time-limit 33 --schedule 'wait 1; "
    "packet-regions 31 & 10 * ((kill-one 1.4 & (wait 0.9; isolate-one 1.6)); wait 0.4)'",
    "ring-serves-early": CHANGES,
    "ring-old-epoch": "--spares 1 --nodes 3 --clients 30 --time-limit 22 --schedule 'wait 1; "
    "25 * (partition-bridge 0.6 & (wait 0.1; add-node 0.5); wait 0.2)'",
    "paxos-forgotten-promise": "--nodes 3 --rate 150 --time-limit 26 --schedule 'wait 1; "
    "9 * ((estrange-leaders 2 & (wait 0.1; pause-leader 0.5) & "
    "restart-one@follower.ballot 1.4); wait 0.6)'",
    "raft-no-pre-vote": "--time-limit 25 --require 'failover<=3s during partition-one-way' "
    "--schedule 'wait 1; 3 * (partition-one-way 6; wait 2)'",
    "ring-skewed-clock": "--faults clock",
    "raft-no-fsync": "--environment namespaces --nodes 3 --rate 100 --time-limit 12 --faults power "
    "--fault-interval 3",
    "raft-cuts-damage": "--faults disk-flip,disk-truncate --fault-interval 2",
    "ring-trusts-hearsay": OVERTAKEN,
}
"""What shows a flaw, where it is not what is usual."""

HEAD = ("system", "options", "first run that convicts", "found as")


def options_of(name: str) -> str:
    """How the runs of a flawed system are made, but for their seed and their environment."""
    options = OPTIONS.get(name, USUAL)
    return options if "--time-limit" in options else f"{options} --time-limit 20"


def row(name: str, store: str) -> Sequence[str]:
    """One line of the table."""
    options = options_of(name)
    where = [] if "--environment" in options else ["--environment", "local"]
    for seed in range(1, RUNS + 1):
        words = [
            sys.executable, "-m", "harness", "run", name, *where, *shlex.split(options),
            "--seed", str(seed), "--json", "--store", store,
        ]  # fmt: skip
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1, 2):
            raise SystemExit(f"{shlex.join(words)} ended with {done.returncode}: {done.stderr}")
        if done.returncode == 1:
            result = Path(json.loads(done.stdout)["paths"]["run"]) / "result.json"
            found = found_as(json.loads(result.read_text(encoding="utf-8")))
            return f"`{name}`", f"`{options}`", f"{seed}", found
    return f"`{name}`", f"`{options}`", f"none of {RUNS}", "–"


def found_as(told: dict[str, Any]) -> str:
    """What an invalid run was convicted of."""
    kinds = {
        "not linearizable": told["linearizability"]["verdict"] == "invalid",
        "not live": not told["liveness"].get("passed", True),
        "broken invariant": bool(told["findings"]),
        "requirement missed": not all(one["met"] for one in told["requirements"]),
    }
    return ", ".join(kind for kind, found in kinds.items() if found)


def kept(file: Path | None) -> dict[str, list[str]]:
    """The lines that were measured before, by system, where their options are still the same."""
    if file is None or not file.exists():
        return {}
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    known = {cells[0].strip("`"): cells for cells in lines}
    return {name: cells for name, cells in known.items() if cells[1] == f"`{options_of(name)}`"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--keep", type=Path, help="a file for the lines that are known")
    options = parser.parse_args()
    known = kept(options.keep)
    rows: list[Sequence[str]] = []
    with tempfile.TemporaryDirectory() as store:
        for name in options.names or weak():
            rows.append(known.get(name) or row(name, store))
            print(" | ".join(rows[-1]), flush=True)
            if options.keep is not None and name not in known:
                with options.keep.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(rows[-1], ensure_ascii=False) + "\n")
    if options.write:
        put("flaws.md", "flaws_in_processes.py", table(HEAD, rows, words=len(HEAD)))


if __name__ == "__main__":
    main()
