"""Files by which our own nodes are told of trouble: each maps one of its own and looks at it."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from systems_under_test.node import NodeId


class NodeFiles:
    """A file of a few bytes for each node; `usual` is what it holds where nothing is wrong."""

    def __init__(self, folder: Path, nodes: Iterable[NodeId], kind: str, usual: bytes) -> None:
        self.files = {node: folder / f"{node}.{kind}" for node in nodes}
        self._usual = usual

    def open(self) -> None:
        for file in self.files.values():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self._usual)
            file.chmod(0o644)  # A container's root without rights of its own must read it.

    def set(self, values: Mapping[NodeId, bytes]) -> None:
        """Tell these nodes so, and all others that nothing is; in place, as they are mapped."""
        for node, path in self.files.items():
            file = os.open(path, os.O_WRONLY)
            try:
                os.pwrite(file, values.get(node, self._usual), 0)
            finally:
                os.close(file)

    def close(self) -> None:
        for file in self.files.values():
            file.unlink(missing_ok=True)
