"""How soon each flaw is found: `python benchmarks/flaws.py [--campaigns 10] [NAME ...]`.

A campaign tries one seed after the other, on one core, until one fails. Printed is the first table
of docs/flaws.md: seeds and seconds needed, the median and the worst of the campaigns; by what kind
of finding; and the size of the failure once it was shrunk. With `--write` it is put there.
"""

import argparse
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.tables import put, table
from harness.catalogue import SYSTEMS
from harness.config import RunConfig
from harness.simulation.scenario import swarm
from harness.simulation.shrink import shrink, size_of
from harness.simulation.simulate import Simulated, simulate

HEAD = (
    "system", "seeds: median, worst", "seconds: median, worst", "found as", "shrunk to",
)  # fmt: skip


ASKED_FOR = {"raft-no-fsync": ("power",), "raft-cuts-damage": ("disk-flip", "disk-truncate")}
"""The faults that show a flaw, where they are not among the usual ones that seeds draw from."""


def weak() -> list[str]:
    """The systems that must be convicted."""
    flawed = [name for name, system in SYSTEMS.items() if system.about.startswith("flawed")]
    return [*flawed, "ring-quorum", "ring-one"]


def campaign(name: str, first: int, limit_s: float) -> tuple[int, float, Simulated | None]:
    """Seeds tried, seconds taken, and what failed, if anything did."""
    base, pinned = RunConfig(system=name, environment="simulated"), frozenset[str]()
    if name in ASKED_FOR:
        base, pinned = replace(base, faults=ASKED_FOR[name]), frozenset({"faults"})
    began, seed = time.perf_counter(), first
    while time.perf_counter() - began < limit_s:
        found = simulate(swarm(base, pinned, seed))
        seed += 1
        if found.failed:
            return seed - first, time.perf_counter() - began, found
    return seed - first, time.perf_counter() - began, None


def row(name: str, campaigns: int, limit_s: float, shrink_s: float) -> Sequence[str]:
    """One line of the table."""
    seeds, seconds, kinds, missed, shrunk = [], [], Counter[str](), 0, "–"
    for number in range(campaigns):
        tried, took, found = campaign(name, 1 + number * 100_000, limit_s)
        seeds.append(tried)
        seconds.append(took)
        missed += found is None
        if found is not None:
            kinds[found.kind] += 1
            if shrunk == "–":
                shrunk = size_of(shrink(found, shrink_s)[0])
    named = ", ".join(kind for kind, _ in kinds.most_common())
    if missed:
        named += f"{'; ' * bool(named)}not found in {missed} of {campaigns}"
    return (
        f"`{name}`",
        f"{statistics.median(seeds):g}, {max(seeds)}",
        f"{statistics.median(seconds):.1f}, {max(seconds):.1f}",
        named,
        shrunk,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--campaigns", type=int, default=10)
    parser.add_argument("--limit", type=float, default=60)
    parser.add_argument("--shrink", type=float, default=20)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = []
    for name in options.names or weak():
        rows.append(row(name, options.campaigns, options.limit, options.shrink))
        print(" | ".join(rows[-1]), flush=True)
    if options.write:
        put("flaws.md", "flaws.py", table(HEAD, rows, words=len(HEAD)))


if __name__ == "__main__":
    main()
