"""How much of a processor and of memory nodes get, by control groups of the kernel (of either
version).

A group is made below the one that the harness itself is in, and named with the owner's mark, so
that `leftovers` finds those of a dead run. Version 2 lets us only where the controller is handed
down to us (`cgroup.subtree_control`); there the files are written as the kernel documents them,
which a test does on folders that stand in for it.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.environments.owner import Owner
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId

WAY = "a control group for each node"
PREFIX = "labrys_"
PERIOD_US = 100_000
CPU, MEMORY = "cpu", "memory"
ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """One control group, as the controller `controller` sees it."""

    folder: Path
    version: int
    controller: str = CPU

    def limit_processor(self, share: float) -> None:
        """Leave all processes of the group together that share of a processor."""
        quota_us = int(share * PERIOD_US)
        if self.version == 2:
            (self.folder / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
        else:
            (self.folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (self.folder / "cpu.cfs_quota_us").write_text(str(quota_us))

    def limit_memory(self, size: int) -> None:
        """Let the group have this many bytes of memory; the kernel kills what needs more."""
        if self.version == 2:
            (self.folder / "memory.max").write_text(str(size))
            with contextlib.suppress(FileNotFoundError):  # A kernel without swap.
                (self.folder / "memory.swap.max").write_text("0")
        else:
            (self.folder / "memory.limit_in_bytes").write_text(str(size))

    def take(self, pids: Iterable[int]) -> None:
        """Move processes into the group; those that have ended meanwhile are none. What memory
        they have stays with the group where they were."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                (self.folder / "cgroup.procs").write_text(str(pid))

    def pids(self) -> list[int]:
        return [int(word) for word in (self.folder / "cgroup.procs").read_text().split()]

    def used(self) -> int:
        """The bytes of memory that the group has, what it holds of files included."""
        name = "memory.current" if self.version == 2 else "memory.usage_in_bytes"
        return int((self.folder / name).read_text())

    def met(self) -> int:
        """How often processes of the group met its limit: had to wait for a processor, or needed
        memory beyond it."""
        if self.controller == CPU:
            return self._number("cpu.stat", "nr_throttled")
        if self.version == 2:
            return self._number("memory.events", "max")
        return int((self.folder / "memory.failcnt").read_text())

    def killed(self) -> int:
        """How many processes of the group the kernel killed for want of memory."""
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        return self._number(name, "oom_kill")

    def _number(self, file: str, wanted: str) -> int:
        for line in (self.folder / file).read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == wanted:
                return int(count)
        return 0


def group_of(
    pid: int | str, controller: str = CPU, root: Path = ROOT, processes: Path = Path("/proc")
) -> ControlGroup | None:
    """The control group of a process; None where it cannot be seen."""
    try:
        told = (processes / str(pid) / "cgroup").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    limit = {CPU: "cpu.cfs_quota_us", MEMORY: "memory.limit_in_bytes"}[controller]
    unified = None
    for line in told:
        number, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            found = root / controller / path.lstrip("/")
            return ControlGroup(found, 1, controller) if (found / limit).exists() else None
        if number == "0":
            found = root / path.lstrip("/")
            if (found / "cgroup.controllers").exists():
                unified = ControlGroup(found, 2, controller)
    return unified


def groups_work(controller: str) -> bool:
    """Whether this process may make groups below its own that limit this."""
    return may_limit(group_of("self", controller))


def may_limit(own: ControlGroup | None) -> bool:
    """Whether groups may be made below this one, which limit what it stands for."""
    if own is None or not os.access(own.folder, os.W_OK):
        return False
    if own.version == 1:
        return True
    try:
        return own.controller in (own.folder / "cgroup.subtree_control").read_text().split()
    except OSError:
        return False


class ControlGroups:
    """The groups of one run's nodes; only one thing of theirs is limited at a time."""

    def __init__(
        self, owner: Owner, home: Callable[[str], ControlGroup | None] | None = None
    ) -> None:
        self._mark = owner.text()
        self._find_home = home or (lambda controller: group_of("self", controller))
        self._home: ControlGroup | None = None
        self._groups: dict[NodeId, ControlGroup] = {}

    def limit_processors(self, pids: Mapping[NodeId, Iterable[int]], share: float) -> None:
        """Leave the processes of each node that share of a processor, and free all others."""
        self._limit(CPU, pids, lambda group: group.limit_processor(share))

    def limit_memory(self, pids: Mapping[NodeId, Iterable[int]], room: int) -> None:
        """Leave the processes of each node this many bytes beside what they have, and free all
        others."""
        self._limit(MEMORY, pids, lambda group: group.limit_memory(room))

    def _limit(
        self,
        controller: str,
        pids: Mapping[NodeId, Iterable[int]],
        limit: Callable[[ControlGroup], None],
    ) -> None:
        self.free()
        self._home = self._find_home(controller)
        try:
            for node, own in pids.items():
                self._groups[node] = self._made(node)
                limit(self._groups[node])
                self._groups[node].take(own)
        except OSError as error:
            raise EnvironmentFailed(
                f"{controller} cannot be limited here ({error}): leave squeeze out of the faults, "
                "or give the harness the rights"
            ) from error

    def _made(self, node: NodeId) -> ControlGroup:
        if self._home is None:
            raise FileNotFoundError("no control group of ours is seen")
        folder = self._home.folder / f"{PREFIX}{self._mark}.{node}"
        folder.mkdir(exist_ok=True)
        return ControlGroup(folder, self._home.version, self._home.controller)

    def of(self, node: NodeId, controller: str) -> ControlGroup | None:
        """The group of a node that is limited in this; None where it is not."""
        group = self._groups.get(node)
        return group if group is not None and group.controller == controller else None

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
    own = [group for name in (CPU, MEMORY) if (group := group_of("self", name)) is not None]
    roots = [ROOT / group.controller if group.version == 1 else ROOT for group in own]
    for root in dict.fromkeys(roots):
        for folder in sorted(root.rglob(f"{PREFIX}*")):
            owner = Owner.parse(folder.name.removeprefix(PREFIX).rpartition(".")[0])
            if owner is not None and not owner.alive():
                yield folder, owner
