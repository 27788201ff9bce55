"""Nodes that take and give JSON by HTTP, asked by the standard library alone.

Each connection is one of TCP, kept as long as it lasts. Nothing is sent twice.
"""

import asyncio
import json
import select
import socket
from http.client import HTTPConnection, HTTPException
from typing import Any

from harness.database import Address, Connection, Unsent

ANSWER_LIMIT_S = 2.0


class HttpError(Exception):
    """The node answered with another status than 200; what it did is for the caller to know."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status}: {said}")
        self.status = status


class HttpConnection(Connection):
    """A line to one node. A subclass says in `call` what its functions `post`."""

    def __init__(self, address: Address) -> None:
        self._http = HTTPConnection(*address, timeout=ANSWER_LIMIT_S)
        self._closed = False

    def post(self, path: str, body: Any) -> Any:
        """Send JSON to that path and return the JSON that is answered.

        Raises `Unsent` where no connection could be made, and `HttpError` for any status but 200.
        """
        try:
            return self._post(path, body)
        finally:
            if self._closed:  # Meanwhile, by somebody who would not wait any longer.
                self._http.close()

    def _post(self, path: str, body: Any) -> Any:
        if self._http.sock is not None and _readable(self._http.sock):
            self._http.close()  # The node has ended it: what is sent there would be in doubt.
        if self._http.sock is None:
            try:
                self._http.connect()
            except OSError as error:
                raise Unsent(str(error)) from error
        headers = {"Content-Type": "application/json"}
        self._http.request("POST", path, json.dumps(body), headers)
        answer = self._http.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise HttpError(answer.status, content[:200].decode(errors="replace").strip())
        return json.loads(content)

    async def close(self) -> None:
        self._closed = True
        self._http.close()


async def ask_once(address: Address, path: str, body: Any) -> Any:
    """What a node answers to one question; None where it does not, or not with JSON."""

    def ask() -> Any:
        line = HttpConnection(address)
        try:
            return line.post(path, body)
        except (OSError, HTTPException, HttpError, Unsent, ValueError):
            return None
        finally:
            line._http.close()

    return await asyncio.to_thread(ask)


def _readable(line: socket.socket) -> bool:
    """Whether there is something to read, or the end."""
    poll = select.poll()
    poll.register(line, select.POLLIN)
    return bool(poll.poll(0))
