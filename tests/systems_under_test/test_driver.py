"""The driver inside this process: the order of effects, deaf peers, disks that fail."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from systems_under_test.connections import MAX_WAITING, PeerLink
from systems_under_test.driver import Exit, Server
from systems_under_test.journal import Journal
from systems_under_test.node import Event, Message, Node, Payload, Received
from systems_under_test.requests import Reply, Request
from systems_under_test.wire import Codec

pytestmark = pytest.mark.local


class Recording(Node):
    """Persists or sends as the requests say, so that a test sees what was performed when."""

    payloads = (Reply,)

    def on_start(self, stored: tuple[Payload, ...]) -> None:
        pass

    def on_timer(self, name: str) -> None:
        pass

    def on_message(self, message: Message) -> None:
        assert isinstance(message.payload, Request)
        for letter in message.payload.function:
            if letter == "p":
                self.persist(Reply(message.payload.sequence))
            elif letter == "c":
                self.compact([Reply(message.payload.sequence, "compacted")])
            else:
                self.send("n2", Reply(message.payload.sequence, letter))


async def until(happened: Callable[[], bool]) -> None:
    """Wait for something, for as long as a slow disk may take."""
    deadline = time.monotonic() + 20
    while not happened() and time.monotonic() < deadline:
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("seed", range(20))
def test_no_message_overtakes_a_record_that_stands_before_it(tmp_path: Path, seed: int) -> None:
    """Each record is durable before any message that its node sent after it."""
    happened: list[str] = []
    random = Random(seed)
    functions = [
        "".join(random.choice("ps") for _ in range(random.randint(0, 4))) for _ in range(40)
    ]

    class SlowJournal(Journal):
        def append(self, lines: Any) -> None:
            time.sleep(random.random() / 500)
            super().append(lines)
            happened.extend("p" for _ in lines)

    async def scenario() -> None:
        codec = Codec(Recording.payloads)
        node = Recording("n1", ("n2",), Random(0))
        journal = SlowJournal(tmp_path / "journal", codec)
        server = Server(node, codec, journal, {"n2": ("127.0.0.1", 9)})
        server.links["n2"].send = lambda line: happened.append("s")  # type: ignore[method-assign]
        for number, function in enumerate(functions):
            event: Event = Received(Message("client-1", "n1", Request(0, number, function)))
            server.step(event)
            if random.random() < 0.5:
                await asyncio.sleep(random.random() / 300)
        await until(lambda: len(happened) == len(effects))
        journal.close()

    effects = "".join(functions)
    asyncio.run(scenario())
    assert sorted(happened) == sorted(effects)
    # The n-th message may leave once all records that stand before it have been written.
    done = {"p": 0, "s": 0}
    wanted = [effects[:at].count("p") for at, letter in enumerate(effects) if letter == "s"]
    for letter in happened:
        if letter == "s":
            assert done["p"] >= wanted[done["s"]]
        done[letter] += 1


@pytest.mark.parametrize("seed", range(20))
def test_compactions_keep_their_place_among_records_and_messages(tmp_path: Path, seed: int) -> None:
    """When a message leaves, all that stood before it is durable, or was replaced by what is."""
    random = Random(seed)
    functions = [
        "".join(random.choice("ppsc") for _ in range(random.randint(0, 4))) for _ in range(40)
    ]
    codec = Codec(Recording.payloads)
    path = tmp_path / "journal"
    sent: list[list[Payload]] = []

    class SlowJournal(Journal):
        on_disk: list[Payload] = []  # noqa: RUF012

        def append(self, lines: Any) -> None:
            time.sleep(random.random() / 500)
            super().append(lines)
            self.on_disk = [*self.on_disk, *map(codec.decode, lines)]

        def replace(self, lines: Any) -> None:
            time.sleep(random.random() / 500)
            lines = list(lines)
            super().replace(lines)
            self.on_disk = list(map(codec.decode, lines))

    async def scenario() -> None:
        node = Recording("n1", ("n2",), Random(0))
        journal = SlowJournal(path, codec)
        server = Server(node, codec, journal, {"n2": ("127.0.0.1", 9)})
        server.links["n2"].send = lambda line: sent.append(journal.on_disk)  # type: ignore[method-assign]
        for number, function in enumerate(functions):
            server.step(Received(Message("client-1", "n1", Request(0, number, function))))
            if random.random() < 0.5:
                await asyncio.sleep(random.random() / 300)
        wanted = "".join(functions).count("s")
        await until(lambda: not (server._turn_due or server._outbox.busy))
        assert len(sent) == wanted
        journal.close()

    asyncio.run(scenario())
    states: list[list[Payload]] = [[]]
    wanted = []
    for number, function in enumerate(functions):
        for letter in function:
            if letter == "p":
                states.append([*states[-1], Reply(number)])
            elif letter == "c":
                states.append([Reply(number, "compacted")])
            else:
                wanted.append(len(states) - 1)
    assert len(sent) == len(wanted)
    for on_disk, least in zip(sent, wanted, strict=True):
        assert on_disk in states[least:]
    reopened = Journal(path, codec)
    assert list(reopened.records) == states[-1]
    reopened.close()


def test_a_peer_that_reads_nothing_holds_up_nobody_and_loses_whole_messages() -> None:
    """What waits for it is bounded, and what it reads in the end are whole lines, in order."""
    count = 200

    async def scenario() -> None:
        received = bytearray()
        reading = asyncio.Event()

        async def deaf_at_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reading.wait()
            while data := await reader.read(2**20):
                received.extend(data)
            writer.close()

        peer = await asyncio.start_server(deaf_at_first, "127.0.0.1", 0)
        link = PeerLink(b"hello\n", "n2", peer.sockets[0].getsockname()[:2])
        connecting = asyncio.ensure_future(link.keep_connected())
        await asyncio.sleep(0.05)
        for number in range(count):
            link.send(f"{number} {'x' * 300_000}\n".encode())
            link.flush()
            assert link._size <= MAX_WAITING
            await asyncio.sleep(0)
        reading.set()
        last = f"\n{count - 1} x".encode()
        async with asyncio.timeout(5):
            while last not in received or not received.endswith(b"\n"):
                await asyncio.sleep(0.01)
        hello, *lines = bytes(received).decode().splitlines()
        assert hello == "hello"
        assert {len(line.split()[1]) for line in lines} == {300_000}
        numbers = [int(line.split()[0]) for line in lines]
        assert numbers == sorted(set(numbers))
        assert len(numbers) < count
        connecting.cancel()
        peer.close()
        assert link._transport is not None
        link._transport.abort()
        await asyncio.sleep(0.01)

    asyncio.run(scenario())


def test_a_disk_that_fails_stops_the_node(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(file: int) -> None:
        raise OSError(28, "No space left on device")

    async def scenario() -> Exit:
        codec = Codec(Recording.payloads)
        journal = Journal(tmp_path / "journal", codec)
        server = Server(Recording("n1", ("n2",), Random(0)), codec, journal, {})
        asyncio.get_running_loop().call_later(
            0.05, server.step, Received(Message("client-1", "n1", Request(0, 1, "ps")))
        )
        status = await server.run(("127.0.0.1", 0))
        assert server.counters["messages_sent"] == 0
        journal.close()
        return status

    monkeypatch.setattr("systems_under_test.journal._sync", fail)
    assert asyncio.run(scenario()) == Exit.JOURNAL_FAILED
    assert "No space left on device; the node stops" in capsys.readouterr().err
