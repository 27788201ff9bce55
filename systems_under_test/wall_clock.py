"""A wall clock that can be set wrong, for a node whose harness tests what it does then."""

import mmap
import struct
from pathlib import Path

_OFFSET = struct.Struct("=q")


class WallClock:
    """The time of day, ahead by the number of nanoseconds that a file holds; see `--clock`."""

    def __init__(self, path: Path) -> None:
        """Map the file; `OSError` or `ValueError` where it is missing or too short."""
        with path.open("rb") as file:
            self._mapped = mmap.mmap(file.fileno(), _OFFSET.size, access=mmap.ACCESS_READ)

    @property
    def offset_ns(self) -> int:
        (offset_ns,) = _OFFSET.unpack(self._mapped)
        return int(offset_ns)
