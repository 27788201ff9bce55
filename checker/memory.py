"""How much memory the process takes, so that a limit holds for all of it and not for one table."""

import contextlib
import resource
import sys
import time
from pathlib import Path

from checker.wording import plural

MIB = 1 << 20

SLACK_BYTES = 32 << 20
"""What may be resident beyond a limit: loaded code, and what others in the process take."""

EVERY_S = 0.01
"""Seconds between two looks, each of which takes some microseconds."""

ROW_BYTES = 200
"""About what judging an operation takes on columns, which are part of it.

Measured: 157 bytes of distinct values on 1,000 keys and 205 on one, of four million operations. The
search of repeated values takes 277, but it watches the memory itself while it goes on.
"""

OPERATION_BYTES = 1_700
"""About what judging an operation takes as an object."""


def too_small(limit_bytes: int, operations: int, each_bytes: int) -> str:
    """Why a limit cannot hold for as many operations; "" if it can."""
    need = operations * each_bytes
    if need <= limit_bytes:
        return ""
    return (
        f"the memory limit of {limit_bytes >> 20} MiB is too small for "
        f"{plural(operations, 'operation')}, taking about {need >> 20} MiB"
    )


def resident_bytes() -> int:
    """What is resident now; where the system does not tell, the most that ever was."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * resource.getpagesize()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


class Watch:
    """Tells when the process has grown by more than a limit since the watch was made."""

    def __init__(self, limit_bytes: int) -> None:
        self._most = resident_bytes() + limit_bytes + SLACK_BYTES
        self._next = 0.0

    def exceeded(self, now: float | None = None) -> bool:
        """Whether it has; `now` is the moment of `time.monotonic`, if it is known."""
        now = time.monotonic() if now is None else now
        if now < self._next:
            return False
        self._next = now + EVERY_S
        return not self.allows(0)

    def allows(self, more_bytes: int) -> bool:
        """Whether so much more would be within the limit."""
        return resident_bytes() + more_bytes <= self._most
