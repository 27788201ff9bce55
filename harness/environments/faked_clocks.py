"""The wall clocks of programs, by libfaketime: a library that is loaded into them and adds what
stands in a file to the time that the C library tells. The monotonic clock is never touched.

It moves nothing in a program that asks the kernel itself, as Go's do, so a system has to say that
its clock can be set (`Database.clock_can_be_faked`).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.clock import SECOND_NS
from harness.environments.node_files import NodeFiles
from systems_under_test.node import NodeId

WAY = (
    "libfaketime adds what stands in a file to the time of day; the monotonic clock is not touched"
)
LIBRARY = "libfaketimeMT.so.1"


def faketime_library() -> Path | None:
    """Where the library of Debian's `libfaketime` is; None where it is not installed."""
    return next(Path("/usr/lib").glob(f"*/faketime/{LIBRARY}"), None)


def faking(library: Path, file: Path) -> dict[str, str]:
    """The environment of a program whose clock the library sets as the file says."""
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def has_loaded(pid: int) -> bool:
    """Whether a process has the library loaded."""
    try:
        return LIBRARY in Path(f"/proc/{pid}/maps").read_text(errors="replace")
    except OSError:
        return False


class FakedClocks(NodeFiles):
    """A file for each node, with how many seconds its clock is ahead."""

    def __init__(self, folder: Path, nodes: Iterable[NodeId]) -> None:
        super().__init__(folder, nodes, "clock", _line(0))
        self.offsets_ns: dict[NodeId, int] = {}

    def skew(self, offsets_ns: Mapping[NodeId, int]) -> None:
        """Set these clocks off by so much, and all others right."""
        self.set({node: _line(offset_ns) for node, offset_ns in offsets_ns.items()})
        self.offsets_ns = dict(offsets_ns)


def _line(offset_ns: int) -> bytes:
    """What the library reads; always as long, so that it is changed in place."""
    return f"{offset_ns / SECOND_NS:+020.6f}\n".encode()
