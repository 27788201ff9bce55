"""What nodes make of damaged journals: `python benchmarks/damage.py [raft ...] [--cases 200]`.

Three nodes run as local processes. In each case some keys are written, one node is killed in the
midst of another write, a bit of its journal is flipped or its end cut off, anywhere, and it is
started on that. It must refuse with the offset of the damage, or else hold what was acknowledged:
then another node is killed, so that every read needs the one that was damaged. All keys are read,
and the next case follows. The exit status is 1 if anything was read wrong or refused vaguely.
"""

import argparse
import asyncio
import re
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from checker.operation import Outcome
from harness import names
from harness.client import Client
from harness.clock import SECOND_NS, RealClock
from harness.conditions import Corruption
from harness.database import Deployment
from harness.environments.local import LocalCluster
from workloads.workload import Call

NODES = ("n1", "n2", "n3")
KEYS = tuple("abcde")
LIMIT_NS = 30 * SECOND_NS

_DONE = re.compile(r"at byte (\d+); and it (serves|refuses)")
_REFUSED = re.compile(r"damaged at byte (\d+): |\(at byte (0) it has")


class Campaign:
    """Cases on one cluster."""

    def __init__(self, cluster: LocalCluster, random: Random) -> None:
        self.cluster, self.random = cluster, random
        self.may_hold: dict[str, set[Any]] = {key: {None} for key in KEYS}
        self.written = self.refused = self.served = 0
        self.wrong: list[str] = []

    async def case(self) -> None:
        node = self.random.choice(NODES)
        for key in self.random.sample(KEYS, 2):
            await self._write(key)
        under_way = asyncio.create_task(self._write(self.random.choice(KEYS)))
        await asyncio.sleep(self.random.uniform(0, 0.01))
        damage = Corruption((self.random.random(),), cuts=self.random.random() < 0.5)
        (told,) = await self.cluster.damage({node: damage})
        await under_way
        done = _DONE.search(told)
        assert done is not None, told
        down: list[str] = []
        if done[2] == "serves":
            self.served += 1
            down = [self.random.choice([other for other in NODES if other != node])]
            await self.cluster.kill(down)
        else:
            refused = _REFUSED.search(told)
            if refused is None or int(refused[1] or refused[2]) > int(done[1]):
                self.wrong.append(told)
            self.refused += 1
        await self._read_all(told, first=node)
        await self.cluster.repair()
        await self.cluster.start(down)
        if crashed := self.cluster.crashes():
            self.wrong.append(f"{told}: {crashed}")

    async def _write(self, key: str) -> None:
        self.written += 1
        value = self.written
        self.may_hold[key].add(value)
        if (await self._call("write", key, value)).outcome is Outcome.OK:
            self.may_hold[key] = {value}

    async def _read_all(self, told: str, first: str) -> None:
        for key in KEYS:
            found = await self._call("read", key, first=first)
            if found.outcome is not Outcome.OK or found.result not in self.may_hold[key]:
                self.wrong.append(f"{told}: {key} is {found}, and not {self.may_hold[key]}")
            if found.outcome is Outcome.OK:
                self.may_hold[key] = {found.result}

    async def _call(self, function: str, key: str, value: Any = None, first: str = "") -> Any:
        cluster = self.cluster
        client = Client(NODES, cluster.channel(0), cluster.clock, self.random)
        try:
            call = Call(function, key, value)
            return await client.invoke(call, cluster.clock.now_ns() + LIMIT_NS, first or None)
        finally:
            await client.close()


async def campaign(system: str, cases: int, seed: int) -> Campaign:
    with tempfile.TemporaryDirectory() as folder:
        deployment = Deployment(
            database=names.database(system),
            nodes=NODES,
            members=(),
            seed=seed,
            folder=Path(folder),
            clock=RealClock(),
        )
        async with LocalCluster(deployment) as cluster:
            made = Campaign(cluster, Random(f"{seed}:damage"))
            for _ in range(cases):
                await made.case()
            return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("systems", nargs="*")
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    wrong: list[str] = []
    for system in options.systems or ("raft", "paxos", "ring"):
        began = time.monotonic()
        made = asyncio.run(campaign(system, options.cases, options.seed))
        wrong += made.wrong
        print(
            f"{system}: {options.cases} cases, {made.refused} refused, {made.served} served, "
            f"{len(made.wrong)} wrong; {made.written} writes, {time.monotonic() - began:.0f} s",
            *made.wrong, sep="\n  ", flush=True,
        )  # fmt: skip
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
