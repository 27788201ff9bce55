"""Disks of our own nodes that are slow or fail: what is wrong stands in a file that the node's
journal looks at before it writes and before it syncs (`--disk` of the node process)."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.conditions import Weakness
from harness.environments.node_files import NodeFiles
from systems_under_test.node import NodeId
from systems_under_test.weak_disk import SYNC_FAILS, WEAKNESS, WRITE_FAILS

WAY = "the node's journal waits or fails as a file says, before it writes or syncs"
_FAILING = {"": 0, "write": WRITE_FAILS, "sync": SYNC_FAILS}


class WeakDisks(NodeFiles):
    """A file for each node, with what is wrong with its disk."""

    def __init__(self, folder: Path, nodes: Iterable[NodeId]) -> None:
        super().__init__(folder, nodes, "disk", WEAKNESS.pack(0, 0))

    def weaken(self, weaknesses: Mapping[NodeId, Weakness]) -> None:
        """Let these disks be so weak, and all others as good as ever."""
        told = weaknesses.items()
        self.set({n: WEAKNESS.pack(one.slow_ns, _FAILING[one.failing]) for n, one in told})
