"""The disks of containers: loop devices that the engine mounts, reached by a node's process."""

from collections.abc import Callable, Mapping
from pathlib import Path

from harness.environments.disks import fill, free, shut_down
from harness.environments.loops import OPTIONS, LoopDisks
from systems_under_test.node import NodeId

Process = Callable[[NodeId], int]
"""The process of a node that lives, 0 where it does not."""


class ContainerDisks:
    """The disks of one run's nodes, mounted in their containers below `data`."""

    def __init__(self, loops: LoopDisks, data: Path, process: Process) -> None:
        self._loops = loops
        self._data = data
        self._process = process
        self._filled: set[NodeId] = set()

    def make(self, node: NodeId) -> Mapping[str, str]:
        """Make a node's disk; how the engine is to mount it."""
        return {**OPTIONS, "device": self._loops.make(node)}

    def cut(self, node: NodeId) -> None:
        """Cut the power of a living node's disk."""
        shut_down(self._seen(node), node)

    def fill(self, node: NodeId) -> bool:
        """Leave no space; whether it is seen to be full. A dead node's disk is left alone, since
        nothing has it mounted."""
        if not self._process(node):
            return False
        self._filled.add(node)
        return fill(self._seen(node))

    def free(self, node: NodeId) -> bool:
        """Give a disk its space back; whether it was full."""
        if node not in self._filled:
            return False
        self._filled.discard(node)
        if self._process(node) and free(self._seen(node)):
            return True
        return self._loops.free(node)  # It has ended, if only just now.

    def close(self) -> None:
        self._loops.close()

    def _seen(self, node: NodeId) -> Path:
        """Where this process sees the disk of a node that lives."""
        return Path(f"/proc/{self._process(node)}/root{self._data / node}")
