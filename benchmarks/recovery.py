"""How soon nodes serve again: `python benchmarks/recovery.py raft [--writes 1000000] [--json]`.

Nodes run as local processes. First they carry out many writes; then all of them are killed and
started again on their journals, and the time is taken until a read is answered. After that one node
stays down for more writes, and the time is taken from its start until it holds what the others held
when it came back, by the facts that nodes tell of themselves: as many commands applied, or, in the
ring, the same `digest` of all that they hold.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness import names
from harness.clock import SECOND_NS, RealClock
from harness.cluster import NoAnswer, Unreachable
from harness.database import Deployment
from harness.environments.local import LocalCluster
from systems_under_test.requests import Reply, Request
from systems_under_test.wire import Codec

CONNECTIONS = 8
WINDOW = 100
"""Requests on their way on each connection."""

KEYS = 10_000
LIMIT_S = 120.0

CODEC = Codec()


class Load:
    """Writes through as many connections as it takes, each request until it is answered."""

    def __init__(self, cluster: LocalCluster) -> None:
        self.cluster = cluster
        self.written = 0

    async def write(self, count: int) -> float:
        """Carry out this many writes and return how many were done in a second."""
        began = time.monotonic()
        numbers = iter(range(self.written, self.written + count))
        self.written += count
        await asyncio.gather(*(self._connection(numbers) for _ in range(CONNECTIONS)))
        return count / (time.monotonic() - began)

    async def _connection(self, numbers: Iterator[int]) -> None:
        waiting: dict[int, bytes] = {}
        while True:
            node = await self.cluster.leader() or self.cluster.nodes[0]
            try:
                reader, writer = await asyncio.open_connection(*self.cluster.addresses[node])
                if await self._window(numbers, waiting, reader, writer):
                    return
                writer.close()
            except OSError:
                pass
            await asyncio.sleep(0.05)

    async def _window(
        self,
        numbers: Iterator[int],
        waiting: dict[int, bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Keep a window of requests on their way; False where another node must be asked."""
        writer.write(b"".join(waiting.values()))
        while True:
            new = []
            while len(waiting) < WINDOW and (number := next(numbers, None)) is not None:
                request = Request(0, number, "write", f"key-{number % KEYS}", number)
                waiting[number] = CODEC.encode(request)
                new.append(waiting[number])
            if not waiting:
                return True
            writer.write(b"".join(new))
            line = await reader.readline()
            if not line:
                return False
            answer = CODEC.decode(line)
            if not isinstance(answer, Reply):
                return False
            waiting.pop(answer.sequence, None)


async def first_answer(cluster: LocalCluster) -> None:
    """Return once any node has answered a read."""
    channel = cluster.channel(0)
    until = time.monotonic() + LIMIT_S
    number = 0
    while time.monotonic() < until:
        number += 1
        node = cluster.nodes[number % len(cluster.nodes)]
        request = Request(0, number, "read", "key-1")
        try:
            answer = await channel.ask(node, request, cluster.clock.now_ns() + SECOND_NS)
        except (NoAnswer, Unreachable):
            answer = None
        if isinstance(answer, Reply):
            await channel.close()
            return
        await asyncio.sleep(0.01)
    raise SystemExit(f"no read was answered within {LIMIT_S:.0f} s")


async def told(cluster: LocalCluster, node: str) -> int | str:
    """What the node says of all that it holds; 0 while it says nothing."""
    status = await cluster.status(node)
    facts = {} if status is None else status.facts
    found: int | str = facts.get("digest", facts.get("applied", 0))
    return found


async def holds(cluster: LocalCluster, node: str, others: Sequence[str]) -> bool:
    """Whether a node holds all that the others do, which change no more."""
    own = await told(cluster, node)
    theirs = [await told(cluster, other) for other in others]
    return own in theirs if isinstance(own, str) else own >= max(int(found) for found in theirs)


async def measure(name: str, writes: int, missed: int, nodes: int) -> dict[str, object]:
    members = [f"n{number}" for number in range(1, nodes + 1)]
    with tempfile.TemporaryDirectory(prefix="labrys-recovery-") as folder:
        cluster = LocalCluster(
            Deployment(
                database=names.database(name),
                nodes=tuple(members),
                seed=1,
                folder=Path(folder),
                clock=RealClock(),
            )
        )
        async with cluster:
            await first_answer(cluster)
            load = Load(cluster)
            rate = await load.write(writes)
            journals = [file.stat().st_size for file in Path(folder, "data").glob("*/journal")]
            await cluster.kill(members)
            began = time.monotonic()
            await cluster.start(members)
            await first_answer(cluster)
            restarted_s = time.monotonic() - began
            leader = await cluster.leader()
            late = next(node for node in reversed(members) if node != leader)
            await cluster.kill([late])
            await load.write(missed)
            others = [node for node in members if node != late]
            began = time.monotonic()
            await cluster.start([late])
            while not await holds(cluster, late, others):
                if time.monotonic() - began > LIMIT_S:
                    raise SystemExit(f"{late} did not catch up within {LIMIT_S:.0f} s")
                await asyncio.sleep(0.02)
            caught_up_s = time.monotonic() - began
    return {
        "system": name,
        "nodes": nodes,
        "writes": writes,
        "writes_per_second": round(rate),
        "largest_journal_mb": round(max(journals) / 1e6, 1),
        "restart_seconds": round(restarted_s, 2),
        "missed_writes": missed,
        "catch_up_seconds": round(caught_up_s, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("system")
    parser.add_argument("--writes", type=int, default=1_000_000)
    parser.add_argument("--missed", type=int, default=100_000)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = asyncio.run(measure(options.system, options.writes, options.missed, options.nodes))
    if options.json:
        print(json.dumps(found))
        return
    for label, value in found.items():
        print(f"{label:<20} {value}")


if __name__ == "__main__":
    main()
