"""Programs of this host that do what no library of ours can: mkfs, mount, iptables, nft."""

import os
import shutil
import subprocess
from collections.abc import Sequence

PROGRAMS = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
"""Where they are looked for: what only root uses is not on everybody's path."""

LIMIT_S = 30.0


class ToolFailed(Exception):
    """A program is not here, failed or did not end; the words say which."""


def tool(name: str) -> str:
    """The path of the program of that name; "" where it is not here."""
    return shutil.which(name, path=PROGRAMS) or ""


def run_tool(words: Sequence[str], lines: str = "") -> str:
    """Run a program on these lines to its end, and return what it printed; else `ToolFailed`."""
    name, *more = words
    try:
        done = subprocess.run(
            [tool(name) or name, *more],
            input=lines,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
            env={**os.environ, "PATH": PROGRAMS},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolFailed(f"{name} cannot be run: {error}") from None
    if done.returncode != 0:
        why = done.stderr.strip()[:300] or f"it ended with status {done.returncode}"
        raise ToolFailed(f"{name} failed: {why}")
    return done.stdout
