"""The store's web pages: what they list, refuse, and change."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from reports.browse import PAGES, Row, RowQuery, Store, names, select
from tests.reports.served import Server, make_run

ROOT = Path(__file__).parents[2]
HOSTILE = "<script>document.title='owned'</script>"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    root.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    return root


@pytest.fixture
def server(store: Path) -> Iterator[Server]:
    make_run(store, "raft-register/one")
    make_run(store, "raft-register/two", verdict="invalid", system="raft-stale-reads", seed=9,
             began="2026-11-22T10:00:00+00:00", config={"faults": ["kill", "pause"]})  # fmt: skip
    server = Server(store)
    yield server
    server.close()


def row(path: str, began: str = "", **values: object) -> Row:
    return Row(path, "valid", began=began, **values)  # type: ignore[arg-type]


def test_a_shrunk_run_stands_beside_its_original_and_names_are_unique(store: Path) -> None:
    make_run(store, "raft/one", began="2026-11-20T10:00:00+00:00")
    make_run(store, "raft/two", began="2026-11-22T10:00:00+00:00", name="gray newt")
    make_run(store, "raft-shrunk/one", shrunk_from="/elsewhere/raft/one/",
             began="2026-11-23T10:00:00+00:00")  # fmt: skip
    make_run(store, "ring/one", system="ring", name="gray newt", began="2026-11-21T10:00:00+00:00")
    rows = Store(store).rows()
    listed = [one.path for one in select(rows, RowQuery())]
    assert listed == ["raft/two", "ring/one", "raft/one", "raft-shrunk/one"]
    named = names(rows)
    assert named["raft-shrunk/one"] == "aqua owl, shrunk"
    assert named["ring/one"] == "gray newt (ring)"
    assert len(set(named.values())) == 4


def test_nights_trends_and_comparisons_are_listed(store: Path, server: Server) -> None:
    for mark, page in PAGES.items():
        (store / f"of/{page}.d").mkdir(parents=True)
        (store / f"of/{page}.d" / mark).write_text("{}")
        assert f"{page}.d/{page}" not in server.ask("/")[1], "the page itself is missing"
        (store / f"of/{page}.d" / page).write_text("<!doctype html>")
        assert f'href="/files/of/{page}.d/{page}"' in server.ask("/")[1]


def test_the_anomaly_has_a_column(store: Path, server: Server) -> None:
    path = store / "raft-register/two/result.json"
    result = json.loads(path.read_text())
    path.write_text(json.dumps({**result, "anomaly": {"kind": "stale read"}}))
    assert '<td data-name="Anomaly">stale read</td>' in server.ask("/")[1]
    assert server.ask("/?words=stale+read")[1].count("<tr>") == 2, "the head, and one run"


@pytest.mark.parametrize(
    ("verdict", "said"),
    [("invalid", "an invariant is broken"), ("unknown", "an invariant is broken"), ("valid", "")],
)
def test_what_has_no_anomaly_says_why_there(
    verdict: str, said: str, store: Path, server: Server
) -> None:
    path = store / "raft-register/two/result.json"
    result = json.loads(path.read_text()) | {"anomaly": None, "verdict": verdict}
    path.write_text(json.dumps(result | {"reason": "an invariant is broken: n1 leads twice"}))
    row = server.ask("/?words=two")[1].partition("<tbody>")[2]
    assert f'<td data-name="Anomaly">{said}</td>' in row


def test_two_runs_that_are_ticked_are_compared(store: Path, server: Server) -> None:
    token = re.search(r'name="token" value="([^"]+)"', server.ask("/")[1])
    assert token

    def compare(*runs: str, given: str = token.group(1)) -> tuple[int, str, dict[str, str]]:
        body = urlencode([("token", given), *(("run", run) for run in runs)])
        return server.ask("/compare", "POST", body)

    status, _, headers = compare("raft-register/one", "raft-register/two")
    assert (status, headers["location"]) == (303, "/files/comparison/one/comparison.html")
    assert server.compared == [[store / "raft-register/one", store / "raft-register/two"]]
    for runs in (("raft-register/one",), ("raft-register/one", "raft-register/one"), ()):
        assert compare(*runs)[0] == 422
    assert compare("raft-register/one", "../secret.txt")[0] == 404
    assert compare("raft-register/one", "raft-register/two", given="no")[0] == 403
    server.problem = "too few operations"
    status, text, _ = compare("raft-register/one", "raft-register/two")
    assert status == 422
    assert "too few operations" in text
    assert len(server.compared) == 2


def test_rows_are_searched_filtered_and_sorted() -> None:
    rows = [
        row("a/1", "2026-11-01T10", system="raft", seed=3, faults=("kill",), operations=5),
        row("a/2", "2026-11-02T10", system="ring", seed=1, faults=("pause",), operations=7),
        row("a/3", "", system="raft", seed=2),
    ]

    def found(**given: str) -> list[str]:
        return [one.path for one in select(rows, RowQuery.of(given))]

    assert found() == ["a/2", "a/1", "a/3"], "the newest first, and what has no date at the end"
    assert found(order="up") == ["a/1", "a/2", "a/3"]
    assert found(sort="seed", order="up") == ["a/2", "a/3", "a/1"]
    assert found(sort="nonsense") == found()
    assert found(system="ring") == ["a/2"]
    assert found(fault="kill") == ["a/1"]
    assert found(words="RAFT a/3") == ["a/3"]
    assert found(since="2026-11-02") == ["a/2"]
    assert found(until="2026-11-01", since="2026-11-01") == ["a/1"]
    assert found(verdict="invalid") == []


def test_a_store_is_listed_as_it_is(store: Path) -> None:
    make_run(store, "raft-register/done")
    make_run(store, "raft-register/going-on", verdict="")
    old = make_run(store, "raft-register/killed", verdict="") / "history.jsonl"
    os.utime(old, (1, 1))
    (make_run(store, "raft-register/cut") / "run.json").write_text('{"labrys": "ru')
    (make_run(store, "raft-register/odd") / "result.json").write_text('["no", "object"]')
    (store / "raft-register" / "empty").mkdir()
    (store / "elsewhere").symlink_to(store / "raft-register", target_is_directory=True)
    listed = Store(store, fresh_s=0)
    assert {one.path.split("/")[1]: one.verdict for one in listed.rows()} == {
        "done": "valid", "going-on": "running", "killed": "not judged", "cut": "damaged",
        "odd": "damaged",
    }  # fmt: skip
    make_run(store, "raft-register/new", verdict="unknown")
    assert listed.find("raft-register/new") is not None
    (store / "raft-register" / "new" / "result.json").write_text("{")
    found = listed.find("raft-register/new")
    assert found is not None
    assert found.verdict == "damaged", "what was remembered is read again once it has changed"


def test_the_list_shows_runs_and_links_to_their_files(server: Server) -> None:
    status, text, headers = server.ask("/")
    assert status == 200
    assert "2 runs" in text
    assert 'href="/files/raft-register/two/report.html"' in text
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "1 run<" in server.ask("/?system=raft-stale-reads&sort=seed")[1]
    status, text, headers = server.ask("/files/raft-register/two/report.html")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert headers["content-security-policy"].startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in headers["content-security-policy"]
    status, text, headers = server.ask("/files/raft-register/two/run.json")
    assert (status, headers["content-type"]) == (200, "text/plain; charset=utf-8")
    status, text, _ = server.ask("/files/raft-register/two/")
    assert 'href="/files/raft-register/two/history.jsonl"' in text


PATHS = (
    "..", "../secret.txt", "../../etc/passwd", "%2e%2e/secret.txt", "%2e%2e%2fsecret.txt",
    "..%2fsecret.txt", "..%5csecret.txt", "..\\secret.txt", "%00", "run%00.json",
    "raft-register/../../secret.txt", "raft-register/one/../../../secret.txt", "/etc/passwd",
    "//etc/passwd", "%2fetc%2fpasswd", "link", "link/", "link.txt", "raft-register/./one/run.json",
    "raft-register//one/run.json", "nothing", "raft-register/one/run.json/more", "~root",
    "a" * 5000,
    "%c0%ae%c0%ae/secret.txt", "%252e%252e/secret.txt", "....//secret.txt", "file:///etc/passwd",
    "raft-register/one/%2e%2e/%2e%2e/%2e%2e/secret.txt", "\u202e".encode().hex(), "CON", "loop",
)  # fmt: skip


def test_nothing_outside_the_store_is_read(server: Server, store: Path) -> None:
    (store / "link").symlink_to(store.parent, target_is_directory=True)
    (store / "link.txt").symlink_to(store.parent / "secret.txt")
    (store / "loop").symlink_to(store / "loop")
    for path in PATHS:
        status, text, _ = server.ask(f"/files/{path}")
        assert 400 <= status < 500, path
        assert "secret" not in text.replace("secret.txt", ""), path
        assert "root:" not in text, path


@pytest.mark.parametrize(
    "host", ["evil.example", "", "127.0.0.1", "localhost.evil:80", "127.0.0.1:1", "a" * 1000]
)
def test_another_name_is_refused(server: Server, host: str) -> None:
    for path in ("/", "/files/raft-register/one/run.json", "/delete"):
        assert server.ask(path, Host=host)[0] in (400, 421)


def test_other_methods_are_refused(server: Server) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"):
        for path in ("/", "/files/raft-register/one/run.json", "/recheck", "/delete"):
            assert 400 <= server.ask(path, method)[0] < 500, (method, path)
    assert server.ask("/delete?run=raft-register/one")[0] == 405
    assert server.ask("/nowhere")[0] == 404
    assert server.ask("/?page=-1&sort=%00&since=never&order=x&page=9999999999")[0] == 200


def test_a_run_is_deleted_only_by_who_saw_the_list_and_is_sure(server: Server, store: Path) -> None:
    one = store / "raft-register" / "one"
    for token in ("", "x", "é", "0" * 10_000):
        assert server.post("/delete", "raft-register/one", token, sure="yes")[0] in (403, 413)
    origin = {"Origin": "http://evil.example"}
    assert server.ask("/delete", "POST", "run=raft-register/one", **origin)[0] == 403
    assert server.post("/delete", "../secret.txt", sure="yes")[0] == 404
    assert server.post("/delete", "raft-register", sure="yes")[0] == 404
    status, text = server.post("/delete", "raft-register/one")
    assert status == 200
    assert "Delete this run for ever?" in text
    assert one.is_dir()
    assert server.post("/delete", "raft-register/one", sure="yes")[0] == 303
    assert not one.exists()
    assert (store / "raft-register" / "two").is_dir()
    assert "1 run<" in server.ask("/")[1]
    assert server.post("/delete", "raft-register/one", sure="yes")[0] == 404


def test_a_run_is_judged_again(server: Server, store: Path) -> None:
    assert server.post("/recheck", "raft-register/one")[0] == 303
    assert server.rechecked == [store.resolve() / "raft-register" / "one"]
    server.problem = "its history is damaged"
    status, text = server.post("/recheck", "raft-register/one")
    assert status == 422
    assert "its history is damaged" in text
    make_run(store, "raft-register/going-on", verdict="")
    assert server.post("/recheck", "raft-register/going-on")[0] == 409
    assert server.post("/delete", "raft-register/going-on", sure="yes")[0] == 409


def test_what_runs_are_called_is_text(server: Server, store: Path) -> None:
    make_run(store, "raft-register/<script>", name=HOSTILE, system=HOSTILE, environment=HOSTILE,
             config={"faults": [HOSTILE]}, began=HOSTILE)  # fmt: skip
    for path in ("/", "/?words=" + quote(HOSTILE), "/files/raft-register/%3Cscript%3E/"):
        text = server.ask(path)[1]
        assert "<script>" not in text
        assert "&lt;script&gt;" in text


@pytest.mark.parametrize("where", ["name", "system", "workload", "environment", "began", "config"])
def test_one_text_that_is_no_utf8_does_not_hide_the_other_runs(
    server: Server, store: Path, where: str
) -> None:
    odd: object = {"faults": ["\ud800"]} if where == "config" else "\ud800"
    make_run(store, "raft-register/odd", **{where: odd})
    os.mkdir(os.fsencode(store / "raft-register/one") + b"/\xff")
    os.rename(make_run(store, "raft-register/named"), os.fsencode(store) + b"/raft-register/\xfe")
    for path in ("/", f"/?sort={where}", "/files/raft-register/one/"):
        assert server.ask(path)[0] == 200
    assert "4 runs" in server.ask("/")[1]


def test_a_run_of_a_newer_version_is_listed_as_such(server: Server, store: Path) -> None:
    assert "newer version" not in server.ask("/")[1]
    make_run(store, "raft-register/newer", version=9)
    text = server.ask("/?words=newer")[1]
    assert "1 run<" in text
    assert "(of a newer version)" in text
    assert "valid" in text


@pytest.mark.timed
def test_many_ask_at_once(server: Server) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: server.ask("/")[0], range(200)))
    assert answers == [200] * 200
    assert time.monotonic() - began < 20


def labrys(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", "serve", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)


def test_bad_input_is_one_sentence(tmp_path: Path, store: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = labrys("--store", str(store), "--port", port)
    assert done.returncode == 255
    assert done.stderr.startswith(f"labrys: cannot listen on 127.0.0.1:{port}: ")
    assert done.stderr.count("\n") == 1
    for words in (("--store", str(tmp_path / "none")), ("--store", str(store), "--port", "70000")):
        done = labrys(*words)
        assert (done.returncode, done.stderr.count("\n")) == (254, 1), done.stderr


@pytest.mark.local
def test_the_command_serves_until_it_is_ended(store: Path) -> None:
    make_run(store, "raft-register/one")
    command = [sys.executable, "-m", "harness", "serve", "--store", str(store), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        port = int(re.findall(r":(\d+)/", line)[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")
