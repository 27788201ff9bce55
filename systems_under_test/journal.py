"""A node's write-ahead journal: an append-only file of what it persisted, checked when read.

The file is a header line with the format's version, then frames. **A frame is what one fsync
covers**: the records of a group commit, as lines of JSON, behind a mark, their length and a CRC-32
over both. Since the next frame is written only after the last one was synced, a crash, even a loss
of power that writes pages out of order, can spoil the last frame only. So a bad frame with nothing
valid after it is a torn tail: no fsync had returned for it, nobody was promised anything, and it
is cut off. A bad frame with a valid one after it is damage to what was promised: `JournalDamaged`.

Compaction writes a new file beside the old one, syncs it, renames it over the old one and syncs the
folder: a crash at any moment leaves one of the two whole under the journal's name.

After a failed write or fsync what is on the disk is unknown, and a second fsync may succeed
without having written anything (Rebello et al., "Can Applications Recover from fsync Failures?",
2020). So `JournalFailed` is final: the node must stop.

Limits: damage within the very last frame looks like a torn tail. The whole file is read at start.
"""

import fcntl
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from systems_under_test.wire import Codec, Malformed

HEADER = b"labrys journal 1\n"
_MARK = b"\xf5\xf5\xf5\xf5"
"""How a frame begins: bytes that no UTF-8 text holds, so that frames are found after damage."""

_FRAME = 2**20
"""This many bytes of records, or a little more, make a frame of a compacted journal."""

_LENGTH = struct.Struct("<I")
_HEAD = len(_MARK) + 2 * _LENGTH.size

_sync = getattr(os, "fdatasync", os.fsync)
"""The file's size is part of the data that fdatasync writes; macOS has only fsync."""


class JournalDamaged(Exception):
    """The file is no journal of this version, or something in its middle was changed."""


class JournalFailed(Exception):
    """The journal could not be opened, written or synced: what is on the disk is unknown."""


def frame(lines: Sequence[bytes]) -> bytes:
    """One group of records, each an encoded line, as the bytes to append."""
    body = b"".join(lines)
    length = _LENGTH.pack(len(body))
    return _MARK + length + _LENGTH.pack(zlib.crc32(body, zlib.crc32(length))) + body


def read_frames(data: bytes, where: str) -> tuple[list[bytes], int]:
    """The bodies of all valid frames, and the offset at which the valid part of `data` ends.

    `where` names the file in the error `JournalDamaged`.
    """
    if not data.startswith(HEADER):
        raise JournalDamaged(
            f"{where} is no journal of this version (it begins with {data[:20]!r}): "
            "name another file, or move it away to start afresh"
        )
    bodies: list[bytes] = []
    offset = len(HEADER)
    while (body := _frame_at(data, offset)) is not None:
        bodies.append(body)
        offset += _HEAD + len(body)
    later = data.find(_MARK, offset + 1)
    while later != -1:
        if _frame_at(data, later) is not None:
            raise JournalDamaged(
                f"{where} is damaged at byte {offset}: valid records follow at byte {later}, so "
                "this is no torn tail; restore the file, or move it away and replace the node"
            )
        later = data.find(_MARK, later + 1)
    return bodies, offset


def _frame_at(data: bytes, offset: int) -> bytes | None:
    """The body of the frame at that offset, or None if there is no valid one."""
    begin = offset + _HEAD
    head = data[offset:begin]
    if len(head) < _HEAD or not head.startswith(_MARK):
        return None
    length = head[len(_MARK) : -_LENGTH.size]
    body = data[begin : begin + _LENGTH.unpack(length)[0]]
    checksum = _LENGTH.unpack(head[-_LENGTH.size :])[0]
    if len(body) != _LENGTH.unpack(length)[0] or zlib.crc32(body, zlib.crc32(length)) != checksum:
        return None
    return body


