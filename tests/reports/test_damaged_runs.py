"""A run that is incomplete, from another version, or damaged still has a page, and it says so."""

import contextlib
import io
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness import cli
from harness.commands.ended import store_and_render
from harness.config import RunConfig
from harness.simulation.scenario import scenario_of
from harness.simulation.simulate import simulate
from reports.browse import VERDICTS, read_row
from reports.page import render
from reports.stored import NotARun
from reports.summary import summarize_run
from tests.deep import DEEP
from tests.reports.damage import damage
from tests.reports.served import Server

Change = Callable[[Path], None]


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated run that violates, with all files that a run can have."""
    config = RunConfig(
        system="raft-stale-reads", environment="simulated", nodes=3, clients=4, time_limit=4.0,
        faults=("partition",), seed=0, keys=2, rate=100.0,
    )  # fmt: skip
    store = tmp_path_factory.mktemp("small")
    directory = store_and_render(store, simulate(scenario_of(config)), "small")
    (directory / "nodes").mkdir(exist_ok=True)
    for number in (1, 2, 3):
        (directory / f"nodes/n{number}.log").write_text(f"n{number} says something\n" * 5)
    return directory


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


def copied(small: Path, scratch: Path) -> Path:
    directory = scratch / "run"
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(small, directory)
    return directory


def answered(*words: str) -> tuple[int, str]:
    """The exit status of a command, and all that it said; anything but an exit is a failure."""
    said = io.StringIO()
    with (
        patch.object(sys, "argv", ["labrys", *words]),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        pytest.raises(SystemExit) as ended,
    ):
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code, said.getvalue()


def problems(page: Path) -> str:
    """The sentences at the top of a page, or nothing."""
    _, found, rest = page.read_text("utf-8").partition('aria-label="What to know of the files"')
    return rest.partition("</section>")[0] if found else ""


@pytest.fixture(scope="module")
def server(scratch: Path) -> Iterator[Server]:
    """The store whose one run is being damaged."""
    server = Server(scratch)
    yield server
    server.close()


@pytest.mark.slow
@settings(max_examples=10 * DEEP, deadline=None)
@given(seed=st.integers(0, 2**32))
@example(seed=1)
@example(seed=252)
@example(seed=26335043)
def test_any_damage_ends_with_a_page_or_a_sentence(
    small: Path, scratch: Path, server: Server, seed: int
):
    directory = copied(small, scratch)
    said = damage(directory, Random(seed))
    for command in ("check", "report", "replay"):
        status, words = answered(command, str(directory))
        assert status in (0, 1, 2, 254, 255), said
        assert words, said
        assert "Traceback" not in words, said
    for address in ("/", "/?sort=seed", "/files/run/"):
        assert server.ask(address)[0] == 200, said
    try:
        page = render(directory)
    except NotARun:
        return
    text = page.read_text("utf-8")
    assert text.startswith("<!doctype html>"), said
    assert text.endswith("</html>"), said
    assert "Traceback" not in text, said
    assert summarize_run(directory), said
    assert read_row(directory, "run", True).verdict in VERDICTS, said


def test_half_a_surrogate_pair_is_carried_into_the_result(small: Path, scratch: Path) -> None:
    directory = copied(small, scratch)
    observed = directory / "observations.json"
    leaders = [{"node": "\ud800", "term": 1, "time_ns": 1}]
    observed.write_text(json.dumps({**json.loads(observed.read_text()), "leaders": leaders}))
    for command in ("check", "report"):
        status, words = answered(command, str(directory))
        assert status in (0, 1), words
    assert json.loads((directory / "result.json").read_text())["leaders"] == leaders


DAMAGES: dict[str, tuple[Change, str]] = {
    "no run.json": (lambda d: (d / "run.json").unlink(), "run.json is missing"),
    "cut run.json": (lambda d: cut(d / "run.json"), "run.json cannot be read: it is not JSON"),
    "binary run.json": (
        lambda d: binary(d / "run.json"),
        "run.json cannot be read: it is not JSON",
    ),
    "run.json is a list": (lambda d: put(d / "run.json", "[]"), "run.json is not the run file"),
    "run.json is a directory": (lambda d: folder(d / "run.json"), "run.json cannot be read: not a"),
    "no result.json": (lambda d: (d / "result.json").unlink(), "ended before it was judged"),
    "cut result.json": (lambda d: cut(d / "result.json"), "result.json cannot be read"),
    "no history": (lambda d: (d / "history.jsonl").unlink(), "history.jsonl is missing"),
    "empty history": (lambda d: put(d / "history.jsonl", ""), "the file is empty"),
    "binary history": (lambda d: binary(d / "history.jsonl"), "history.jsonl cannot be read"),
    "cut observations": (lambda d: cut(d / "observations.json"), "observations.json cannot be"),
    "config is no TOML": (lambda d: put(d / "config.toml", "= ="), "config.toml cannot be read"),
    "failed": (lambda d: put(d / "failed.txt", "no engine\n"), "The run failed: no engine"),
    "newer": (lambda d: newer(d), "run.json has version 9; this Labrys knows version 1"),
}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def binary(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00\x81" * 40)


def put(path: Path, text: str) -> None:
    path.write_text(text)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def newer(directory: Path) -> None:
    for name in ("run.json", "result.json", "history.jsonl"):
        path = directory / name
        text = path.read_text().replace('"version":1', '"version":9', 1)
        path.write_text(text.replace('"version": 1', '"version": 9', 1))


@pytest.mark.parametrize("name", DAMAGES)
def test_the_page_says_what_is_wrong(small: Path, scratch: Path, name: str):
    directory = copied(small, scratch)
    assert problems(render(directory)) == ""
    change, sentence = DAMAGES[name]
    change(directory)
    assert sentence in problems(render(directory))


def test_a_run_of_a_newer_version_shows_what_it_can(small: Path, scratch: Path):
    directory = copied(small, scratch)
    newer(directory)
    page = render(directory)
    assert "history.jsonl cannot be read whole: line 1 names version 9" in problems(page)
    text = page.read_text("utf-8")
    assert 'id="timeline"' in text
    assert "<h1" in text
    assert "No verdict" not in text


def test_a_history_is_shown_up_to_its_broken_line(small: Path, scratch: Path):
    directory = copied(small, scratch)
    path = directory / "history.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[200] = b'{"type":"ok","process":"four"}\n'
    path.write_bytes(b"".join(lines))
    page = render(directory)
    invoked = sum(b'"type":"invoke"' in line for line in lines[:200])
    assert "line 201: Expected" in problems(page) or "line 201 is missing" in problems(page)
    assert f"Of it {invoked} operations can be shown." in problems(page)
    assert 'id="timeline"' in page.read_text("utf-8")


def test_a_directory_without_a_run_is_a_sentence(tmp_path: Path):
    with pytest.raises(NotARun, match="holds no run"):
        render(tmp_path)
    with pytest.raises(NotARun, match="holds no run"):
        render(tmp_path / "nothing")


def test_the_history_of_a_run_may_hold_anything(small: Path, scratch: Path):
    """Values of every type and size as keys, arguments, results, nodes and errors."""
    directory = copied(small, scratch)
    odd = ["\u2028", "<!--<script>", {"a": [1e308]}, [[]], None, True, 0.1, "x" * 9_000, "\ud800"]
    with (directory / "history.jsonl").open("w") as file:
        file.write('{"labrys":"history","version":1}\n')
        for number, value in enumerate(odd):
            call = {"type": "invoke", "process": number, "function": str(value)[:50], "key": value,
                    "argument": value, "time_ns": number}  # fmt: skip
            end = {"type": "ok", "process": number, "result": value, "node": str(value)[:90],
                   "time_ns": number}  # fmt: skip
            file.write(json.dumps(call) + "\n" + json.dumps(end) + "\n")
    text = render(directory).read_text("utf-8")
    assert "<!--" not in text
    assert "<script>" not in text.partition('id="data"')[0]
