"""What the harness itself costs: `python benchmarks/harness.py [--seconds 5] [--json]`.

An echo system in this process answers every request over loopback. It is driven by Labrys's own
clients, which record, and by a bare asyncio loop that sends the same requests and records nothing,
in turns within one run, so that both meet the same machine. The figure is the ratio of the two.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness.clock import SECOND_NS, RealClock
from harness.database import Address
from harness.databases.channel import TcpChannel
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

    def __init__(self, address: Address, clock: RealClock) -> None:
        self.nodes = ("n1",)
        self.clock = clock
        self.addresses = {"n1": address}
        self.changes = 0

    def channel(self, process: int) -> TcpChannel:
        return TcpChannel(self.clock, self.addresses)


async def with_harness(address: Address, seconds: float, folder: Path) -> float:
    """Operations a second by workers, clients and the recorder."""
    clock = RealClock()
    cluster = EchoCluster(address, clock)
    recorder = Recorder(folder / f"history-{time.monotonic_ns()}.jsonl", clock)
    calls = RegisterCalls(Random(1), Shape())
    workers = [
        Worker(number, CLIENTS, cluster, recorder, SECOND_NS, Random(number))  # type: ignore[arg-type]
        for number in range(CLIENTS)
    ]
    end_ns = clock.now_ns() + int(seconds * SECOND_NS)
    pace = Pace(0, clock, Random(1))
    await clock.together(
        *(worker.work(calls, pace, lambda: clock.now_ns() < end_ns) for worker in workers)
    )
    for worker in workers:
        await worker.close()
    recorder.close()
    return recorder.outcomes["ok"] / seconds


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


async def measure(seconds: float) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    address: Address = server.sockets[0].getsockname()
    share = seconds / ROUNDS
    recorded, unrecorded = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            unrecorded.append(await bare(address, share))
            recorded.append(await with_harness(address, share, Path(folder)))
    server.close()
    ratios = [one / other for one, other in zip(recorded, unrecorded, strict=True)]
    return {
        "clients": CLIENTS,
        "harness_per_second": round(statistics.median(recorded)),
        "bare_per_second": round(statistics.median(unrecorded)),
        "ratio": round(statistics.median(ratios), 3),
        "target_ratio": TARGET_RATIO,
        "target_per_second": TARGET_RATE,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = asyncio.run(measure(options.seconds))
    if options.json:
        print(json.dumps(found))
        return
    print(
        f"clients and recorder  {found['harness_per_second']:>8,} operations/s\n"
        f"bare asyncio loop     {found['bare_per_second']:>8,} operations/s\n"
        f"ratio                 {found['ratio']:>8.2f}  (target {TARGET_RATIO}, "
        f"and {TARGET_RATE:,} operations/s)"
    )


if __name__ == "__main__":
    main()
