"""What runs left behind whose harness is dead, and its removal.

All that a run makes carries its owner's mark (`owner`): processes in their environment. Only what
carries a mark is looked at, and only what belongs to a dead harness is removed, so this may run at
any time, beside living runs.
"""

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from harness.environments.owner import Owner

OWNER_VARIABLE = "LABRYS_OWNER"


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing of a dead run: what kind it is, and its name or number."""

    kind: str
    name: str
    owner: Owner


def find_leftovers(*, docker: bool = True) -> list[Leftover]:
    """All that dead runs left on this machine; containers too, if an engine answers."""
    return _processes()


def remove_leftovers(*, docker: bool = True) -> list[Leftover]:
    """Remove what `find_leftovers` finds, and return it."""
    found = find_leftovers(docker=docker)
    for leftover in found:
        if leftover.kind == "process":
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(leftover.name), signal.SIGKILL)
    return found


def _processes() -> list[Leftover]:
    mark = f"{OWNER_VARIABLE}=".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        for variable in variables:
            if variable.startswith(mark):
                owner = Owner.parse(variable[len(mark) :].decode(errors="replace"))
                if owner is not None and not owner.alive():
                    found.append(Leftover("process", entry.name, owner))
    return found
