"""Clients that share connections: each gets its own answers, and nobody gets another's."""

import asyncio
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from harness.clock import SECOND_NS
from harness.cluster import NoAnswer, Unreachable
from harness.conduct import conduct
from harness.config import RunConfig
from harness.databases.channel import SharedConnections
from harness.errors import OptionError, UsageError
from systems_under_test.requests import Reply, Request
from tests.harness.scripted_nodes import CLOCK, Answer, ScriptedNode, reply, scripted_node, soon
from tests.processes import start


def sharing(
    answer: Answer, test: Callable[[SharedConnections, ScriptedNode], Awaitable[None]]
) -> int:
    """Run a test against a scripted node; return how many connections were made."""

    async def scenario() -> int:
        async with scripted_node(answer) as node:
            await test(SharedConnections(CLOCK, {"n1": node.address}), node)
        return node.connections

    return asyncio.run(scenario())


def test_answers_in_any_order_find_those_who_asked() -> None:
    held: list[dict[str, object]] = []

    def answer(request: dict[str, object]) -> bytes:
        held.append(request)
        if len(held) < 50:
            return b""
        return b"".join(reply(one["sequence"], one["argument"]) for one in reversed(held))

    async def test(shared: SharedConnections, node: ScriptedNode) -> None:
        channels = [shared.channel() for _ in range(50)]
        asked = (
            channel.ask("n1", Request(number, 1, "write", "a", number), soon())
            for number, channel in enumerate(channels)
        )
        assert await asyncio.gather(*asked) == [Reply(1, number) for number in range(50)]
        assert node.open == 1
        for channel in channels:
            await channel.close()
            await channel.close()
        await asyncio.sleep(0.05)
        assert not node.open, "the last one takes the connection with it"

    assert sharing(answer, test) == 1


def test_a_request_has_a_number_of_its_own_which_it_keeps_when_sent_again() -> None:
    seen: list[object] = []

    def answer(request: dict[str, object]) -> bytes:
        seen.append(request["sequence"])
        return reply(request["sequence"], None)

    async def test(shared: SharedConnections, node: ScriptedNode) -> None:
        one, other = shared.channel(), shared.channel()
        for channel, sequence in [(one, 1), (other, 1), (one, 1), (other, 2), (one, 2)]:
            assert await channel.ask("n1", Request(7, sequence, "read"), soon()) == Reply(sequence)
        await one.close()
        late = shared.channel()
        await late.ask("n1", Request(8, 1, "read"), soon())
        await late.close()
        await other.close()

    sharing(answer, test)
    assert seen == [1, 2, 1, 3, 4, 5]


