"""Which version of a system ran: the commit of the repository in which its code lies."""

import functools
import subprocess
import sys
from pathlib import Path

from harness.errors import UsageError


@functools.cache
def system_commit(system: str) -> str:
    """The commit of a user's own system, with "+" where its repository was changed since.

    "" for what Labrys brings along, whose version is that of Labrys, and for code that lies in no
    repository, or whose name leads to none.
    """
    from harness import names

    if not names.is_foreign(system):
        return ""
    try:
        names.shown_by(system)
    except UsageError:
        return ""
    file = getattr(sys.modules.get(system.partition(":")[0]), "__file__", None)
    return commit_of(Path(file).resolve().parent) if file else ""


def commit_of(folder: Path) -> str:
    """The commit that a folder's repository has checked out, "" where there is none."""
    return git(folder, "describe", "--always", "--dirty=+", "--abbrev=12")


def git(folder: Path, *words: str) -> str:
    """What git says in a folder, "" where it fails or is missing."""
    command = ["git", "-C", str(folder), *words]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
