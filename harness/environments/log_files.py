"""Logs of nodes that stay bounded on disk, however much a node writes.

A node appends to its log by itself, so that nothing it says is lost with the harness. Here it is
only looked at how long the logs are, and the middle cut out of one that is too long.
"""

import asyncio
import contextlib
from pathlib import Path

BYTES_MAX = 32 << 20
"""A longer log is cut; it can be longer by what a node writes in `LOOK_S`."""

KEPT = BYTES_MAX // 4
"""So much remains of the beginning and of the end."""

LOOK_S = 0.1
READS = 20
TAIL = 64 << 10


class LogFiles:
    """The logs of one cluster, looked at while they are written to."""

    def __init__(self) -> None:
        self._paths: set[Path] = set()
        self._looking: asyncio.Task[None] | None = None

    def watch(self, path: Path) -> None:
        """Keep this log short from now on."""
        self._paths.add(path)
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    def end(self) -> None:
        """Look for the last time: the nodes have ended."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        for path in self._paths:
            shorten(path)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            for path in self._paths:
                shorten(path)


def shorten(path: Path) -> None:
    """Cut the middle out of a log that has become too long; its writer goes on at the end."""
    with contextlib.suppress(OSError):
        size = path.stat().st_size
        if size <= BYTES_MAX:
            return
        with path.open("r+b") as log:
            log.seek(-KEPT, 2)
            end = b""
            for _ in range(READS):  # It is still written to.
                if not (more := log.read(KEPT)):
                    break
                end = (end + more)[-KEPT:]
            log.truncate(KEPT)
        with path.open("ab") as log:
            log.write(b"\n[%d bytes were cut out here]\n" % (size - 2 * KEPT) + end)


def tail(path: Path) -> str:
    """The end of a log; "" where there is none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, 2) - TAIL))
            return log.read(TAIL).decode("utf-8", "replace")
    except OSError:
        return ""
