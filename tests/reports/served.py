"""Runs as the store's pages list them, and those pages served on a free port of the loopback."""

import http.client
import json
import re
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

import uvicorn

from reports.browse import Store
from reports.web import application


def make_run(store: Path, path: str, *, verdict: str = "valid", **values: object) -> Path:
    """A run's directory with what the list is made from."""
    folder = store / path
    folder.mkdir(parents=True)
    run = {"labrys": "run", "version": 1, "name": "aqua owl", "system": "raft", "seed": 7,
           "workload": "register", "environment": "local", "began": "2026-11-20T10:00:00+00:00",
           "config": {"faults": ["partition"]}, **values}  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run))
    if verdict:
        result = {"labrys": "result", "version": 1, "verdict": verdict,
                  "statistics": {"operations": 12}}  # fmt: skip
        (folder / "result.json").write_text(json.dumps(result))
    (folder / "history.jsonl").write_text('{"labrys":"history","version":1}\n')
    (folder / "report.html").write_text("<!doctype html><title>page</title>")
    return folder


class Server:
    """The pages over a store, on a free port of the loopback."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rechecked: list[Path] = []
        self.problem = ""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.compared: list[list[Path]] = []
        app = application(Store(root, fresh_s=0), [self.host], self._recheck, self._compare)
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
        )
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))
        self._thread.start()

    def _recheck(self, folder: Path) -> str:
        self.rechecked.append(folder)
        return self.problem

    def _compare(self, folders: Sequence[Path]) -> tuple[str, str]:
        self.compared.append(list(folders))
        return self.problem, "comparison/one/comparison.html"

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()

    def ask(
        self, path: str, method: str = "GET", body: str | None = None, **headers: str
    ) -> tuple[int, str, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.putrequest(method, path, skip_host=True)
        sent = {"Host": self.host, **{name.replace("_", "-"): v for name, v in headers.items()}}
        if body is not None:
            sent["Content-Length"] = str(len(body))
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(None if body is None else body.encode())
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        connection.close()
        return answer.status, text, {name.lower(): v for name, v in answer.getheaders()}

    def post(self, path: str, run: str, token: str | None = None, **values: str) -> tuple[int, str]:
        found = re.search(r'name="token" value="([^"]+)"', self.ask("/")[1])
        token = token if token is not None else found.group(1) if found else ""
        body = urlencode({"run": run, "token": token, **values})
        status, text, _ = self.ask(path, "POST", body)
        return status, text
