"""`test.jepsen`, in which Jepsen keeps a test since 0.3: its history and its results.

The file begins with `JEPSEN`, a version, and the place of a block that says where all others are.
A block has its length, a checksum of its data and header, and a type; a history is a list of blocks
that each hold some thousands of operations, so that one that was cut keeps what was finished.
(jepsen.store.format in Jepsen's sources says so; its constants, not its words, give the widths.)
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

from checker.formats.event import Recorded, event_of
from checker.formats.fressian import Fressian
from checker.history import MalformedHistory

NAME = "a test that Jepsen stored"
EXAMPLE = "a file that begins with JEPSEN: store/NAME/TIME/test.jepsen"

MAGIC = b"JEPSEN"
VERSIONS = (0, 1)

_HEADER = struct.Struct(">qIh14x")
_FIRST_BLOCK = len(MAGIC) + 4 + 8
_INDEX, _FRESSIAN, _PARTIAL_MAP, _STREAM, _VECTOR = range(1, 6)
_DEEPEST = 20


def recognises(data: bytes) -> bool:
    """Whether the bytes are a stored test."""
    return data.startswith(MAGIC)


def read(data: bytes) -> Recorded:
    """The events of a stored test; raises `MalformedHistory`. Its lines are those of operations."""
    blocks = _Blocks(data)
    test = blocks.root()
    if not isinstance(test, dict):
        raise MalformedHistory("the stored test has no map at its root")
    recorded = Recorded()
    history = test.get("history")
    results = test.get("results")
    if isinstance(results, _Reference):
        results = next(iter(blocks.values(results)), None)
    if isinstance(results, dict):
        recorded.valid = results.get("valid?")
    items = blocks.values(history) if isinstance(history, _Reference) else iter(history or ())
    for line, item in enumerate(_flat(items), start=1):
        if not isinstance(item, dict):
            raise MalformedHistory(f"operation {line} is not a map: {item!r:.60}")
        recorded.take(event_of(item, line))
    return recorded


def _flat(items: Iterator[Any]) -> Iterator[Any]:
    """A history may be one list, or its operations one by one."""
    for item in items:
        if isinstance(item, list):
            yield from item
        elif item is not None:
            yield item


class _Reference(int):
    """The number of another block."""


class _Blocks:
    """The blocks of a file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        if len(data) < _FIRST_BLOCK:
            raise MalformedHistory("the stored test breaks off in its header")
        version, offset = struct.unpack_from(">Iq", data, len(MAGIC))
        if version not in VERSIONS:
            raise MalformedHistory(
                f"the stored test is of version {version}; versions 0 and 1 can be read, and "
                "history.edn of the same directory holds the same history"
            )
        if offset == 0:
            raise MalformedHistory("the stored test has no index: the test never began to write it")
        kind, body = self._block(offset)
        if kind != _INDEX or len(body) % 12 != 4:
            raise MalformedHistory("the stored test has no index where its header says")
        self._root = int.from_bytes(body[:4], "big")
        self._places = dict(struct.iter_unpack(">iq", body[4:]))

    def _block(self, offset: int) -> tuple[int, bytes]:
        """The type and the data of a block, whose checksum must be right."""
        data = self._data
        if not 0 <= offset <= len(data) - _HEADER.size:
            raise MalformedHistory("the stored test breaks off before one of its blocks")
        length, checksum, kind = _HEADER.unpack_from(data, offset)
        body = data[offset + _HEADER.size : offset + length]
        if length < _HEADER.size or len(body) != length - _HEADER.size:
            raise MalformedHistory("the stored test breaks off in the middle of a block")
        # The checksum is of the data and then of the header, without the checksum itself.
        if zlib.crc32(_HEADER.pack(length, 0, kind), zlib.crc32(body)) != checksum:
            raise MalformedHistory(
                f"a block of the stored test, at byte {offset}, is damaged: its checksum is wrong"
            )
        return kind, body

    def root(self) -> Any:
        """The value of the block at the root."""
        return next(iter(self.values(_Reference(self._root))), None)

    def values(self, number: int, depth: int = 0) -> Iterator[Any]:
        """The values that a block holds: one, or those of a stream, of all chunks of a vector."""
        offset = self._places.get(int(number))
        if offset is None or depth > _DEEPEST:
            raise MalformedHistory(f"the stored test has no block {int(number)}")
        kind, body = self._block(offset)
        if kind == _VECTOR:
            for _, chunk in struct.iter_unpack(">qi", body[8 : 8 + (len(body) - 8) // 12 * 12]):
                yield from self.values(chunk, depth + 1)
            return
        if kind not in (_FRESSIAN, _PARTIAL_MAP, _STREAM):
            raise MalformedHistory(f"the stored test has a block of the unknown type {kind}")
        reader = Fressian(body, 4 if kind == _PARTIAL_MAP else 0)
        reader.handlers["block-ref"] = lambda inner, fields: _Reference(inner.count())
        if kind != _STREAM:
            yield reader.value()
            return
        while reader.more():
            yield reader.value()
