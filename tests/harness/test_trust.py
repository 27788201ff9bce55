"""A stored run may name any module; none is imported unless the user says so."""

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.commands.serve import _recheck

ROOT = Path(__file__).parents[2]
STORED = ROOT / "tests" / "stored" / "ring-simulated"
MODULE = """
from pathlib import Path
Path("imported").touch()
from harness.nemesis.nodes import Kill
from harness.nemesis.fault import Target
from systems_under_test.ring.node import RingOne as Mine
from workloads.register import REGISTER
class Restart(Kill):
    name = "restart-one"
    def __init__(self):
        super().__init__(Target.ONE)
"""


@pytest.fixture(params=["system", "workload", "faults", "found_by"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A stored run that names code in one of the places where it can."""
    path = tmp_path / "run"
    shutil.copytree(STORED, path)
    (tmp_path / "mine.py").write_text(MODULE)
    for name in ("run.json", "scenario.json"):
        values = json.loads((path / name).read_text())
        match request.param:
            case "system":
                values["config"]["system"] = "mine:Mine"
            case "workload":
                values["config"]["workload"] = values["workload"] = "mine:REGISTER"
            case "faults":
                values["config"]["faults"].append("mine:Restart")
            case "found_by":
                values["schedule"][0]["found_by"] = "mine:Restart"
        (path / name).write_text(json.dumps(values))
    return path


def labrys(run: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words], cwd=run.parent, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_nothing_is_imported_without_being_trusted(run: Path) -> None:
    shutil.copytree(run, run.with_name("other"))
    scenario = str(run / "scenario.json")
    for words in (
        ("replay", run),
        ("replay", scenario),
        ("check", run),
        ("compare", run, "other/"),
    ):
        status, errors = labrys(run, *map(str, words))
        assert status == 254
        assert "imports mine; pass --trust if you trust it" in errors
    assert "imports mine" in _recheck(run, trust=False)
    assert not (run.parent / "imported").exists()


def test_with_trust_it_is_imported(run: Path) -> None:
    status, errors = labrys(run, "replay", str(run), "--trust")
    assert status in (1, 255), errors  # The steps of today may be others than those of then.
    assert (run.parent / "imported").exists()


@pytest.mark.parametrize(("answer", "imported"), [(b"y\n", True), (b"\n", False)])
def test_a_person_is_asked(run: Path, answer: bytes, imported: bool) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "replay", "run"], cwd=run.parent,
        stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, answer)
    status = process.wait(60)
    os.close(ours)
    assert (run.parent / "imported").exists() == imported
    assert imported or status == 254