def test_a_late_answer_reaches_no_later_request_and_no_other_client() -> None:
    def answer(request: dict[str, object]) -> bytes:
        if request["argument"] == "first":
            return b""
        return reply(1, "of the first") + reply(request["sequence"], request["argument"])

    async def test(shared: SharedConnections, node: ScriptedNode) -> None:
        one, other = shared.channel(), shared.channel()
        with pytest.raises(NoAnswer, match="no answer in time"):
            await one.ask("n1", Request(0, 1, "write", "a", "first"), soon(SECOND_NS // 2))
        assert await other.ask("n1", Request(0, 1, "write", "a", 2), soon()) == Reply(1, 2)
        assert await one.ask("n1", Request(0, 2, "write", "a", 3), soon()) == Reply(2, 3)
        await one.close()
        await other.close()

    assert sharing(answer, test) == 1, "silence about one leaves the connection to the others"


def test_an_interrupted_question_leaves_the_connection_to_the_others() -> None:
    def answer(request: dict[str, object]) -> bytes:
        return b"" if request["argument"] == "silent" else reply(request["sequence"], 2)

    async def test(shared: SharedConnections, node: ScriptedNode) -> None:
        one, other = shared.channel(), shared.channel()
        question = one.ask("n1", Request(0, 1, "write", "a", "silent"), soon())
        asking = asyncio.ensure_future(question)
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await other.ask("n1", Request(0, 1, "read"), soon()) == Reply(1, 2)
        await one.close()
        await other.close()

    assert sharing(answer, test) == 1


@pytest.mark.parametrize("line", [None, b"nonsense\n"])
def test_a_broken_connection_leaves_all_without_answer_and_is_made_again_once(
    line: bytes | None,
) -> None:
    asked: list[object] = []

    def answer(request: dict[str, object]) -> bytes | None:
        asked.append(request)
        if len(asked) == 20:
            return line
        return b"" if len(asked) < 20 else reply(request["sequence"], 1)

    async def test(shared: SharedConnections, node: ScriptedNode) -> None:
        channels = [shared.channel() for _ in range(20)]
        first = (channel.ask("n1", Request(0, 1, "read"), soon()) for channel in channels)
        found = await asyncio.gather(*first, return_exceptions=True)
        assert all(isinstance(one, NoAnswer) for one in found)
        again = (channel.ask("n1", Request(0, 1, "read"), soon()) for channel in channels)
        assert await asyncio.gather(*again) == [Reply(1, 1)] * 20
        for channel in channels:
            await channel.close()

    assert sharing(answer, test) == 2


def test_nothing_is_written_on_a_connection_that_the_kernel_has_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The event loop tells of it later, and warns of each who writes meanwhile."""

    async def scenario() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        shared = SharedConnections(CLOCK, {"n1": listener.getsockname()})
        channels = [shared.channel() for _ in range(20)]
        first = channels[0].ask("n1", Request(0, 1, "read"), soon())
        asking = asyncio.ensure_future(first)
        await asyncio.sleep(0.05)
        accepted, _ = listener.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        accepted.close()
        listener.close()
        others = (one.ask("n1", Request(0, 1, "read"), soon()) for one in channels[1:])
        found = await asyncio.gather(asking, *others, return_exceptions=True)
        kinds = [type(one) for one in found]
        assert kinds == [NoAnswer] * 2 + [Unreachable] * 18, "one found out"
        for channel in channels:
            await channel.close()

    asyncio.run(scenario())
    assert "socket.send()" not in caplog.text


def test_nobody_listening_is_unreachable_for_each() -> None:
    async def scenario() -> None:
        shared = SharedConnections(CLOCK, {"n1": ("127.0.0.1", 1)})
        channels = [shared.channel() for _ in range(5)]
        asked = (channel.ask("n1", Request(0, 1, "read"), soon()) for channel in channels)
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(one, Unreachable) and "n1" in str(one) for one in found)
        assert len({id(one) for one in found}) == 5
        for channel in channels:
            await channel.close()

    asyncio.run(scenario())


def test_connections_that_cannot_be_shared_are_refused() -> None:
    usual = {"system": "raft", "environment": "local", "clients": 10}
    assert RunConfig.asked({**usual, "connections": 9}).connections == 9
    for connections, told in ((10, "for 10 clients to share"), (-1, "from 0 to")):
        with pytest.raises(OptionError, match=told):
            RunConfig.asked({**usual, "connections": connections})
    foreign = "examples.etcd:Etcd"
    with pytest.raises(OptionError, match="whose driver gives each client its own"):
        RunConfig.asked({**usual, "system": foreign, "connections": 2})


def test_clients_for_whom_there_is_no_memory_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = tmp_path / "meminfo"
    free.write_text("MemTotal: 900 kB\nMemAvailable: 204800 kB\n")
    monkeypatch.setattr("harness.preflight._MEMINFO", free)
    for environment, told in (
        (
            "local",
            r"20,000 clients and 5 nodes need 4,\d+ MiB of memory, and 200 are .*share",
        ),
        ("simulated", r"need 381 MiB of memory, and 200 are free: give fewer clients or nodes$"),
    ):
        config = RunConfig(system="raft", environment=environment, clients=20_000)
        with pytest.raises(UsageError, match=told):
            conduct(config, tmp_path / "store", lambda config, recorder: None)  # type: ignore[arg-type,return-value]
    assert not (tmp_path / "store").exists(), "nothing was begun"


def sessions_run(clients: int, options: str, folder: Path) -> tuple[dict[str, object], int, int]:
    """The result of a run of these clients, how many sessions were open at once, and the most
    memory that the harness had, in MiB."""
    line = f"run raft --environment local --nodes 3 --clients {clients} {options} --json --seed 5"
    process = start(line.split(), folder)
    _, _, used = os.wait4(process.pid, 0)
    told, errors = process.communicate()
    assert not errors, errors
    (history,) = folder.glob("store/*/*/history.jsonl")
    open_, most = set(), 0
    for event in map(json.loads, history.read_text().splitlines()):
        if event.get("type") == "ok":
            open_.add(event["process"])
            most = max(most, len(open_))
        elif event.get("type") == "info":
            open_.discard(event["process"])  # It never calls again.
    return json.loads(told), most, used.ru_maxrss >> 10


@pytest.mark.local
@pytest.mark.deep
def test_many_sessions_on_few_connections_survive_faults(tmp_path: Path) -> None:
    options = "--connections 3 --rate 60 --time-limit 8 --faults kill,partition,pause"
    found, most, _ = sessions_run(150, options, tmp_path)
    assert found["verdict"] == "valid", found
    assert most > 100


@pytest.mark.deep
@pytest.mark.local
def test_5_000_sessions_open_at_once_take_less_than_a_gibibyte(tmp_path: Path) -> None:
    options = "--connections 10 --rate 500 --time-limit 40 --faults none --open-loop"
    found, most, mebibytes = sessions_run(5_000, options, tmp_path)
    assert found["verdict"] == "valid", found
    assert most == 5_000
    assert mebibytes < 1024
