"""A node's write-ahead journal: an append-only file of what it persisted, checked when read.

The file is a header, then frames. **A frame is what one fsync covers**: the records of a group
commit, as lines of JSON, behind a mark, their length and a CRC-32 over both. The header is one
sector of the disk, with the format's version and a *seal*: how many bytes of the file have been
synced, written as soon as they are, before anybody is promised anything, and synced with the next
frame. It tells the torn tail of a crash from damage, as a node must before it forgets anything
(Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018, section 3.3):

- A bad frame behind the seal, with nothing valid after it, is a torn tail: no fsync had returned
  for it, nobody was promised anything, and it is cut off.
- A bad frame before the seal, one with a valid one after it, a file that ends before its seal, and
  a bad header are damage to what may have been promised: `JournalDamaged`, with the offset.

Compaction writes a new file beside the old one, syncs it, renames it over the old one and syncs the
folder: a crash at any moment leaves one of the two whole under the journal's name.

After a failed write or fsync what is on the disk is unknown, and a second fsync may succeed
without having written anything (Rebello et al., "Can Applications Recover from fsync Failures?",
2020). So `JournalFailed` is final: the node must stop.

Limits: the seal of the last frame is in the kernel's cache until the next one is synced, or the
kernel writes it of itself, which takes it half a minute at most. Where the power goes before that,
and that very frame is damaged as well, or all of it gone, this looks like a torn tail. A file that
is gone altogether is that of a new node. The whole file is read at start.
"""

import errno
import fcntl
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from systems_under_test.weak_disk import WeakDisk
from systems_under_test.wire import Codec, Malformed

_VERSION = b"labrys journal 2\n"
_SEAL = struct.Struct("<Q")
_LENGTH = struct.Struct("<I")

HEADER_SIZE = 512
"""A sector, which a disk writes wholly or not at all."""

_MARK = b"\xf5\xf5\xf5\xf5"
"""How a frame begins: bytes that no UTF-8 text holds, so that frames are found after damage."""

_FRAME = 2**20
"""This many bytes of records, or a little more, make a frame of a compacted journal."""

_HEAD = len(_MARK) + 2 * _LENGTH.size

_sync = getattr(os, "fdatasync", os.fsync)
"""The file's size is part of the data that fdatasync writes; macOS has only fsync."""


class JournalDamaged(Exception):
    """The file is no journal of this version, or something in its middle was changed."""


class JournalFailed(Exception):
    """The journal could not be opened, written or synced: what is on the disk is unknown."""


def header(synced: int) -> bytes:
    """The first bytes of a journal of which so many bytes, with these, are durable."""
    told = _VERSION + _SEAL.pack(synced)
    told += bytes(HEADER_SIZE - len(told) - _LENGTH.size)
    return told + _LENGTH.pack(zlib.crc32(told))


def read_seal(data: bytes, where: str) -> int:
    """How many bytes of the file were synced, by its header; `JournalDamaged` where that is bad."""
    if not data.startswith(_VERSION):
        raise JournalDamaged(
            f"{where} is no journal of this version (at byte 0 it has {data[:20]!r}): "
            "restore the file, name another, or move it away and replace the node"
        )
    (synced,) = _SEAL.unpack_from(data.ljust(HEADER_SIZE), len(_VERSION))
    if data[:HEADER_SIZE] != header(synced):
        raise _damaged(where, 0, "its header does not bear its checksum")
    return int(synced)


def frame(lines: Sequence[bytes]) -> bytes:
    """One group of records, each an encoded line, as the bytes to append."""
    body = b"".join(lines)
    length = _LENGTH.pack(len(body))
    return _MARK + length + _LENGTH.pack(zlib.crc32(body, zlib.crc32(length))) + body


