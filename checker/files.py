"""Reads and writes files where somebody else may have put things first.

A folder of a store may come from elsewhere. Only regular files are read in it: a pipe would never
answer, and a link leads out of the store. Nothing is written through a link either.
"""

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

_BESIDE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | os.O_CLOEXEC


def regular(path: Path) -> Path:
    """The path itself; `FileNotFoundError` where nothing is there, `OSError` for all but a file."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return path


def is_regular(path: Path) -> bool:
    """Whether a regular file is there, and no link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; a reader never sees half of it, nor does a crash leave it.

    What was at that path is replaced, and if it was a link, the link is. Raises `OSError`.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(beside, _BESIDE, 0o666), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
