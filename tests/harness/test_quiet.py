"""What is told beside the verdict: nothing with --quiet, and in a log how far things have come."""

import shutil
import threading
import time
from pathlib import Path

import pytest
from rich.text import Text

from harness.commands import output
from harness.commands.progress import telling
from tests.harness.nights import plan
from tests.processes import ROOT, labrys

STORED = ROOT / "tests" / "stored"
SMALL = "--environment simulated --nodes 3 --faults kill --time-limit 3 --seed 1"
SLOW = "throughput.overall < 0.1x"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "lines"),
    [
        (f"run raft {SMALL} --store a", 1),
        ("check valid/history.jsonl valid invalid", 3),
        ("explore raft --seeds 3 --store b", 1),
        ("explore raft-stale-reads --seeds 40 --until-found --no-shrink --store c", 1),
        (
            f'compare a=raft b=raft --repeat 1 {SMALL} --fail-if "{SLOW}" --store d',
            2,
        ),
        ("nightly plan.toml --budget 20s --store e", 1),
        ("replay invalid", 1),
    ],
)
def test_a_quiet_command_prints_its_verdict_alone(line: str, lines: int, tmp_path: Path) -> None:
    shutil.copytree(STORED / "raft-local", tmp_path / "valid")
    shutil.copytree(STORED / "ring-simulated", tmp_path / "invalid")
    (tmp_path / "labrys.toml").write_text("clients = 3\n")
    plan(tmp_path, system=None)
    quiet = labrys(f"{line} --quiet", tmp_path)
    assert quiet.stderr == ""
    said = quiet.stdout.splitlines()
    assert len(said) == lines, said
    assert not any(text.startswith(" ") for text in said)


def test_what_went_wrong_is_told_all_the_same(tmp_path: Path) -> None:
    ended = labrys("run nosuch -q", tmp_path)
    assert ended.returncode == 254
    assert "there is no system 'nosuch'" in ended.stderr


def told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **asked: bool
) -> list[str]:
    """What a log holds of a quarter of a second with a line every 50 ms."""
    wants = {"quiet": False, "as_json": False, **asked}  # An earlier test's command asked, too.
    monkeypatch.setattr("harness.commands.progress.PAUSES_S", (0.05,))
    for option, wanted in wants.items():
        monkeypatch.setattr(output.asked, option, wanted)
    count = iter(range(100))
    before = threading.active_count()
    with telling(lambda: Text(f"step {next(count)}", style="bold")):
        deadline = time.monotonic() + 10
        lines: list[str] = []
        while len(lines) < 2 and time.monotonic() < deadline and output.talks():
            time.sleep(0.05)
            lines += capsys.readouterr().err.splitlines()
    assert threading.active_count() == before
    return lines + capsys.readouterr().err.splitlines()


def test_a_log_holds_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(monkeypatch, capsys)[:2] == ["step 0", "step 1"]


@pytest.mark.parametrize("option", ["quiet", "as_json"])
def test_no_such_line_where_none_is_wanted(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(monkeypatch, capsys, **{option: True}) == []


@pytest.mark.local
@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run raft --environment local --nodes 3 --time-limit 3", "ok/s"),
        ("explore raft --seeds 4000 --seconds 5", "seeds in"),
        ("nightly plan.toml --budget 20s", "of 1 cell"),
    ],
)
def test_commands_tell_a_log(line: str, words: str, tmp_path: Path) -> None:
    plan(tmp_path, system=None)
    (tmp_path / "sitecustomize.py").write_text(
        "import harness.commands.progress as progress\nprogress.PAUSES_S = (0.2,)\n"
    )
    ended = labrys(line, tmp_path, PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert ended.returncode in (0, 2), ended.stderr
    assert sum(words in text for text in ended.stderr.splitlines()) > 2