def read_frames(data: bytes, where: str) -> tuple[list[bytes], int]:
    """The bodies of all valid frames, and the offset at which the valid part of `data` ends.

    `where` names the file in the error `JournalDamaged`.
    """
    synced = read_seal(data, where)
    bodies, end = _valid_frames(data)
    if end < synced:
        raise _damaged(where, end, f"it was synced up to byte {synced}")
    later = data.find(_MARK, end + 1)
    while later != -1:
        if _frame_at(data, later) is not None:
            raise _damaged(where, end, f"valid records follow at byte {later}")
        later = data.find(_MARK, later + 1)
    return bodies, end


def _valid_frames(data: bytes) -> tuple[list[bytes], int]:
    """The bodies of the frames before the first bad one, and the offset at which that begins."""
    bodies: list[bytes] = []
    offset = HEADER_SIZE
    while (body := _frame_at(data, offset)) is not None:
        bodies.append(body)
        offset += _HEAD + len(body)
    return bodies, offset


def _damaged(where: str, offset: int, why: str) -> JournalDamaged:
    return JournalDamaged(
        f"{where} is damaged at byte {offset}: {why}, so this is no torn tail; "
        "restore the file, or move it away and replace the node"
    )


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

    def __init__(
        self,
        path: Path,
        codec: Codec,
        *,
        syncs: bool = True,
        refuses_damage: bool = True,
        disk: WeakDisk | None = None,
    ) -> None:
        """Open or create the file, cut off a torn tail, and lock it against other processes.

        Raises `JournalDamaged` and `JournalFailed`. `torn` is the number of bytes cut off. Without
        `syncs` groups are left to the kernel, and without `refuses_damage` whatever is bad counts
        as torn, as flawed systems have it (`Node.syncs`, `Node.refuses_damage`). What the `disk`
        says is wrong with it happens to all that is written later.
        """
        self.path = path
        self.disk = disk
        self._syncs = syncs
        self._refuses_damage = refuses_damage
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
        if self._refuses_damage:
            bodies, end = read_frames(data, str(self.path))
        else:
            bodies, end = _valid_frames(data.ljust(HEADER_SIZE))
        self.torn = max(0, len(data) - end)
        os.ftruncate(self._file, end)
        os.lseek(self._file, end, os.SEEK_SET)
        self._end = end
        # A killed process may have left frames that it wrote but did not sync. From now on the node
        # acts on them, so they must not be lost any more.
        os.fsync(self._file)
        _seal(self._file, end)
        return bodies

    # Neither method must be called again after it has raised, nor before an earlier call of either
    # has returned.

    def append(self, lines: Sequence[bytes]) -> None:
        """Write the records as one group and return when they are durable, else `JournalFailed`."""
        try:
            if self.disk is not None:
                self.disk.before_write()
            self._end += _write(self._file, frame(lines))
            if self._syncs:
                if self.disk is not None:
                    self.disk.before_sync()
                _sync(self._file)
                _seal(self._file, self._end)
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
                end = _write(file, header(0))
                for group in _grouped(lines):
                    end += _write(file, frame(group))
                _seal(file, end)  # Whoever finds it under its name finds it synced.
                if self.disk is not None:
                    self.disk.before_sync()
                os.fsync(file)
                os.rename(fresh, self.path)
                _sync_folder(self.path)
            except BaseException:
                os.close(file)
                raise
        except OSError as error:
            raise self._failed(error) from None
        os.close(self._file)
        self._file, self._end = file, end

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
        _write(file, header(HEADER_SIZE))
        os.fsync(file)
    finally:
        os.close(file)
    os.rename(fresh, path)
    _sync_folder(path)


def _open_new(path: Path) -> int:
    path.unlink(missing_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)


def _write(file: int, data: bytes) -> int:
    """Write all of it, and return how much that was."""
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]
    return len(data)


def _seal(file: int, synced: int) -> None:
    """Note how much of the file is durable; see the head of this module."""
    if os.pwrite(file, header(synced), 0) != HEADER_SIZE:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


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
