"""What the harness itself costs: `python benchmarks/harness.py [--seconds 5] [--json]`.

    python benchmarks/harness.py --clients 5000 --connections 10

An echo system in this process answers every request over loopback. It is driven by Labrys's own
clients, which record, and by a bare asyncio loop that sends the same requests and records nothing,
in turns within one run, so that both meet the same machine. The figure is the ratio of the two.
The bare loop always has ten clients, however many Labrys has and shares connections among.
"""

import argparse
import asyncio
import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness.clock import SECOND_NS, RealClock
from harness.cluster import Channel
from harness.database import Address
from harness.databases.channel import SharedConnections, TcpChannel
from harness.recorder import Recorder
from harness.worker import Pace, Worker
from systems_under_test.node import Payload
from systems_under_test.requests import Reply, Request
from systems_under_test.wire import Codec
from workloads.register import RegisterCalls
from workloads.workload import Shape

CLIENTS = 10
ROUNDS = 5
TARGET_RATIO = 0.6
TARGET_RATE = 5_000


class Echo(asyncio.Protocol):
    """Answers each request with its argument, as a node would that had nothing else to do."""

    codec = Codec()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            request = self.codec.decode(line)
            assert isinstance(request, Request)
            result = 1 if request.function == "open" else request.argument
            self.transport.write(self.codec.encode(Reply(request.sequence, result)))


class EchoCluster:
    """As much of a cluster as workers need."""

    def __init__(self, address: Address, clock: RealClock, connections: int) -> None:
        self.nodes = ("n1",)
        self.clock = clock
        self.addresses = {"n1": address}
        self.changes = 0
        self.shared = [SharedConnections(clock, self.addresses) for _ in range(connections)]

    def channel(self, process: int) -> Channel:
        if self.shared:
            return self.shared[process % len(self.shared)].channel()
        return TcpChannel(self.clock, self.addresses)


async def with_harness(
    address: Address, seconds: float, folder: Path, clients: int, connections: int
) -> float:
    """Operations a second by workers, clients and the recorder, once each has made its first."""
    clock = RealClock()
    cluster = EchoCluster(address, clock, connections)
    recorder = Recorder(folder / f"history-{time.monotonic_ns()}.jsonl", clock)
    calls = RegisterCalls(Random(1), Shape())
    workers = [
        Worker(number, clients, cluster, recorder, 60 * SECOND_NS, Random(number))  # type: ignore[arg-type]
        for number in range(clients)
    ]
    pace = Pace(0, clock, Random(1))
    # Each opens its session first, a few at a time, as a kernel takes few connections at once.
    for first in range(0, clients, 100):
        await asyncio.gather(*(one.make_next(calls) for one in workers[first : first + 100]))
    before, began_ns = recorder.outcomes["ok"], clock.now_ns()
    end_ns = began_ns + int(seconds * SECOND_NS)
    await clock.together(
        *(worker.work(calls, pace, lambda: clock.now_ns() < end_ns) for worker in workers)
    )
    took_s = (clock.now_ns() - began_ns) / SECOND_NS
    for worker in workers:
        await worker.close()
    recorder.close()
    return (recorder.outcomes["ok"] - before) / took_s


async def bare(address: Address, seconds: float) -> float:
    """Operations a second by a loop that writes a request, reads a line, and counts."""
    counts = [0] * CLIENTS
    codec = Codec()
    end = time.monotonic() + seconds

    async def client(number: int) -> None:
        calls = RegisterCalls(Random(number), Shape())
        reader, writer = await asyncio.open_connection(*address)
        while time.monotonic() < end:
            call = calls.next()
            counts[number] += 1
            asked: Payload = Request(1, counts[number], call.function, call.key, call.argument)
            writer.write(codec.encode(asked))
            answer = codec.decode(await reader.readline())
            assert isinstance(answer, Reply)
        writer.close()

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return sum(counts) / seconds


async def measure(seconds: float, clients: int, connections: int) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    address: Address = server.sockets[0].getsockname()
    share = seconds / ROUNDS
    recorded, unrecorded = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            unrecorded.append(await bare(address, share))
            ours = with_harness(address, share, Path(folder), clients, connections)
            recorded.append(await ours)
    server.close()
    ratios = [one / other for one, other in zip(recorded, unrecorded, strict=True)]
    return {
        "clients": clients,
        "connections": connections,
        "harness_per_second": round(statistics.median(recorded)),
        "bare_per_second": round(statistics.median(unrecorded)),
        "ratio": round(statistics.median(ratios), 3),
        "target_ratio": TARGET_RATIO,
        "target_per_second": TARGET_RATE,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--connections", type=int, default=0, help="shared by all; 0 is own ones")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = asyncio.run(measure(options.seconds, options.clients, options.connections))
    if options.json:
        print(json.dumps(found))
        return
    print(
        f"clients and recorder  {found['harness_per_second']:>8,} operations/s\n"
        f"bare asyncio loop     {found['bare_per_second']:>8,} operations/s\n"
        f"ratio                 {found['ratio']:>8.2f}  (target {TARGET_RATIO}, "
        f"and {TARGET_RATE:,} operations/s)\n"
        f"memory at its peak    {found['peak_mib']:>8,} MiB, of all in this process"
    )


if __name__ == "__main__":
    main()
