"""Payloads survive the wire unchanged, and nothing else is taken for a payload."""

import contextlib
import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from systems_under_test.node import Payload
from systems_under_test.requests import Refusal, Reply, Request, Status, StatusRequest
from systems_under_test.wire import Codec, Hello, Malformed


@dataclass(frozen=True, slots=True)
class Entry(Payload):
    term: int
    request: Request | None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Append(Payload):
    term: int
    entries: tuple[Entry, ...] = ()
    pair: tuple[int, str] = (0, "")
    nested: tuple[tuple[int, ...], ...] = ()
    anything: Payload | None = None
    flag: bool = False
    table: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Tree(Payload):
    children: "tuple[Tree, ...]" = ()


CODEC = Codec((Append, Tree))

texts = st.text(max_size=8)
integers = st.integers()
json_values = st.recursive(
    st.none() | st.booleans() | integers | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
requests = st.builds(Request, integers, integers, texts, texts, json_values)
entries = st.builds(
    Entry, integers, st.none() | requests, st.floats(allow_nan=False, allow_infinity=False)
)
trees = st.recursive(
    st.just(Tree()), lambda inner: st.builds(Tree, st.lists(inner, max_size=3).map(tuple))
)
appends = st.builds(
    Append,
    integers,
    st.lists(entries, max_size=3).map(tuple),
    st.tuples(integers, texts),
    st.lists(st.lists(integers, max_size=3).map(tuple), max_size=3).map(tuple),
    st.none() | requests | trees,
    st.booleans(),
    st.none() | st.dictionaries(texts, integers, max_size=3),
)
payloads = st.one_of(
    requests,
    appends,
    trees,
    st.builds(Reply, integers, json_values),
    st.builds(Refusal, integers, texts, st.none() | texts, texts),
    st.builds(Status, texts, json_values, json_values),
    st.builds(Hello, texts),
    st.just(StatusRequest()),
)


@given(payloads)
def test_what_is_read_equals_what_was_written(payload: Payload) -> None:
    line = CODEC.encode(payload)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    again = CODEC.decode(line)
    assert again == payload
    assert type(again) is type(payload)
    assert CODEC.encode(again) == line


@given(st.binary(max_size=60))
def test_any_bytes_are_a_payload_or_malformed(line: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert isinstance(CODEC.decode(line), Payload)


@given(payloads, json_values, st.data())
def test_a_changed_field_is_a_payload_or_malformed(
    payload: Payload, value: Any, data: st.DataObject
) -> None:
    plain = json.loads(CODEC.encode(payload))
    plain[data.draw(st.sampled_from(sorted(plain)))] = value
    with contextlib.suppress(Malformed):
        read = CODEC.decode(json.dumps(plain).encode())
        again = CODEC.encode(read)
        assert CODEC.decode(again) == read


def test_fields_with_defaults_may_be_left_out() -> None:
    line = b'{"type":"Request","session":0,"sequence":1,"function":"read"}'
    assert CODEC.decode(line) == Request(0, 1, "read", "", None)
    assert CODEC.decode(b'{"type":"Append","term":1}') == Append(1)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"type":"Reply","sequence":' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"type":"Reply","sequence":1,"result":NaN}', "NaN is not JSON"),
        (b"17", "expected an object with a type, found 17"),
        (b"{}", "unknown type null"),
        (b'{"type":["Reply"]}', 'unknown type ["Reply"]'),
        (b'{"type":"Vote"}', 'unknown type "Vote"'),
        (b'{"type":"Reply"}', "Reply is missing the field 'sequence'"),
        (b'{"type":"Reply","sequence":1,"extra":2}', "Reply has no field 'extra'"),
        (b'{"type":"Reply","sequence":true}', "Reply.sequence must be int, found true"),
        (b'{"type":"Reply","sequence":1.0}', "Reply.sequence must be int, found 1.0"),
        (b'{"type":"Refusal","sequence":1,"error":"x","leader":3}', "Refusal.leader cannot be 3"),
        (b'{"type":"Append","term":1,"entries":{}}', "Append.entries must be a list"),
        (b'{"type":"Append","term":1,"entries":[{"type":"Reply","sequence":1}]}', "be a Entry"),
        (b'{"type":"Append","term":1,"pair":[1]}', "Append.pair must be a list of 2"),
        (b'{"type":"Entry","term":1,"request":{"type":"Hello","source":"a"}}', "cannot be a Hello"),
    ],
)
def test_malformed_lines_are_refused_with_the_reason(line: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        CODEC.decode(line)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_payload_that_the_system_does_not_name_is_a_mistake_of_the_system() -> None:
    with pytest.raises(TypeError, match="name its class in the attribute `payloads`"):
        Codec().encode(Append(1))


def test_fields_that_the_wire_cannot_carry_are_found_when_the_codec_is_made() -> None:
    @dataclass(frozen=True, slots=True)
    class Bad(Payload):
        members: set  # type: ignore[type-arg]

    with pytest.raises(TypeError, match=r"Bad\.members has the type"):
        Codec((Bad,))


NUMBERS = st.one_of(
    st.from_regex(r"-?[0-9]{1,6}(\.[0-9]{1,4})?[eE][+-]?[0-9]{1,4}", fullmatch=True),
    st.integers(1, 6_000).map(lambda digits: "9" * digits),
    st.sampled_from(["1e308", "1e309", "-1e400", "1e-400", "-0.0", "NaN", "Infinity", "-Infinity"]),
)
VALUES = st.one_of(
    NUMBERS,
    st.integers(0, 3_000).map(lambda depth: "[" * depth + "]" * depth),
    st.integers(0, 3_000).map(lambda depth: '{"a":' * depth + "1" + "}" * depth),
    st.sampled_from(
        [r'"\ud800"', r'"\u0000"', '"\x7f"', '{"type":"Hello"}', '{"a":1,"a":2}', "[1e999]"]
    ),
)


@pytest.mark.parametrize("pair", ["[]", "{}"])
def test_a_session_that_is_nested_is_refused_in_a_sentence_however_deeply(pair: str) -> None:
    """At some depth what can just be read can no longer be written, into that sentence."""
    opening, closing = ("[", "]") if pair == "[]" else ('{"a":', "}")
    for depth in range(500, 3_000):
        nested = opening * depth + "1" + closing * depth
        line = f'{{"type":"Request","session":{nested},"sequence":1,"function":"write","key":"x"}}'
        with pytest.raises(Malformed, match=r"session must be|nested too deeply"):
            CODEC.decode(line.encode())


@given(VALUES, st.sampled_from(["session", "sequence", "argument", "key"]))
def test_what_a_client_sends_can_be_written_wherever_it_goes(value: str, field: str) -> None:
    """Into a record of a journal and into a message, which hold it in some more levels."""
    given_ = {"session": "1", "sequence": "1", "function": '"write"', "key": '"x"', field: value}
    inside = ",".join(f'"{name}":{text}' for name, text in given_.items())
    try:
        request = CODEC.decode(f'{{"type":"Request",{inside}}}'.encode())
    except Malformed:
        return
    append = Append(1, (Entry(1, request),), anything=Append(1, (Entry(1, request),)))
    assert CODEC.decode(CODEC.encode(append)) == append
