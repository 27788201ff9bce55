"""A small disk for each node, whose power can be cut: exactly what was not synced is lost.

Each is an ext4 file system in a file, mounted through a loop device. It commits of itself only
every ten minutes, so that what a node did not sync is in the kernel's cache alone; FS_IOC_SHUTDOWN
without a flush drops that, and lets every later write fail, as when the power goes. Mounting it
again replays its journal, as a machine does that boots.

The mounts are in a mount namespace of their own, held by a process that dies with the harness; so
they, and the loop devices, go when the harness does, however it ends.
"""

import contextlib
import errno
import fcntl
import os
import struct
import subprocess
import time
from pathlib import Path

from harness.environments.tools import ToolFailed, run_tool, tool
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId
from systems_under_test.serve import die_with_parent

WAY = "ext4 on a loop device, shut down without a flush (FS_IOC_SHUTDOWN)"

_SHUTDOWN, _WITHOUT_FLUSH = 0x8004587D, struct.pack("I", 2)
_SIZE = 256 << 20
_BUSY_S = 5.0
BALLAST = ".ballast"


def disks_work() -> bool:
    """Whether this process may mount, which takes root outside of user namespaces."""
    try:
        mapped = Path("/proc/self/uid_map").read_text(encoding="ascii").split()
    except OSError:
        return False
    whole = mapped == ["0", "0", "4294967295"]
    tools = all(tool(name) for name in ("mkfs.ext4", "mount", "nsenter"))
    return whole and os.geteuid() == 0 and tools and Path("/dev/loop-control").exists()


class Disks:
    """The disks of one run's nodes, on files beside the folders on which they are mounted."""

    def __init__(self) -> None:
        self._holder: subprocess.Popen[bytes] | None = None
        self._folders: dict[NodeId, Path] = {}

    def open(self) -> None:
        """Make the namespace for the mounts."""
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "--", "sleep", "infinity"],
            stdin=subprocess.DEVNULL,
            preexec_fn=die_with_parent,
            start_new_session=True,
        )
        ours, until = os.readlink("/proc/self/ns/mnt"), time.monotonic() + _BUSY_S
        while self._space() == ours:
            if time.monotonic() > until:
                raise failed("make a place for the mounts", "it takes too long")
            time.sleep(0.005)

    def close(self) -> None:
        """Give the disks up; the kernel unmounts what nobody holds any more."""
        holder, self._holder = self._holder, None
        if holder is not None:
            holder.kill()
            holder.wait()
        for folder in self._folders.values():
            _image(folder).unlink(missing_ok=True)
        self._folders.clear()

    def inside(self) -> list[str]:
        """The words before a command that is to see the disks."""
        return ["nsenter", f"--mount=/proc/{self._pid()}/ns/mnt", f"--wd={os.getcwd()}", "--"]

    def make(self, node: NodeId, folder: Path) -> None:
        """Give a node a disk in the place of this folder, with what is in it; only once."""
        if node in self._folders:
            return
        make_image(_image(folder), f"make a disk for {node}", folder)
        self._folders[node] = folder
        self._mount(node)

    def has(self, node: NodeId) -> bool:
        return node in self._folders

    def cut(self, node: NodeId) -> None:
        """Cut the power of a node's disk: from now on every write fails, and what was not synced is
        gone. The node's processes must be ended before `restore`."""
        shut_down(self.seen(node), node)

    def fill(self, node: NodeId) -> bool:
        """Leave no space on a node's disk; whether it is seen to be full."""
        return fill(self.seen(node))

    def free(self, node: NodeId) -> bool:
        """Give a node's disk its space back; whether it was full."""
        return free(self.seen(node))

    def restore(self, node: NodeId) -> None:
        """Mount a node's disk again, as it was when its power went."""
        until = time.monotonic() + _BUSY_S
        while True:
            try:
                run([*self.inside(), "umount", str(self._folders[node])], f"unmount {node}")
                break
            except EnvironmentFailed:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)
        self._mount(node)

    def seen(self, node: NodeId) -> Path:
        """Where this process sees what is on a node's disk."""
        return Path(f"/proc/{self._pid()}/root{self._folders[node]}")

    def _mount(self, node: NodeId) -> None:
        folder = self._folders[node]
        words = ["mount", "-o", "loop,commit=600", str(_image(folder)), str(folder)]
        run([*self.inside(), *words], f"mount the disk of {node}")

    def _pid(self) -> int:
        if self._holder is None:
            raise EnvironmentFailed("the cluster is not open: open it before its disks")
        return self._holder.pid

    def _space(self) -> str:
        with contextlib.suppress(OSError):
            return os.readlink(f"/proc/{self._pid()}/ns/mnt")
        return ""


def _image(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.disk")


def make_image(image: Path, what: str, folder: Path | None = None) -> None:
    """Make a file that holds a small file system, with what is in the folder."""
    with image.open("wb") as file:
        file.truncate(_SIZE)
    filled = [] if folder is None else ["-d", str(folder)]
    run(["mkfs.ext4", "-q", "-F", "-m", "0", *filled, str(image)], what)


def fill(seen: Path) -> bool:
    """Leave no space on the file system that is seen there; whether it is seen to be full."""
    file = os.open(seen / BALLAST, os.O_WRONLY | os.O_CREAT)
    try:
        at, size = 0, _SIZE
        while size >= 1 << 10:
            try:
                os.posix_fallocate(file, at, size)
                at += size
            except OSError:
                size //= 2
    finally:
        os.close(file)
    return os.statvfs(seen).f_bavail == 0


def free(seen: Path) -> bool:
    """Give the file system that is seen there its space back; whether it was full."""
    try:
        (seen / BALLAST).unlink()
    except FileNotFoundError:
        return False
    return True


def shut_down(seen: Path, node: NodeId) -> None:
    """Cut the power of the file system that is seen there, and see that it takes nothing more."""
    folder = os.open(seen, os.O_RDONLY)
    try:
        fcntl.ioctl(folder, _SHUTDOWN, _WITHOUT_FLUSH)
        # By the open folder, since a node may end of its failed writes, and its mounts with it.
        os.close(os.open(".alive", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
    except OSError as error:
        if error.errno in (errno.EIO, errno.EROFS):
            return
        raise failed(f"cut the power of {node}", str(error)) from None
    finally:
        os.close(folder)
    raise failed(f"cut the power of {node}", "its disk still takes what is written")


def run(words: list[str], what: str) -> str:
    """Run a program to its end, and return what it printed; `EnvironmentFailed` where it fails."""
    try:
        return run_tool(words)
    except ToolFailed as error:
        raise failed(what, str(error)) from None


def failed(what: str, why: str) -> EnvironmentFailed:
    """The error for what could not be done."""
    return EnvironmentFailed(
        f"cannot {what} ({why}): be root with loop devices and e2fsprogs, or leave power and disk "
        "out of the faults"
    )
