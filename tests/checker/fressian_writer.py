"""Writes `test.jepsen` as Jepsen does, as far as histories need it."""

import struct
import zlib
from typing import Any

Block = tuple[int, bytes]
FRESSIAN, PARTIAL_MAP, STREAM, VECTOR = 2, 3, 4, 5


class Keyword(str):
    """Written as a keyword of Clojure's."""


class Operation(dict[str, Any]):
    """Written as an operation of Jepsen's history."""


class Reference(int):
    """Written as a reference to another block."""


class Writer:
    """Writes values; keywords that were written before are repeated from the cache."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.cached: list[str] = []
        self.structs: list[str] = []

    def write(self, value: Any) -> None:
        if value is None or isinstance(value, bool):
            self.data.append({None: 0xF7, True: 0xF5, False: 0xF6}[value])
        elif isinstance(value, Reference):
            self.tag("block-ref", 1)
            self.write(int(value))
        elif isinstance(value, int):
            self.integer(value)
        elif isinstance(value, float):
            self.data += b"\xfa" + struct.pack(">d", value)
        elif isinstance(value, Keyword):
            self.keyword(value)
        elif isinstance(value, str):
            self.string(value)
        elif isinstance(value, Operation):
            self.tag("jepsen.history.Op", 7)
            for name in ("index", "time", "type", "process", "f", "value"):
                self.write(value[name])
            self.write({Keyword("error"): Keyword("oops")} if value["type"] == "info" else None)
        elif isinstance(value, dict):
            self.data.append(0xC0)
            self.write([part for item in value.items() for part in item])
        else:
            self.data += bytes([0xE4 + len(value)]) if len(value) < 8 else b"\xec"
            if len(value) >= 8:
                self.write(len(value))
            for item in value:
                self.write(item)

    def integer(self, value: int) -> None:
        if 0 <= value < 0x40:
            self.data.append(value)
        elif -(2**12) <= value < 2**12:
            self.data += struct.pack(">H", (0x50 << 8) + value)
        elif -(2**19) <= value < 2**19:
            self.data += ((0x68 << 16) + value).to_bytes(3, "big")
        else:
            self.data += b"\xf8" + struct.pack(">q", value)

    def keyword(self, value: Keyword) -> None:
        if value in self.cached:
            self.data.append(0x80 + self.cached.index(value))
            return
        self.cached.append(value)
        self.data += b"\xcd\xca"
        self.write(None)
        self.write(str(value))

    def string(self, value: str) -> None:
        data = value.encode()
        self.data += bytes([0xDA + len(data)]) if len(data) < 8 else b"\xe3"
        if len(data) >= 8:
            self.write(len(data))
        self.data += data

    def tag(self, name: str, fields: int) -> None:
        if name in self.structs:
            self.data.append(0xA0 + self.structs.index(name))
            return
        self.structs.append(name)
        self.data.append(0xEF)
        self.write(name)
        self.write(fields)


def written(*values: Any) -> bytes:
    writer = Writer()
    for value in values:
        writer.write(value)
    return bytes(writer.data)


def stored_test(operations: list[dict[str, Any]], valid: bool, chunk: int = 5) -> bytes:
    """A stored test with the history in chunks, and with results."""
    blocks: dict[int, Block] = {}
    chunks = [operations[start : start + chunk] for start in range(0, len(operations), chunk)]
    vector = struct.pack(">q", len(operations))
    for number, some in enumerate(chunks):
        blocks[10 + number] = STREAM, written(*map(Operation, some))
        vector += struct.pack(">qi", number * chunk, 10 + number)
    blocks[1] = VECTOR, vector
    blocks[2] = PARTIAL_MAP, struct.pack(">i", 0) + written({Keyword("valid?"): valid})
    test = {"name": "a test", "history": Reference(1), "results": Reference(2)}
    blocks[3] = FRESSIAN, written({Keyword(name): value for name, value in test.items()})
    data, index = bytearray(18), struct.pack(">i", 3)
    for number, (kind, body) in blocks.items():
        index += struct.pack(">iq", number, len(data))
        data += block(kind, body)
    data[:18] = b"JEPSEN" + struct.pack(">Iq", 1, len(data))
    return bytes(data + block(1, index))


def block(kind: int, body: bytes) -> bytes:
    header = struct.Struct(">qIh14x")
    length = len(body) + header.size
    checksum = zlib.crc32(header.pack(length, 0, kind), zlib.crc32(body))
    return header.pack(length, checksum, kind) + body
