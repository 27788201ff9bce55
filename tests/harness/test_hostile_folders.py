"""A folder of a store may come from elsewhere: what stands in it is read, never followed."""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from checker.files import regular, write_whole
from harness.commands.ended import judge_and_render
from harness.errors import HarnessError, UsageError
from harness.judge import judged
from harness.simulation.stored import replay
from harness.store import RunDirectory
from reports.browse import Store
from reports.page import render
from reports.stored import NotARun, read_run
from reports.summary import summarize_run

STORED = Path(__file__).parents[1] / "stored" / "ring-simulated"
READ = (
    "run.json", "history.jsonl", "result.json", "observations.json", "scenario.json",
    "messages.json", "config.toml", "failed.txt", "nodes/n1.log",
)  # fmt: skip
WRITTEN = ("result.json", "report.html", "messages.json")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    shutil.copytree(STORED, tmp_path / "store" / "x" / "run")
    return tmp_path / "store" / "x" / "run"


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()


USES: dict[str, Callable[[Path], object]] = {
    "check": lambda run: judge_and_render(RunDirectory(run), fresh=True),
    "judge": lambda run: judged(RunDirectory(run)),
    "report": render,
    "summary": summarize_run,
    "read": read_run,
    "replay": replay,
    "serve": lambda run: Store(run.parents[1]).rows(),
}


@pytest.mark.parametrize("make", [pipe, link, folder])
@pytest.mark.parametrize("name", READ)
def test_only_regular_files_are_read(run: Path, name: str, make: Callable[[Path], None]) -> None:
    """Neither does a pipe hang what reads, nor is what a link leads to taken for the run's."""
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).unlink(missing_ok=True)
    make(run / name)
    for use in USES.values():
        with contextlib.suppress(HarnessError, UsageError, NotARun):
            use(run)
        if not (run / name).is_file():
            continue
        # A judged run has a new result.json in its place; make it what it was.
        (run / name).unlink()
        make(run / name)


def test_what_a_link_leads_to_is_not_shown(run: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('{"labrys": "run", "version": 1, "name": "hush"}\nhush\n')
    for name in ("run.json", "failed.txt", "nodes/n1.log"):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).unlink(missing_ok=True)
        (run / name).symlink_to(tmp_path / "secret")
    assert "hush" not in render(run).read_text()
    assert "hush" not in summarize_run(run)
    assert all("hush" not in str(row) for row in Store(run.parents[1]).rows())


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("beside", ["{0}", "{0}.part", ".{0}", ".{0}.{1}"])
def test_nothing_is_written_through_a_link(
    run: Path, tmp_path: Path, name: str, beside: str
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (run / name).unlink(missing_ok=True)
    (run / beside.format(name, os.getpid())).symlink_to(precious)
    judge_and_render(RunDirectory(run), fresh=True)
    assert precious.read_text() == "precious"
    assert regular(run / name).stat().st_size > 100


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page"
    write_whole(path, b"before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"after")
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["page"]
