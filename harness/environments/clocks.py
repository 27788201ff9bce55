"""The wall clocks of nodes: how far each is off is a number in a file that the node looks at.

Our own nodes add it to the time of day that their steps are given (`--clock` of the node process).
Their timers run by the monotonic clock, which nothing here touches.
"""

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.environments.node_files import NodeFiles
from systems_under_test.node import NodeId

WAY = "the node adds what stands in a file to the time of day; timers are not touched"
_OFFSET = struct.Struct("=q")


class Clocks(NodeFiles):
    """A file for each node, with how many nanoseconds its clock is ahead."""

    def __init__(self, folder: Path, nodes: Iterable[NodeId]) -> None:
        super().__init__(folder, nodes, "clock", _OFFSET.pack(0))

    def skew(self, offsets_ns: Mapping[NodeId, int]) -> None:
        """Set these clocks off by so much, and all others right."""
        self.set({node: _OFFSET.pack(offset_ns) for node, offset_ns in offsets_ns.items()})
