"""Payloads as lines of JSON and back: what nodes say to each other, to clients and to journals.

docs/wire.md describes the format. A `Codec` knows the payloads of one system, and those of clients
always. It is built once from the dataclasses' fields and type hints, and reads strictly: whatever
is not exactly one known payload is `Malformed`, with the reason. What it has read is equal to what
was written, so a driver that sends every message through it shares nothing between nodes.

Limits: a field's type is a JSON scalar, `Json`, `list`, `dict`, a payload class, a tuple of such
(`tuple[T, ...]` or of fixed length), or a union of these with at most one payload class or tuple.
The insides of `Json`, `list` and `dict` are not looked at. Numbers must be finite.
"""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, fields
from operator import attrgetter, itemgetter
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from systems_under_test.node import NodeId, Payload
from systems_under_test.requests import (
    OperatorRequest,
    Refusal,
    Reply,
    Request,
    Status,
    StatusRequest,
)

DEEPEST = 100
"""Levels of nesting that a client's value may have, so that it can be written wherever it goes."""

Read = Callable[[Any], Any]
"""Turn a value as JSON has it into a field's value, or raise `Malformed`."""


class Malformed(ValueError):
    """A line that is no payload known here; the message says why."""


@dataclass(frozen=True, slots=True)
class Hello(Payload):
    """The first line of a peer's connection: all lines that follow are messages of that node."""

    source: NodeId


ALWAYS: tuple[type[Payload], ...] = (
    Hello, Request, OperatorRequest, Reply, Refusal, StatusRequest, Status,
)  # fmt: skip
"""The payloads that every codec knows."""

_SCALARS: dict[Any, tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    bool: (bool,),
    float: (float, int),
    list: (list,),
    dict: (dict,),
    NoneType: (NoneType,),
    None: (NoneType,),
}


class Codec:
    """Writes and reads the payloads `types`, all payload classes in their fields, and `ALWAYS`."""

    def __init__(self, types: Iterable[type[Payload]] = ()) -> None:
        self._classes: dict[str, type[Payload]] = {}
        self._plain: dict[type, Callable[[Any], dict[str, Any]]] = {}
        self._readers: dict[str, Read] = {}
        for kind in (*ALWAYS, *types):
            self._learn(kind)
        encoder = json.JSONEncoder(
            separators=(",", ":"), allow_nan=False, check_circular=False, default=self._to_plain
        )
        self._dump = encoder.encode
        decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
        self._load = decoder.decode

    def encode(self, payload: Payload) -> bytes:
        """One line with its newline; it is pure ASCII. A payload not known is a `TypeError`."""
        return self._dump(self._to_plain(payload)).encode("ascii") + b"\n"

    def decode(self, line: bytes) -> Payload:
        """The payload on a line, with or without its newline; raises `Malformed`."""
        try:
            value = self._load(line.decode("utf-8"))
        except UnicodeDecodeError:
            raise Malformed("the line is not UTF-8") from None
        except RecursionError:
            raise Malformed("the line is nested too deeply") from None
        except Malformed:
            raise
        except ValueError as error:
            raise Malformed(f"the line is not JSON: {error}") from None
        payload: Payload = self._read_any(value)
        # Nothing is nested that deeply unless it has that many brackets, which is quickly seen.
        many = line.count(b"[") + line.count(b"{") > DEEPEST
        if many and isinstance(payload, Request) and _deeper(payload.argument, DEEPEST):
            raise Malformed(f"the argument is nested in more than {DEEPEST} levels")
        return payload

    def _to_plain(self, value: Any) -> dict[str, Any]:
        plain = self._plain.get(type(value))
        if plain is None:
            raise TypeError(
                f"{type(value).__name__} is no payload that this system speaks: "
                "name its class in the attribute `payloads` of the system's Node"
            )
        return plain(value)

    def _read_any(self, value: Any) -> Payload:
        if type(value) is not dict:
            raise Malformed(f"expected an object with a type, found {_show(value)}")
        name = value.get("type")
        reader = self._readers.get(name) if type(name) is str else None
        if reader is None:
            raise Malformed(f"unknown type {_show(name)}")
        payload: Payload = reader(value)
        return payload

    def _learn(self, kind: type[Payload]) -> None:
        name = kind.__name__
        known = self._classes.setdefault(name, kind)
        if known is not kind:
            raise TypeError(f"two payload classes are named {name}: rename one of them")
        if kind in self._plain:
            return
        names = tuple(field.name for field in fields(kind))  # type: ignore[arg-type]
        if "type" in names:
            raise TypeError(f"{name} has a field named `type`, which the wire needs: rename it")
        self._plain[kind] = _plain_maker(name, names)
        hints = get_type_hints(kind)
        readers = tuple(self._reader(hints[field], f"{name}.{field}") for field in names)
        self._readers[name] = _payload_reader(kind, names, readers)

    def _reader(self, hint: Any, where: str) -> Read | None:
        """How to read a field of that type hint; None where any JSON value will do."""
        if hint is Any:
            return None
        if get_origin(hint) in (Union, UnionType):
            return self._union_reader(get_args(hint), where)
        if get_origin(hint) is tuple:
            return self._tuple_reader(get_args(hint), where)
        if isinstance(hint, type) and issubclass(hint, Payload):
            if hint is Payload:
                return self._read_any
            self._learn(hint)
            # Looked up when used, since a class may contain itself.
            return _nested_reader(self._readers, hint.__name__, where)
        accepted = _SCALARS.get(get_origin(hint) or hint)
        if accepted is None:
            raise TypeError(f"{where} has the type {hint}, which cannot be written as JSON")
        return _scalar_reader(frozenset(accepted), hint is float, where)

    def _union_reader(self, members: tuple[Any, ...], where: str) -> Read | None:
        if any(member is Any for member in members):
            return None
        bare = [get_origin(member) or member for member in members]
        plain = frozenset(kind for member in bare for kind in _SCALARS.get(member, ()))
        rest = [member for member in members if (get_origin(member) or member) not in _SCALARS]
        if rest and (plain & {dict, list}):
            raise TypeError(f"{where} is a union that cannot be told apart on the wire")
        if all(isinstance(member, type) and issubclass(member, Payload) for member in rest):
            for member in rest:
                self._reader(member, where)
            allowed = tuple(rest)
            complex_reader: Read | None = self._read_any if rest else None
        elif len(rest) == 1:
            allowed, complex_reader = (tuple,), self._reader(rest[0], where)
        else:
            raise TypeError(f"{where} is a union that cannot be told apart on the wire")

        def read(value: Any) -> Any:
            if type(value) in plain:
                return value
            if complex_reader is None:
                raise Malformed(f"{where} cannot be {_show(value)}")
            found = complex_reader(value)
            if not isinstance(found, allowed):
                raise Malformed(f"{where} cannot be a {type(found).__name__}")
            return found

        return read

    def _tuple_reader(self, members: tuple[Any, ...], where: str) -> Read:
        if len(members) == 2 and members[1] is Ellipsis:
            each = self._reader(members[0], where)

            def read_all(value: Any) -> Any:
                if type(value) is not list:
                    raise Malformed(f"{where} must be a list, found {_show(value)}")
                return tuple(value) if each is None else tuple(map(each, value))

            return read_all
        readers = tuple(self._reader(member, where) for member in members)

        def read_fixed(value: Any) -> Any:
            if type(value) is not list or len(value) != len(readers):
                raise Malformed(f"{where} must be a list of {len(readers)}, found {_show(value)}")
            return tuple(
                item if reader is None else reader(item)
                for reader, item in zip(readers, value, strict=True)
            )

        return read_fixed


