"""Follows a page of the documentation to the letter, as a reader in an empty folder would.

A block of code or data goes into the file that the text before it names ("as `mirrored.py`"). A
block `console` holds commands after `$`, and below each what it prints, in order, with `…` for what
the page leaves out. `$ echo $?` tells the exit status of the command before it.
"""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"`([\w-]+\.(?:py|jsonl|toml))`")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the file that the paragraph before it names."""

    language: str
    text: str
    file: str | None

    @property
    def lines(self) -> int:
        return self.text.count("\n")


def blocks(page: str) -> list[Block]:
    """Every fenced block of a page of `docs/`, in order."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    found, last = [], 0
    for match in _BLOCK.finditer(text):
        named = _FILE.findall(text[last : match.start()].rstrip().rpartition("\n\n")[2])
        found.append(Block(match[1], match[2], named[-1] if named else None))
        last = match.end()
    return found


def follow(page: str, folder: Path, python: str = sys.executable) -> list[str]:
    """Write the page's files, run its commands with a Python and see that they print what it says;
    the commands that were run."""
    ran = []
    own = blocks(page)
    for block in own:
        if block.language != "console":
            assert block.file is not None, f"{page} does not say where this goes:\n{block.text}"
            (folder / block.file).write_text(block.text)
    for block in own:
        if block.language == "console":
            ran += _type(block.text, folder, python)
    return ran


def _type(text: str, folder: Path, python: str) -> list[str]:
    """Type a block's commands."""
    ran: list[str] = []
    status = 0
    for part in text.removeprefix("$ ").split("\n$ "):
        command, _, expected = part.partition("\n")
        if command == "echo $?":
            assert status == int(expected), f"{ran[-1]} ended with {status}"
            continue
        printed, status = run(shlex.split(command), folder, python)
        ran.append(command)
        lines = [line for line in expected.splitlines() if line.strip()]
        pattern = ".*".join(".*".join(map(re.escape, line.split("…"))) for line in lines)
        assert re.search(pattern, printed, re.DOTALL), f"{command} printed\n{printed}"
    return ran


def run(words: list[str], folder: Path, python: str) -> tuple[str, int]:
    """What the words of a line, run in a folder with that Python, print, and their status."""
    if words[0] == "labrys":
        words = [python, "-c", "from harness.cli import main; main()", *words[1:]]
    else:
        assert words[0] == "python", f"who runs {words}?"
        words = [python, *words[1:]]
    done = subprocess.run(
        words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=200, check=False, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout, done.returncode
