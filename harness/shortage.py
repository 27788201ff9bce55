"""What the harness itself may run out of: open files, memory, disk, ports.

Such an error says nothing about the system under test. It ends the run as a failure of the harness,
and is never taken for a node that cannot be reached.
"""

import errno

from harness.errors import HarnessError

_SHORT_OF = {
    errno.EMFILE: "open files: give fewer clients or nodes, or raise `ulimit -n`",
    errno.ENFILE: "open files on the whole machine: close other programs, then run again",
    errno.ENOMEM: "memory: free some, or give fewer clients or nodes",
    errno.ENOBUFS: "memory for sockets: free some, or give fewer clients or nodes",
    errno.EADDRNOTAVAIL: "ports: wait a minute until the kernel frees some, then run again",
    errno.EAGAIN: "processes: end some, or raise `ulimit -u`",
    errno.ENOSPC: "disk space: make room and run again",
    errno.EDQUOT: "disk quota: make room and run again",
}


def shortage(error: BaseException) -> HarnessError | None:
    """The failure of the harness that this error is; None where it may be the system's doing."""
    if isinstance(error, MemoryError):
        return HarnessError(f"the harness ran out of {_SHORT_OF[errno.ENOMEM]}")
    if isinstance(error, OSError) and error.errno in _SHORT_OF:
        return HarnessError(f"the harness ran out of {_SHORT_OF[error.errno]}")
    return None
