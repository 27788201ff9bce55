"""A store that runs already: `labrys run examples.remote:Store --environment existing`.

STORE names its nodes ("10.0.0.1:4000,10.0.0.2:4000"); they speak JSON, a line a call. With KILL and
START, commands such as "ssh {host} systemctl kill -s KILL store", nodes are killed as well.
"""

import asyncio
import json
import os
from typing import Any

from harness.database import Connection, Database, Faults, Place, Refused


class Store(Database):
    functions = ("read", "write", "cas")
    addresses = tuple(filter(None, os.environ.get("STORE", "").split(",")))
    faults = Faults(kill=os.environ.get("KILL", ""), start=os.environ.get("START", ""))

    async def connect(self, at: Place) -> Connection:
        return Line(*await asyncio.open_connection(*at.addresses[at.node]))


class Line(Connection):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def call(self, function: str, key: str, argument: Any) -> Any:
        self.writer.write(json.dumps([function, key, argument]).encode() + b"\n")
        line = await self.reader.readline()
        if not line:
            raise ConnectionError("the node closed the connection")
        answer = json.loads(line)
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer["result"]

    async def close(self) -> None:
        self.writer.close()
