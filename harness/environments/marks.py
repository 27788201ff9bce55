"""Processes by the mark in their environment: a whole tree, whatever it forked and wherever to.

A node's processes carry the variables that its first one was started with, so they are found though
they have made themselves daemons. As a program (`python -m harness.environments.marks MARK`) it
waits for the end of its standard input, which comes when the harness ends, however that may be,
and then ends all processes that carry the mark.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

ROUNDS = 3
"""How often in a row none may be found: one that is just being forked is found the next time."""


def marked(*variables: str) -> list[int]:
    """The living processes with all these variables, each written `NAME=value`."""
    wanted = {variable.encode() for variable in variables}
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if wanted <= {*(entry / "environ").read_bytes().split(b"\0")}:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def end_marked(*variables: str) -> None:
    """Kill every process with all these variables, those too that are forked meanwhile."""
    quiet = 0
    while quiet < ROUNDS:
        found = marked(*variables)
        for pid in found:
            send(pid, signal.SIGKILL)
        quiet = 0 if found else quiet + 1
        if found:
            time.sleep(0.002)


def signal_marked(number: signal.Signals, *variables: str) -> None:
    """Send a signal to every process with all these variables, each once."""
    reached: set[int] = set()
    while left := {*marked(*variables)} - reached:
        for pid in sorted(left):
            send(pid, number)
        reached |= left


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def main() -> None:
    sys.stdin.buffer.read()
    end_marked(sys.argv[1])


if __name__ == "__main__":
    main()
