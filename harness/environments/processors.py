"""How much of a processor nodes get, by control groups of the kernel (of either version).

A group is made below the one that the harness itself is in, and named with the owner's mark, so
that `leftovers` finds those of a dead run. Version 2 lets us only where the controller `cpu` is
handed down to us (`cgroup.subtree_control`); that was not tried.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.environments.owner import Owner
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId

WAY = "a control group for each node"
PREFIX = "labrys_"
PERIOD_US = 100_000


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """One control group of the controller `cpu`."""

    folder: Path
    version: int

    def limit(self, share: float) -> None:
        quota_us = int(share * PERIOD_US)
        if self.version == 2:
            (self.folder / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
        else:
            (self.folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (self.folder / "cpu.cfs_quota_us").write_text(str(quota_us))

    def take(self, pids: Iterable[int]) -> None:
        """Move processes into the group; those that have ended meanwhile are none."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                (self.folder / "cgroup.procs").write_text(str(pid))

    def pids(self) -> list[int]:
        return [int(word) for word in (self.folder / "cgroup.procs").read_text().split()]

    def held_back(self) -> int:
        """How often processes of the group had to wait since it was made."""
        for line in (self.folder / "cpu.stat").read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "nr_throttled":
                return int(count)
        return 0


def group_of(pid: int | str) -> ControlGroup | None:
    """The control group of a process; None where it cannot be seen."""
    try:
        told = Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in told:
        number, controllers, path = line.split(":", 2)
        if "cpu" in controllers.split(","):
            found = Path("/sys/fs/cgroup/cpu") / path.lstrip("/")
            return ControlGroup(found, 1) if (found / "cpu.cfs_quota_us").exists() else None
        if number == "0":
            found = Path("/sys/fs/cgroup") / path.lstrip("/")
            if (found / "cpu.stat").exists():
                return ControlGroup(found, 2)
    return None


def processors_work() -> bool:
    """Whether this process may make groups below its own."""
    own = group_of("self")
    if own is None or not os.access(own.folder, os.W_OK):
        return False
    if own.version == 1:
        return True
    try:
        return "cpu" in (own.folder / "cgroup.subtree_control").read_text().split()
    except OSError:
        return False


class Processors:
    """The groups of one run's nodes."""

    def __init__(self, owner: Owner) -> None:
        self._mark = owner.text()
        self._home: ControlGroup | None = None
        self._groups: dict[NodeId, ControlGroup] = {}

    def limit(self, pids: Mapping[NodeId, Iterable[int]], share: float) -> None:
        """Leave the processes of each node that share of a processor, and free all others."""
        self.free()
        self._home = group_of("self")
        try:
            for node, own in pids.items():
                self._groups[node] = self._made(node)
                self._groups[node].limit(share)
                self._groups[node].take(own)
        except OSError as error:
            raise EnvironmentFailed(
                f"processors cannot be limited here ({error}): leave squeeze out of the faults, or "
                "give the harness the rights"
            ) from error

    def _made(self, node: NodeId) -> ControlGroup:
        if self._home is None:
            raise FileNotFoundError("no control group of ours is seen")
        folder = self._home.folder / f"{PREFIX}{self._mark}.{node}"
        folder.mkdir(exist_ok=True)
        return ControlGroup(folder, self._home.version)

    def held_back(self, node: NodeId) -> int | None:
        group = self._groups.get(node)
        return None if group is None else group.held_back()

    def free(self) -> None:
        """Let all nodes have as much as they like again."""
        for group in self._groups.values():
            if self._home is not None:
                while left := group.pids():
                    self._home.take(left)
            group.folder.rmdir()
        self._groups.clear()


def groups_of_dead_runs() -> Iterator[tuple[Path, Owner]]:
    """Groups whose harness is dead, with their owners."""
    own = group_of("self")
    root = Path("/sys/fs/cgroup") / ("cpu" if own is not None and own.version == 1 else "")
    for folder in sorted(root.rglob(f"{PREFIX}*")) if own is not None else ():
        owner = Owner.parse(folder.name.removeprefix(PREFIX).rpartition(".")[0])
        if owner is not None and not owner.alive():
            yield folder, owner
