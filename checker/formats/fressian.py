"""Reads Fressian, the binary notation in which Jepsen stores tests.

https://github.com/Datomic/fressian/wiki describes it. Every value begins with a byte that says what
follows. Keywords become text, lists, vectors and sets lists, maps dictionaries with text for keys,
and what is tagged becomes its one component, or a list of them; an operation of Jepsen's history
becomes a dictionary of its fields. Damage raises `MalformedHistory`.
"""

import struct
from collections.abc import Callable
from typing import Any

from checker.history import MalformedHistory

DEEPEST = 200
"""Nesting beyond this is refused: Python's stack would not bear it."""

_PACKED = ((0x60, 0x50, 1), (0x70, 0x68, 2), (0x74, 0x72, 3), (0x78, 0x76, 4), (0x7C, 0x7A, 5),
           (0x80, 0x7E, 6))  # fmt: skip
"""The code after the last, the code of zero, and how many bytes follow."""

_CONSTANTS = {0xF7: None, 0xF5: True, 0xF6: False, 0xFB: 0.0, 0xFC: 1.0, 0xFF: -1}
_TAGS = {
    0xC0: ("map", 1), 0xC1: ("set", 1), 0xC3: ("uuid", 1), 0xC4: ("regex", 1), 0xC5: ("uri", 1),
    0xC6: ("bigint", 1), 0xC7: ("bigdec", 2), 0xC8: ("inst", 1), 0xC9: ("sym", 2),
    0xCA: ("key", 2), 0xB0: ("long[]", 2), 0xB1: ("double[]", 2), 0xB2: ("boolean[]", 2),
    0xB3: ("int[]", 2), 0xB4: ("float[]", 2), 0xB5: ("Object[]", 2),
}  # fmt: skip
_END = 0xFD

Record = dict[str, Any]


