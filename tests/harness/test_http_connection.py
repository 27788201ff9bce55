"""A line by HTTP says what certainly never left, and sends nothing twice."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from harness.database import Address, Unsent
from harness.databases.http import HttpConnection, HttpError, ask_once


class Store(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bodies: list[Any]
    ends = False

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.bodies.append(body)
        status = 409 if self.path == "/refused" else 200
        said = json.dumps({"heard": body}).encode() if status == 200 else b"not today"
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
        self.close_connection = self.ends  # It does not say so before.

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def store() -> type[Store]:
    return type("Own", (Store,), {"bodies": []})


@pytest.fixture
def address(store: type[Store]) -> Iterator[Address]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), store)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield ("127.0.0.1", server.server_port)
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_answer_is_its_json_and_a_refusal_its_status(address: Address) -> None:
    line = HttpConnection(address)
    assert line.post("/any", [1]) == {"heard": [1]}
    with pytest.raises(HttpError, match="409: not today") as refused:
        line.post("/refused", [2])
    assert refused.value.status == 409
    assert line.post("/any", [3]) == {"heard": [3]}
    asyncio.run(line.close())


def test_what_meets_a_connection_that_has_ended_goes_over_a_new_one(
    address: Address, store: type[Store]
) -> None:
    store.ends = True
    line = HttpConnection(address)
    for number in range(3):
        line.post("/any", number)
        while not _ended(line):
            pass
    assert store.bodies == [0, 1, 2]
    asyncio.run(line.close())


def _ended(line: HttpConnection) -> bool:
    connection: socket.socket = line._http.sock
    connection.settimeout(2)
    return connection.recv(1, socket.MSG_PEEK) == b""


def test_where_nobody_listens_nothing_was_sent() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(Unsent):
            HttpConnection(nobody.getsockname()).post("/any", 1)
        assert asyncio.run(ask_once(nobody.getsockname(), "/any", 1)) is None
