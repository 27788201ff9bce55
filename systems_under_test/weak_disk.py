"""A disk that is slow or fails, for a node whose harness tests what it does then."""

import errno
import mmap
import os
import struct
import time
from pathlib import Path

WEAKNESS = struct.Struct("=qq")
"""What the file holds: how many nanoseconds longer a sync takes, and which step fails, if any."""

WRITE_FAILS, SYNC_FAILS = 1, 2


class WeakDisk:
    """What is wrong with the disk of a node's journal, as a file says; see `--disk`."""

    def __init__(self, path: Path) -> None:
        """Map the file; `OSError` or `ValueError` where it is missing or too short."""
        with path.open("rb") as file:
            self._mapped = mmap.mmap(file.fileno(), WEAKNESS.size, access=mmap.ACCESS_READ)
        self.met = 0
        """How many writes and syncs were slow or failed."""

    def before_write(self) -> None:
        """Raise what a failing disk raises."""
        _, failing = WEAKNESS.unpack(self._mapped)
        if failing == WRITE_FAILS:
            self._fail()

    def before_sync(self) -> None:
        """Take as long as a slow disk takes, and raise what a failing one raises."""
        slow_ns, failing = WEAKNESS.unpack(self._mapped)
        if slow_ns:
            self.met += 1
            time.sleep(slow_ns / 1e9)
        if failing == SYNC_FAILS:
            self._fail()

    def _fail(self) -> None:
        self.met += 1
        raise OSError(errno.EIO, os.strerror(errno.EIO))