class Fressian:
    """A place in some bytes, from which values are read one after the other."""

    def __init__(self, data: bytes, place: int = 0) -> None:
        self.data = data
        self.place = place
        self.depth = 0
        self.cache: list[Any] = []
        self.structs: list[tuple[str, int]] = []
        self.handlers = _handlers()

    def more(self) -> bool:
        """Whether there is another value."""
        return self.place < len(self.data)

    def value(self) -> Any:
        """The next value."""
        try:
            return self._read(self._code())
        except (IndexError, struct.error):
            raise MalformedHistory("the stored test ends in the middle of a value") from None
        except (UnicodeDecodeError, TypeError, KeyError) as error:
            raise MalformedHistory(f"the stored test is damaged: {error}") from None

    def _code(self) -> int:
        code = self.data[self.place]
        self.place += 1
        return code

    def _take(self, count: int) -> bytes:
        taken = self.data[self.place : self.place + count]
        if count < 0 or len(taken) != count:
            raise IndexError
        self.place += count
        return taken

    def count(self) -> int:
        """The next value, which must be an integer."""
        number = self._read(self._code())
        if type(number) is not int:
            raise MalformedHistory(f"the stored test is damaged: {number!r:.40} is not a number")
        return number

    def _read(self, code: int) -> Any:
        if code < 0x40:
            return code
        if code < 0x80:
            return self._packed(code)
        if code < 0xA0:
            return self.cache[code - 0x80]
        if code in _CONSTANTS:
            return _CONSTANTS[code]
        self.depth += 1
        if self.depth > DEEPEST:
            raise MalformedHistory(f"a value of the stored test is nested more than {DEEPEST} deep")
        value = self._compound(code)
        self.depth -= 1
        return value

    def _packed(self, code: int) -> int:
        zero, size = next((zero, size) for end, zero, size in _PACKED if code < end)
        return (code - zero) << 8 * size | int.from_bytes(self._take(size), "big")

    def _compound(self, code: int) -> Any:
        if code < 0xB0:
            return self._struct(*self.structs[code - 0xA0])
        if 0xE4 <= code < 0xEC:
            return [self.value() for _ in range(code - 0xE4)]
        if 0xDA <= code <= 0xE3:
            return self._string(code)
        match code:
            case 0xEC:
                return [self.value() for _ in range(self.count())]
            case 0xED | 0xEE:
                return self._open_list()
            case 0xF8:
                return int.from_bytes(self._take(8), "big", signed=True)
            case 0xF9:
                return float(struct.unpack(">f", self._take(4))[0])
            case 0xFA:
                return float(struct.unpack(">d", self._take(8))[0])
            case 0xCD:
                place = len(self.cache)
                self.cache.append(None)
                self.cache[place] = value = self.value()
                return value
            case 0xCC:
                return self.cache[self.count()]
            case 0xCE | 0xF4:
                return self.value()
            case 0xFE:
                self.cache.clear()
                self.structs.clear()
                return self.value()
            case 0xEF:
                tag, fields = str(self.value()), self.count()
                self.structs.append((tag, fields))
                return self._struct(tag, fields)
            case 0xF0:
                return self._struct(*self.structs[self.count()])
        if 0xD0 <= code <= 0xD9:
            return self._bytes(code)
        if code in _TAGS:
            return self._struct(*_TAGS[code])
        raise MalformedHistory(f"the stored test is damaged: {code:#x} begins no value")

    def _open_list(self) -> list[Any]:
        items: list[Any] = []
        while self.data[self.place] != _END:
            items.append(self.value())
        self.place += 1
        return items

    def _string(self, code: int) -> str:
        # Characters beyond 16 bits are written as two halves of three bytes each.
        text = self._chunks(code, 0xE2, 0xE3, 0xDA).decode("utf-8", "surrogatepass")
        if any("\ud800" <= character <= "\udfff" for character in text):
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text

    def _bytes(self, code: int) -> str:
        return self._chunks(code, 0xD8, 0xD9, 0xD0).hex()

    def _chunks(self, code: int, more: int, last: int, short: int) -> bytes:
        """Bytes in chunks: `more` begins all but the last, which `last` begins or, where it is
        short, its length added to `short`."""
        parts = []
        while code == more:
            parts.append(self._take(self.count()))
            code = self._code()
        parts.append(self._take(self.count() if code == last else code - short))
        return b"".join(parts)

    def _struct(self, tag: str, fields: int) -> Any:
        handler = self.handlers.get(tag)
        if handler is not None:
            return handler(self, fields)
        if fields > len(self.data):
            raise IndexError
        parts = [self.value() for _ in range(fields)]
        return parts[0] if fields == 1 else parts


def _map(reader: Fressian, fields: int) -> Record:
    items = reader.value()
    return {
        name if type(name) is str else repr(name): value
        for name, value in zip(items[::2], items[1::2], strict=True)
    }


def _keyword(reader: Fressian, fields: int) -> str:
    space, name = reader.value(), reader.value()
    return f"{space}/{name}" if space else str(name)


def _array(reader: Fressian, fields: int) -> list[Any]:
    return [reader.value() for _ in range(reader.count())]


def _big(reader: Fressian, fields: int) -> int:
    return int.from_bytes(bytes.fromhex(reader.value()), "big", signed=True)


def _decimal(reader: Fressian, fields: int) -> str:
    return f"{_big(reader, 1)}e{-reader.count()}"


def _operation(reader: Fressian, fields: int) -> Record:
    index, time = reader.count(), reader.count()
    names = ("type", "process", "f", "value")
    item = {"index": index, "time": time, **{name: reader.value() for name in names}}
    more = reader.value()
    return {**more, **item} if isinstance(more, dict) else item


def _record(reader: Fressian, fields: int) -> Any:
    reader.value()
    return reader.value()


def _handlers() -> dict[str, Callable[[Fressian, int], Any]]:
    return {
        "map": _map, "key": _keyword, "sym": _keyword, "bigint": _big, "bigdec": _decimal,
        "jepsen.history.Op": _operation, "record": _record,
        **dict.fromkeys((tag for tag, _ in _TAGS.values() if tag.endswith("[]")), _array),
    }  # fmt: skip
