"""What a file holds, unpacked: plain, or compressed by gzip, or in a zip archive.

What unpacks to very much more than it was is refused, since a small file must not fill the memory.
"""

import io
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from checker.history import MalformedHistory
from checker.wording import plural

BYTES_MAX = 2 << 30
"""Bytes that are read of a file; one of ten million events has about 1 GiB."""

RATIO_MAX = 200
"""How many times as large as it was a compressed file may become; histories shrink to a tenth."""

ALWAYS_BYTES = 16 << 20
"""Bytes to which any compressed file may unpack."""

CHUNK_BYTES = 1 << 20

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"

HISTORIES = ("history.jsonl", "test.jepsen", "history.edn", "history.txt", "jepsen.log")
"""Files in which a directory or an archive may have its history, the best first."""


def read_path(path: Path) -> bytes:
    """The bytes of a file; raises `MalformedHistory` or `OSError`."""
    with path.open("rb") as file:
        return read_stream(file)


def read_stream(stream: BinaryIO) -> bytes:
    """The bytes of a stream, to its end."""
    chunks = []
    size = 0
    while chunk := stream.read(CHUNK_BYTES):
        chunks.append(chunk)
        size += len(chunk)
        if size > BYTES_MAX:
            raise MalformedHistory(
                f"there are more than {BYTES_MAX >> 30} GiB; judge a part of the history at a time"
            )
    return unpacked(b"".join(chunks))


def is_packed(beginning: bytes) -> bool:
    """Whether a file that begins so is compressed."""
    return beginning.startswith((_GZIP, _ZIP))


def unpacked(data: bytes) -> bytes:
    """What compressed bytes hold; others as they are."""
    if data.startswith(_GZIP):
        return _gunzip(data)
    if data.startswith(_ZIP):
        return _unzip(data)
    return data


def _most(packed: int) -> int:
    return min(BYTES_MAX, max(ALWAYS_BYTES, RATIO_MAX * packed))


def _too_much(most: int) -> MalformedHistory:
    return MalformedHistory(
        f"it unpacks to more than {most >> 20} MiB, which is more than a history of its size does; "
        "unpack it yourself if you trust it"
    )


def _gunzip(data: bytes) -> bytes:
    most = _most(len(data))
    parts: list[bytes] = []
    size = 0
    while data.startswith(_GZIP):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            while not unpacker.eof:
                part = unpacker.decompress(data, CHUNK_BYTES)
                data = unpacker.unconsumed_tail
                if not part and not data and not unpacker.eof:
                    raise MalformedHistory("the compressed file breaks off")
                parts.append(part)
                size += len(part)
                if size > most:
                    raise _too_much(most)
        except zlib.error as error:
            raise MalformedHistory(f"the compressed file is damaged: {error}") from None
        data = unpacker.unused_data
    return b"".join(parts)


def _unzip(data: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            member = _member(archive)
            most = _most(member.compress_size)
            with archive.open(member) as file:
                content = file.read(most + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise MalformedHistory(f"the archive is damaged, or cannot be read: {error}") from None
    if len(content) > most:
        raise _too_much(most)
    return content


def _member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The history in an archive: its only file, or one that is named as histories are."""
    files = [info for info in archive.infolist() if not info.is_dir()]
    if len(files) == 1:
        return files[0]
    for name in HISTORIES:
        named = [info for info in files if PurePosixPath(info.filename).name == name]
        if len(named) == 1:
            return named[0]
        if named:
            raise MalformedHistory(
                f"the archive holds {len(named)} files named {name}; unpack it and name one"
            )
    raise MalformedHistory(
        f"the archive holds {plural(len(files), 'file')}, and none named {', '.join(HISTORIES)}"
    )
