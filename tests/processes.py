"""Starting the command under test as a person's shell would."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def labrys(
    line: str, folder: Path, seconds: float = 120, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run `labrys` with these words in a folder to its end, which must not be a traceback."""
    ended = subprocess.run(
        [sys.executable, "-m", "harness", *shlex.split(line)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended


def interrupted(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """What a command says and what it warns of once Ctrl-C has ended it, which is not a
    traceback."""
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 255
    assert "Traceback" not in errors
    return output, errors


@contextlib.contextmanager
def heeding_ctrl_c() -> Iterator[None]:
    """A shell starts jobs in the background with SIGINT ignored, and children inherit that: so it
    is heeded while a process is made."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def start(words: Sequence[str], folder: Path, **more: Any) -> subprocess.Popen[str]:
    """Start `labrys` with these words in a folder; Ctrl-C reaches it."""
    with heeding_ctrl_c():
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *words],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )
