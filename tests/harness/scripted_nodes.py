"""Nodes that answer on TCP as a test says."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from harness.clock import SECOND_NS, RealClock
from harness.database import Address

CLOCK = RealClock()

Answer = Callable[[dict[str, object]], bytes | None]
"""What a scripted node writes for a request; None closes the connection."""


@dataclass
class ScriptedNode:
    """Where the node is, and how many connections were made to it."""

    address: Address
    connections: int = 0
    open: int = 0


@asynccontextmanager
async def scripted_node(answer: Answer) -> AsyncIterator[ScriptedNode]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        node.connections += 1
        node.open += 1
        try:
            while line := await reader.readline():
                reply = answer(json.loads(line))
                if reply is None:
                    break
                writer.write(reply)
        except ConnectionError:
            pass
        finally:
            node.open -= 1
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    node = ScriptedNode(server.sockets[0].getsockname())
    yield node
    server.close()
    await asyncio.sleep(0.01)


def soon(limit_ns: int = SECOND_NS) -> int:
    return CLOCK.now_ns() + limit_ns


def reply(sequence: object, result: object) -> bytes:
    return json.dumps({"type": "Reply", "sequence": sequence, "result": result}).encode() + b"\n"