class Journal:
    """An open journal. `records` are those that it held when opened, oldest first."""

    def __init__(self, path: Path, codec: Codec, *, syncs: bool = True) -> None:
        """Open or create the file, cut off a torn tail, and lock it against other processes.

        Raises `JournalDamaged` and `JournalFailed`. `cut` is the number of bytes cut off. Without
        `syncs` groups are left to the kernel, as a flawed system has it (`Node.syncs`).
        """
        self.path = path
        self._syncs = syncs
        try:
            if not path.exists():
                _create(path)
            self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise _cannot_open(path, error) from None
        try:
            bodies = self._read_and_cut()
            self.records = tuple(
                codec.decode(line) for body in bodies for line in body.splitlines()
            )
        except BaseException as error:
            os.close(self._file)
            match error:
                case BlockingIOError():
                    raise JournalFailed(
                        f"{path} is in use by another node: end that one first"
                    ) from None
                case OSError():
                    raise _cannot_open(path, error) from None
                case Malformed():
                    raise JournalDamaged(
                        f"{path} holds a record that this system does not know ({error}): "
                        "it was written by another system or version; name another file"
                    ) from None
            raise

    def _read_and_cut(self) -> list[bytes]:
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(self._file).st_ino != self.path.stat().st_ino:
            raise BlockingIOError  # Another node replaced the file since we opened it.
        self.path.with_name(self.path.name + ".new").unlink(missing_ok=True)  # Never finished.
        data = self.path.read_bytes()
        bodies, end = read_frames(data, str(self.path))
        self.torn = len(data) - end
        os.ftruncate(self._file, end)
        os.lseek(self._file, end, os.SEEK_SET)
        # A killed process may have left frames that it wrote but did not sync. From now on the node
        # acts on them, so they must not be lost any more.
        os.fsync(self._file)
        return bodies

    # Neither method must be called again after it has raised, nor before an earlier call of either
    # has returned.

    def append(self, lines: Sequence[bytes]) -> None:
        """Write the records as one group and return when they are durable, else `JournalFailed`."""
        try:
            _write(self._file, frame(lines))
            if self._syncs:
                _sync(self._file)
        except OSError as error:
            raise self._failed(error) from None

    def replace(self, lines: Iterable[bytes]) -> None:
        """Put these records in the place of all others, and return when that is durable.

        The file under the journal's name is the old one until the new one is whole and synced.
        Raises `JournalFailed`.
        """
        fresh = self.path.with_name(self.path.name + ".new")
        try:
            file = _open_new(fresh)
            try:
                # Whoever opens the journal from now on must meet this node's lock.
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _write(file, HEADER)
                for group in _grouped(lines):
                    _write(file, frame(group))
                os.fsync(file)
                os.rename(fresh, self.path)
                _sync_folder(self.path)
            except BaseException:
                os.close(file)
                raise
        except OSError as error:
            raise self._failed(error) from None
        os.close(self._file)
        self._file = file

    def _failed(self, error: OSError) -> JournalFailed:
        return JournalFailed(
            f"cannot write the journal {self.path}: {error.strerror}; "
            "the node stops, since what reached the disk is unknown"
        )

    def close(self) -> None:
        os.close(self._file)


def _cannot_open(path: Path, error: OSError) -> JournalFailed:
    return JournalFailed(f"cannot open the journal {path}: {error.strerror}: see to its folder")


def _create(path: Path) -> None:
    """Make an empty journal that appears under its name only when its header is durable."""
    fresh = path.with_name(path.name + ".new")
    file = _open_new(fresh)
    try:
        _write(file, HEADER)
        os.fsync(file)
    finally:
        os.close(file)
    os.rename(fresh, path)
    _sync_folder(path)


def _open_new(path: Path) -> int:
    path.unlink(missing_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)


def _write(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def _sync_folder(path: Path) -> None:
    """Make the file's name durable: a rename is a change of its folder."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _grouped(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """The lines in groups of about `_FRAME` bytes."""
    group: list[bytes] = []
    size = 0
    for line in lines:
        group.append(line)
        size += len(line)
        if size >= _FRAME:
            yield group
            group, size = [], 0
    if group:
        yield group
