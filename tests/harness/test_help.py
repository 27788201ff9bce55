"""Help, version and completion of the command."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "run", "check", "explore", "compare", "replay", "nightly", "serve", "report", "list", "clean",
)  # fmt: skip


def labrys(*words: str, **variables: str) -> str:
    command = [
        sys.executable,
        "-c",
        "import sys; sys.argv[0] = 'labrys'; from harness.cli import main; main()",
        *words,
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **variables},
    )  # fmt: skip
    return done.stdout


def test_every_command_has_its_file_and_its_help() -> None:
    told = labrys("-h")
    for command in COMMANDS:
        assert f" {command} " in told
        assert (ROOT / "harness" / "commands" / f"{command}.py").is_file()
    assert "simulated" in labrys("run", "-h")
    assert all(option in labrys("check", "--help") for option in ("--trust", "--no-certify", "-v"))


def test_without_a_command_the_help_is_the_answer() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness"], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 254
    assert "Usage:" in done.stdout + done.stderr
    assert "labrys: " not in done.stderr


def test_version() -> None:
    assert labrys("--version") == f"labrys {version('labrys')}\n"


def test_a_shell_is_told_what_may_follow() -> None:
    asked = {"_LABRYS_COMPLETE": "complete_bash", "COMP_WORDS": "labrys re", "COMP_CWORD": "1"}
    told = labrys(**asked, _TYPER_COMPLETE_ARGS="labrys re")
    assert set(told.split()) == {"replay", "report"}
