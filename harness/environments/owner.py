"""Who made something: the mark that a run puts on all it makes, and whether that harness lives.

A process number alone may be used again after its process has died, so the mark holds when the
process began as well, which boot of which host that was, and in which namespace of processes. What
was marked on another host or in another namespace counts as alive, since we cannot look there.
"""

import functools
import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Owner:
    """A run and the harness process that made it."""

    run: str
    host: str
    boot: str
    space: str
    pid: int
    began: str

    def alive(self) -> bool:
        """Whether that harness process still runs, or may do so where we cannot look."""
        if self.host != host():
            return True
        if self.boot != boot():
            return False
        if not self.space or self.space != space():
            return True
        return _lives(self.pid, self.began)

    def text(self) -> str:
        """The mark in one word, of letters, digits and underscores only."""
        return f"{self.run}_{self.pid}_{self.began}_{self.space}_{self.boot}_{self.host}"

    @classmethod
    def parse(cls, text: str) -> "Owner | None":
        """The owner whose `text` that is, or None if it is nobody's."""
        parts = text.split("_", 5)
        if len(parts) != 6 or not parts[1].isdigit():
            return None
        run, pid, began, space_number, boot_word, host = parts
        return cls(
            run=run, host=host, boot=boot_word, space=space_number, pid=int(pid), began=began
        )


def this_process(run: str) -> Owner:
    """The owner of what this process makes for that run; `run` is letters and digits."""
    pid = os.getpid()
    return Owner(
        run=run, host=host(), boot=boot(), space=space(), pid=pid, began=process_began(pid)
    )


@functools.cache
def host() -> str:
    """This host's name, without what is neither a letter nor a digit."""
    return "".join(letter for letter in platform.node() if letter.isalnum() and letter.isascii())


@functools.cache
def boot() -> str:
    """A word that changes with every boot of this host; empty where the system has none."""
    try:
        word = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        return ""
    return word.strip().replace("-", "")[:12]


def space() -> str:
    """The number of our namespace of processes, in which a process number means something; empty
    where /proc shows another one."""
    if not Path("/proc/self").is_symlink():
        return "none"  # No Linux, and so no namespaces.
    try:
        if os.readlink("/proc/self") != str(os.getpid()):
            return ""
        named = os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
    return "".join(letter for letter in named if letter.isdigit())


def _lives(pid: int, began: str) -> bool:
    """Whether that process is the one that began then; true where /proc hides it."""
    found = process_began(pid)
    if found or Path(f"/proc/{pid}/stat").exists():
        return found == began
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def process_stopped(pid: int) -> bool:
    """Whether that process is stopped, as by SIGSTOP."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        command = ["ps", "-o", "state=", "-p", str(pid)]
        return (
            subprocess.run(command, capture_output=True, text=True, check=False).stdout[:1] == "T"
        )
    return stat.rpartition(")")[2].split()[0] in "Tt"


def process_began(pid: int) -> str:
    """When that process began, in the system's own words; empty if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
        command = ["ps", "-o", "lstart=", "-p", str(pid)]
        shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return "".join(letter for letter in shown if letter.isalnum())
    state, *rest = stat.rpartition(")")[2].split()
    dead = state in "ZX"
    return "" if dead else rest[18]
