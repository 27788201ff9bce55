"""Journals that faults damage while their nodes are down, and what was in them before."""

import os
from collections.abc import Iterable
from pathlib import Path

from harness.conditions import Corruption
from systems_under_test.node import NodeId


class Journals:
    """The damaged journals of one cluster."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """`patterns` say which files of a node's folder are journals."""
        self._patterns = tuple(patterns)
        self._whole: dict[NodeId, tuple[Path, bytes]] = {}

    @property
    def damaged(self) -> list[NodeId]:
        """The nodes whose journals are damaged."""
        return list(self._whole)

    def damage(self, node: NodeId, folder: Path, damage: Corruption) -> str:
        """Damage a journal of the node, which must be down; what was done to which, or "" where it
        has none yet, or all that it has are empty."""
        found = sorted({file for pattern in self._patterns for file in folder.glob(pattern)})
        found = [file for file in found if file.stat().st_size]
        if not found:
            return ""
        file = found[-1]  # Journals in several files grow at the last.
        whole = file.read_bytes()
        _overwrite(file, damage.done_to(whole))
        self._whole.setdefault(node, (file, whole))
        return f"{file.relative_to(folder)} of {node}, {len(whole)} bytes, {damage.told(whole)}"

    def keep(self, node: NodeId) -> None:
        """Leave the journal as it is, since the node goes on with it."""
        self._whole.pop(node, None)

    def restore(self, node: NodeId) -> None:
        """Put back what was in the journal, as from a copy that was made before the damage."""
        if node in self._whole:
            _overwrite(*self._whole.pop(node))

    def file(self, node: NodeId) -> Path:
        """The file of a node that is damaged."""
        return self._whole[node][0]


def _overwrite(file: Path, data: bytes) -> None:
    """Write in place, so that the owner stays, and sync, so that it outlives a loss of power."""
    with file.open("r+b") as opened:
        opened.truncate(0)
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())