def _plain_maker(name: str, names: tuple[str, ...]) -> Callable[[Any], dict[str, Any]]:
    if not names:
        return lambda payload: {"type": name}
    if len(names) == 1:
        only, get_only = names[0], attrgetter(names[0])
        return lambda payload: {"type": name, only: get_only(payload)}
    get = attrgetter(*names)
    return lambda payload: {"type": name, **dict(zip(names, get(payload), strict=True))}


def _payload_reader(
    kind: type[Payload], names: tuple[str, ...], readers: tuple[Read | None, ...]
) -> Read:
    """Read an object with a type: quickly where all fields are there, else with care."""
    size = len(names) + 1
    # The type twice, since itemgetter makes a tuple of two items or more only.
    get = itemgetter("type", "type", *names)
    checked = tuple((index, read) for index, read in enumerate(readers, 2) if read is not None)

    def read_payload(value: dict[str, Any]) -> Any:
        if len(value) != size:
            return _read_with_defaults(kind, readers, value)
        try:
            found = list(get(value))
        except KeyError:
            return _read_with_defaults(kind, readers, value)
        for index, read in checked:
            found[index] = read(found[index])
        return kind(*found[2:])

    return read_payload


def _read_with_defaults(
    kind: type[Payload], readers: tuple[Read | None, ...], value: dict[str, Any]
) -> Payload:
    """Read an object with missing fields, or with fields that it should not have."""
    known = fields(kind)  # type: ignore[arg-type]
    extra = sorted(value.keys() - {"type", *(field.name for field in known)})
    if extra:
        raise Malformed(f"{kind.__name__} has no field {extra[0]!r}")
    found = {}
    for field, read in zip(known, readers, strict=True):
        if field.name in value:
            plain = value[field.name]
            found[field.name] = plain if read is None else read(plain)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise Malformed(f"{kind.__name__} is missing the field {field.name!r}")
    return kind(**found)


def _scalar_reader(accepted: frozenset[type], to_float: bool, where: str) -> Read:
    def read(value: Any) -> Any:
        if type(value) not in accepted:
            expected = " or ".join(sorted(kind.__name__ for kind in accepted))
            raise Malformed(f"{where} must be {expected}, found {_show(value)}")
        return float(value) if to_float else value

    return read


def _nested_reader(readers: dict[str, Read], name: str, where: str) -> Read:
    def read(value: Any) -> Any:
        if type(value) is not dict or value.get("type") != name:
            raise Malformed(f"{where} must be a {name}, found {_show(value)}")
        return readers[name](value)

    return read


def _finite(word: str) -> float:
    """A number as JSON has it; one that is too large would be infinity, which JSON has not."""
    value = float(word)
    if math.isinf(value):
        raise Malformed(f"{_cut(word)} is too large a number")
    return value


def _deeper(value: Any, levels: int) -> bool:
    """Whether arrays and objects are nested in more than this many levels."""
    if type(value) is dict:
        return levels == 0 or any(_deeper(inner, levels - 1) for inner in value.values())
    return type(value) is list and (
        levels == 0 or any(_deeper(inner, levels - 1) for inner in value)
    )


def _refuse_constant(word: str) -> Any:
    raise Malformed(f"{word} is not JSON")


def _show(value: Any) -> str:
    """A value in an error message, cut to a readable length."""
    try:
        return _cut(json.dumps(value))
    except RecursionError:
        # Some levels that can just be read are too many to be written.
        return "what is nested too deeply"


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
