"""The proxy carries bytes whole on every Python that this machine has and Labrys supports.

asyncio differs between them: 3.11.2 begins to read a connection that was paused when it was made.
"""

import json
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.processes import ROOT


def pythons() -> list[str]:
    """The interpreters from 3.11 on that are installed here, this one first."""
    named = [shutil.which(f"python3.{minor}", path="/usr/bin") for minor in range(11, 16)]
    built = sorted(map(str, Path.home().glob(".pyenv/versions/3.1[1-9].*/bin/python3")))
    found = {str(Path(path).resolve()): path for path in [sys.executable, *named, *built] if path}
    return list(found.values())


@pytest.mark.local
@pytest.mark.parametrize("python", pythons())
def test_what_is_sent_at_once_arrives(python: str) -> None:
    """The bytes are there before the proxy has connected to the target."""
    target = socket.create_server(("127.0.0.1", 0), backlog=64)
    received: list[bytes] = []

    def receive() -> None:
        for _ in range(50):
            connection, _ = target.accept()
            with connection:
                text = b""
                while part := connection.recv(4096):
                    text += part
                received.append(text)

    receiver = threading.Thread(target=receive, daemon=True)
    receiver.start()
    proxy = subprocess.Popen(
        [python, "-m", "harness.environments.proxy"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with proxy, target:
        assert proxy.stdin is not None
        assert proxy.stdout is not None
        host, port = target.getsockname()
        print(json.dumps({"links": [["n1", "n2", host, port]]}), file=proxy.stdin, flush=True)
        ((_, _, route),) = json.loads(proxy.stdout.readline())["ports"]
        for number in range(50):
            with socket.create_connection((host, route)) as source:
                source.sendall(f"message {number}".encode())
        receiver.join(10)
        proxy.stdin.close()
        errors = proxy.stderr.read() if proxy.stderr is not None else ""
    assert sorted(received) == sorted(f"message {number}".encode() for number in range(50))
    assert errors == ""
