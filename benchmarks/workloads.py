"""What each workload makes of each system in each environment, as it stands in docs/workloads.md.

    python benchmarks/workloads.py simulated namespaces [--jobs 4] [--results FILE] [--write]

A cell is the worst exit status (0 valid, 1 invalid, 2 unknown), and how long it took until the
system was convicted: seeds and seconds in the simulator, where up to `--seeds` are tried; seconds
of calls in a run of `--seconds` elsewhere, under partitions, kills and pauses, which ends with the
first violation. There the sound systems first serve four workloads side by side, for three times as
long; where that is valid, it is so for each of the four. `not served` means that the system lacks
one of the functions, which status 254 says before anything starts. What is in the file of results
is not tried again. A run that failed (255) is told with its reason and not kept: the environment
failed, and not the system.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path
from typing import TypeAlias

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.tables import put, table
from checker.errors import InternalError
from checker.wording import plural
from harness import names
from harness.catalogue import WORKLOADS
from harness.config import RunConfig
from harness.errors import FAILED
from harness.simulation.scenario import swarm
from harness.simulation.simulate import simulate
from workloads.together import JOINT

SYSTEMS = (
    "raft", "paxos", "ring", "raft-commits-alone", "paxos-learns-from-one", "ring-small-quorums",
)  # fmt: skip
SOUND = SYSTEMS[:3]
TOGETHER = (
    "register+append+set+growing-set", "counter+queue+bag+unique-ids",
    "lock+owned-lock+fenced-lock+lease", "semaphore+bank+kv+election",
)  # fmt: skip
"""Workloads that one run can try at once."""

MAELSTROM = ("echo", "broadcast", "g-set", "g-counter", "pn-counter")
"""What programs in the environment maelstrom serve, and no bundled system does."""

Cell: TypeAlias = tuple[str, str, str]
"""A workload, or several with + between them, a system, and an environment."""


def singles(cell: Cell) -> list[str]:
    """The names under which the results of a cell are kept, one for each workload."""
    workloads, system, environment = cell
    return [f"{workload} {system} {environment}" for workload in workloads.split(JOINT)]


def is_known(cell: Cell, found: Mapping[str, str]) -> bool:
    """Whether nothing is left to try of a cell."""
    return " ".join(cell) in found or {*singles(cell)} <= {*found}


def simulated(workload: str, system: str, seeds: int) -> str:
    """The worst status of these seeds, which end with the first conviction, and when it came."""
    base = RunConfig(system=system, workload=workload, environment="simulated")
    began, worst = time.monotonic(), 0
    for seed in range(1, seeds + 1):
        try:
            kind = simulate(swarm(base, frozenset(), seed)).kind
        except InternalError as error:
            return f"254: seed {seed}: {error}"
        if kind not in ("", "unknown"):
            return f"1 after {plural(seed, 'seed')}, {time.monotonic() - began:.1f} s"
        worst = max(worst, 2 if kind else 0)
    return str(worst)


def really(cell: Cell, seconds: float) -> str:
    """The status of one run of real processes, and when its calls ended where it was convicted."""
    workload, system, environment = cell
    with tempfile.TemporaryDirectory() as store:
        line = [sys.executable, "-m", "harness", "run", system, "--workload", workload]
        line += ["--environment", environment, "--nodes", "3"]
        if JOINT in workload:
            line += ["--time-limit", str(3 * seconds), "--rate", "120"]
        else:
            line += ["--time-limit", str(seconds)]
        line += ["--faults", "partition,kill,pause", "--check-online", "--store", store]
        ended = subprocess.run([*line, "--seed", "7"], capture_output=True, check=False, text=True)
        if ended.returncode == FAILED:
            return f"{FAILED}: {ended.stderr.strip()}"
        if ended.returncode != 1:
            return str(ended.returncode)
        (observed,) = Path(store).glob("*/*/observations.json")
        took = json.loads(observed.read_text())
        return f"1 after {took['seconds']['calls']:.1f} s" if took["stopped"] else "1 in the end"


def one(cell: Cell, options: argparse.Namespace) -> str:
    """What stands in a cell."""
    workload, system, environment = cell
    asked = {name for one in workload.split(JOINT) for name in WORKLOADS[one].functions}
    if not asked <= {*names.node_class(system).functions}:
        return "not served"
    if environment != "simulated":
        return really(cell, options.seconds)
    # A process of its own, as simulating holds the lock of the interpreter.
    line = [sys.executable, __file__, "--one", workload, system, "--seeds", str(options.seeds)]
    return subprocess.run(line, capture_output=True, check=True, text=True).stdout.strip()


def cells(environments: list[str]) -> Iterator[Cell]:
    for environment in environments:
        if environment != "simulated":
            yield from (
                (workloads, system, environment) for system in SOUND for workloads in TOGETHER
            )
        for workload in WORKLOADS:
            if workload not in MAELSTROM:
                yield from ((workload, system, environment) for system in SYSTEMS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environments", nargs="*", default=["simulated"])
    parser.add_argument("--one", nargs=2)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--budget", type=float, default=float("inf"))
    parser.add_argument("--results", type=Path, default=Path("workloads.json"))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.one:
        print(simulated(*options.one, options.seeds))
        return
    found = json.loads(options.results.read_text()) if options.results.exists() else {}
    began = time.monotonic()
    with ThreadPoolExecutor(options.jobs) as pool:
        # Asked for one by one, since a run of several workloads may make others needless.
        waiting = (cell for cell in cells(options.environments) if not is_known(cell, found))
        running = {pool.submit(one, cell, options): cell for cell in islice(waiting, options.jobs)}
        while running:
            done = next(as_completed(running))
            cell = running.pop(done)
            print(*cell, done.result(), flush=True)
            failed = done.result().startswith(str(FAILED))
            if not failed:
                found[" ".join(cell)] = done.result()
            if done.result() == "0":
                found |= dict.fromkeys(singles(cell), "0")
            options.results.write_text(json.dumps(found, indent=1))
            if time.monotonic() - began < options.budget:
                for following in waiting:
                    running[pool.submit(one, following, options)] = following
                    break
    if options.write:
        put("workloads.md", "workloads.py", page(options.environments, found))


def page(environments: list[str], found: dict[str, str]) -> list[str]:
    """A table for each environment: a row a workload, a column a system."""
    lines = []
    for environment in environments:
        rows = [
            [f"`{workload}`", *(found[f"{workload} {system} {environment}"] for system in SYSTEMS)]
            for workload in WORKLOADS
            if workload not in MAELSTROM
        ]
        head = [environment, *(f"`{system}`" for system in SYSTEMS)]
        lines += ["", *table(head, rows, words=len(head)), ""]
    return lines


if __name__ == "__main__":
    main()
