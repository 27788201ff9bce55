"""How fast the simulator is: `python benchmarks/simulator.py [--seconds 10] [--json]`.

Row `seeds`: five-node Raft, 30 virtual seconds, three random partitions, crashes with torn disks,
2 % of the messages lost and 2 % doubled, one client calling about every half second, the history
judged: seeds a second on one core. Row `load`: the same cluster without noise and faults, ten
clients at full speed: operations and virtual seconds in a second. Row `loop`: nothing but five
timers in the same queue, which is the room there is.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness.clock import SECOND_NS
from harness.config import RunConfig
from harness.nemesis.catalogue import FAULTS
from harness.nemesis.schedule import PlannedFault
from harness.simulation.clock import VirtualClock
from harness.simulation.scenario import Scenario
from harness.simulation.simulate import simulate
from harness.simulation.world import Latency, World

TARGET_SEEDS = 40


def scenario(seed: int) -> Scenario:
    """The scenario of the row `seeds`."""
    random = Random(f"{seed}:benchmark")
    config = RunConfig(
        system="raft", environment="simulated", nodes=5, clients=1, rate=2.0, time_limit=30.0,
        seed=seed, faults=("partition", "kill"),
    )  # fmt: skip
    partitions = ("partition-halves", "isolate-one", "isolate-leader")
    kills = ("kill-one", "kill-leader")
    names = [*partitions, *kills]
    schedule = []
    for number, name in enumerate(names, start=1):
        at_ns = int((number - 1 + random.uniform(0.2, 0.5)) * 6 * SECOND_NS)
        until_ns = at_ns + int(random.uniform(1, 2.5) * SECOND_NS)
        schedule.append(PlannedFault(number, FAULTS[name], at_ns, until_ns, random.getrandbits(32)))
    world = World(latency=Latency.UNIFORM, loss=0.02, duplication=0.02, late_kills=0.5)
    return Scenario(config, world, tuple(schedule))


def seeds(seconds: float) -> dict[str, float]:
    began, done, virtual_ns, events = time.perf_counter(), 0, 0, 0
    while time.perf_counter() - began < seconds:
        found = simulate(scenario(done))
        assert found.kind == "", found.reason
        done += 1
        virtual_ns += found.virtual_ns
        events += found.events
    took = time.perf_counter() - began
    return {
        "seeds_per_second": round(done / took, 1),
        "target": TARGET_SEEDS,
        "events_per_seed": round(events / done),
        "events_per_second": round(events / took),
        "virtual_seconds_per_second": round(virtual_ns / SECOND_NS / took, 1),
    }


def load(seconds: float) -> dict[str, float]:
    config = RunConfig(
        system="raft", environment="simulated", nodes=5, clients=10, faults=(), seed=1,
        time_limit=min(5.0, max(1.0, seconds / 4)), values="counters",
    )  # fmt: skip
    began = time.perf_counter()
    found = simulate(Scenario(config, World(), ()), most_events=None)
    took = time.perf_counter() - began
    return {
        "operations_per_second": round(len(found.history) / took),
        "virtual_seconds_per_second": round(found.virtual_ns / SECOND_NS / took, 2),
    }


def loop(seconds: float) -> dict[str, float]:
    clock = VirtualClock()

    def tick(node: int) -> None:
        clock.at(clock.now_ns() + 1_000_000 + node, tick, node)

    async def nothing() -> None:
        for node in range(5):
            tick(node)
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            await clock.sleep_until_ns(clock.now_ns() + SECOND_NS)

    began = time.perf_counter()
    clock.run(nothing())
    return {"events_per_second": round(clock.events / (time.perf_counter() - began))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {
        "seeds": seeds(options.seconds),
        "load": load(options.seconds),
        "loop": loop(min(options.seconds, 2)),
    }
    if options.json:
        print(json.dumps(found))
        return
    for row, figures in found.items():
        told = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in figures.items())
        print(f"{row:<6} {told}")


if __name__ == "__main__":
    main()
