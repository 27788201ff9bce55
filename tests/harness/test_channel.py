"""The channel of clients: answers matched by sequence, and errors that say what is known."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from harness.clock import MILLISECOND_NS
from harness.cluster import NoAnswer, Unreachable
from harness.databases.channel import TcpChannel
from systems_under_test.requests import Refusal, Reply, Request
from tests.harness.scripted_nodes import CLOCK, Answer, reply, scripted_node, soon


def with_node(answer: Answer, test: Callable[[TcpChannel], Awaitable[None]]) -> int:
    """Run a test against a scripted node; return how many connections were made."""

    async def scenario() -> int:
        async with scripted_node(answer) as node:
            channel = TcpChannel(CLOCK, {"n1": node.address})
            await test(channel)
            await channel.close()
        return node.connections

    return asyncio.run(scenario())


def test_answers_come_over_one_connection_and_stale_ones_are_thrown_away() -> None:
    def answer(request: dict[str, object]) -> bytes:
        assert request["type"] == "Request"
        stale = b'{"type":"Status","node":"n1","facts":{},"counters":{}}\n' + reply(0, "stale")
        return stale + reply(request["sequence"], request["argument"])

    async def test(channel: TcpChannel) -> None:
        for sequence in (1, 2, 3):
            request = Request(4, sequence, "write", "a", [sequence, None])
            assert await channel.ask("n1", request, soon()) == Reply(sequence, [sequence, None])

    assert with_node(answer, test) == 1


def test_a_refusal_keeps_its_leader_and_reason() -> None:
    async def test(channel: TcpChannel) -> None:
        answer = await channel.ask("n1", Request(0, 7, "read"), soon())
        assert answer == Refusal(7, "not-leader", "n2", "term 3")

    line = b'{"type":"Refusal","sequence":7,"error":"not-leader","leader":"n2","reason":"term 3"}\n'
    with_node(lambda request: line, test)


def test_after_no_answer_a_late_one_cannot_be_taken_for_that_of_the_next_request() -> None:
    def answer(request: dict[str, object]) -> bytes:
        return b"" if request["function"] == "open" else reply(1, "mine")

    async def test(channel: TcpChannel) -> None:
        with pytest.raises(NoAnswer, match="no answer in time"):
            await channel.ask("n1", Request(0, 1, "open"), soon(50 * MILLISECOND_NS))
        assert await channel.ask("n1", Request(9, 1, "read"), soon()) == Reply(1, "mine")

    assert with_node(answer, test) == 2


@pytest.mark.parametrize("line", [None, b"nonsense\n", b"17\n", b'{"sequence":1}\n'])
def test_a_broken_connection_or_nonsense_is_no_answer(line: bytes | None) -> None:
    async def test(channel: TcpChannel) -> None:
        for _ in range(2):
            with pytest.raises(NoAnswer):
                await channel.ask("n1", Request(0, 1, "read"), soon())

    assert with_node(lambda request: line, test) == 2


def test_nobody_listening_is_unreachable() -> None:
    async def test(channel: TcpChannel) -> None:
        nowhere = TcpChannel(CLOCK, {"n2": ("127.0.0.1", 1)})
        with pytest.raises(Unreachable, match="n2"):
            await nowhere.ask("n2", Request(0, 1, "read"), soon())

    with_node(lambda request: b"", test)


def test_an_interrupted_question_gives_up_its_connection() -> None:
    def answer(request: dict[str, object]) -> bytes:
        return b"" if request["sequence"] == 1 else reply(2, "second")

    async def test(channel: TcpChannel) -> None:
        asking = asyncio.ensure_future(channel.ask("n1", Request(0, 1, "read"), soon()))
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await channel.ask("n1", Request(0, 2, "read"), soon()) == Reply(2, "second")

    assert with_node(answer, test) == 2
