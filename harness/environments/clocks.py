"""The wall clocks of nodes: how far each is off is a number in a file that the node looks at.

Our own nodes add it to the time of day that their steps are given (`--clock` of the node process).
Their timers run by the monotonic clock, which nothing here touches.
"""

import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

from systems_under_test.node import NodeId

WAY = "the node adds what stands in a file to the time of day; timers are not touched"


class Clocks:
    """A file for each node, with how many nanoseconds its clock is ahead."""

    def __init__(self, folder: Path, nodes: Iterable[NodeId]) -> None:
        self.files = {node: folder / f"{node}.clock" for node in nodes}

    def open(self) -> None:
        for file in self.files.values():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(struct.pack("=q", 0))
            file.chmod(0o644)  # A container's root without rights of its own must read it.

    def set(self, offsets_ns: Mapping[NodeId, int]) -> None:
        """Set these clocks off by so much, and all others right; in place, for nodes map them."""
        for node, path in self.files.items():
            file = os.open(path, os.O_WRONLY)
            try:
                os.pwrite(file, struct.pack("=q", offsets_ns.get(node, 0)), 0)
            finally:
                os.close(file)

    def close(self) -> None:
        for file in self.files.values():
            file.unlink(missing_ok=True)
