"""Histories of Jepsen, Knossos and Elle in EDN: maps, records or tuples, one an event.

    {:process 0, :type :invoke, :f :cas, :value [1 2]}
    #jepsen.history.Op{:index 0, :time 12, :type :ok, :process 0, :f :read, :value 3}
    [0 :invoke :read nil]

They may stand one after the other, or in a vector or list, or in a map under `:history`.

A history of a million events is nearly all of one shape: the same fields in the same order, with
plain values. Such a shape becomes one regular expression as soon as its first event was read, and
reads the others ten times faster. What no shape fits is read as any EDN is.
"""

import re
from collections.abc import Callable
from typing import Any

from checker.formats import edn
from checker.formats.event import (
    KNOWN,
    MISSING,
    NEMESIS,
    Event,
    Recorded,
    event_of,
    event_of_tuple,
    shown,
)
from checker.history import MalformedHistory

NAME = "Jepsen's EDN"
EXAMPLE = "{:process 0, :type :invoke, :f :write, :value 1, :time 3291485317, :index 0}"

SHAPES_MAX = 12
"""Shapes that are tried; a history of more has too many kinds of events for this to pay."""

CACHED_MAX = 200_000
"""Texts of values that are remembered with what they mean."""

_BEGINS = re.compile(
    r"(?:[\s,]|;[^\n]*)*+"
    r"(?:[\[(](?:[\s,]|;[^\n]*)*+)?"
    r"(?:(?:\#[\w.$\-]+)?\{(?:[\s,]|;[^\n]*)*+(?::[\w\-?!.*+/]+|[})])|[\[(]?\s*:?[\w\-]+\s+:"
    r"(?:invoke|ok|fail|info)\s)"
)
_EVENT_INSIDE = re.compile(r":type\s+:(?:invoke|ok|fail|info)\b")
# Possessive repeats of more than one character err before Python 3.11.5, where one fails within.
_EVENT_LEFT_OUT = re.compile(
    r'^(?:[^";\\#\n]++|"(?:[^"\\\n]++|\\.)*"|\\.|\#(?!_))*'
    r"((?:;|\#_)[^\n]*:type\s+:(?:invoke|ok|fail|info)\b)",
    re.MULTILINE,
)
_EMPTY = re.compile(r"(?:[\s,]|;[^\n]*)*+(?:\[\s*\]|\(\s*\))?(?:[\s,]|;[^\n]*)*+\Z")


def recognises(text: str) -> bool:
    """Whether a text begins as a history in EDN does: with a map of keywords, or a tuple."""
    return bool(_BEGINS.match(text)) or (bool(_EMPTY.match(text)) and text.strip() != "")


def read(text: str) -> Recorded:
    """The events of a text; raises `MalformedHistory`."""
    recorded = Recorded()
    _refuse_left_out(text)
    shapes = _Shapes(text)
    reader = edn.Reader(text)
    events = recorded.events
    enclosed = _enter(reader)
    while True:
        reader.peek()
        # As many events as fit a shape that is known.
        reader.place, faults = shapes.take(reader.place, reader.line(), events)
        recorded.faults += faults
        token = reader.peek()
        if token in ("]", ")") and enclosed:
            reader.token()
            enclosed = False
            continue
        if not reader.more():
            break
        line, start = reader.line(), reader.place
        form = reader.form()
        _take(edn.plain(form), line, recorded)
        shapes.learn(start, reader.place, form)
    if enclosed:
        raise reader.complain("the text ends in the middle of a value")
    return recorded


def _refuse_left_out(text: str) -> None:
    """A semicolon, or a `#_`, that was never meant would leave the next event out unseen."""
    found = _EVENT_LEFT_OUT.search(text) if ";" in text or "#_" in text else None
    if found is not None:
        line = text.count("\n", 0, found.start(1)) + 1
        raise MalformedHistory(
            f"line {line} leaves out what looks like an event, as a comment: {shown(found[1])}; "
            "delete it, or what makes it a comment"
        )


def _enter(reader: edn.Reader) -> bool:
    """Step into the vector or list that holds all events, if there is one."""
    if not reader.more() or reader.peek() not in ("[", "("):
        return False
    inside = edn.Reader(reader.text, reader.place + 1)
    if inside.peek() in ("{", "[", "(", "]", ")") or inside.peek().startswith("#"):
        reader.token()
        return True
    return False


def _take(form: Any, line: int, recorded: Recorded) -> None:
    """The event or events that a form says."""
    if isinstance(form, list) and form and all(isinstance(item, dict | list) for item in form):
        for item in form:
            _take(item, line, recorded)
        return
    if isinstance(form, dict) and isinstance(form.get("history"), list) and "type" not in form:
        _take(form["history"], line, recorded)
        return
    if isinstance(form, dict):
        _demand_one(form, line)
        event = event_of(form, line)
    elif isinstance(form, list):
        event = event_of_tuple(form, line)
    else:
        raise MalformedHistory(f"line {line}: an event must be a map, not {shown(form)}")
    recorded.take(event)


def _demand_one(form: dict[str, Any], line: int) -> None:
    """A quotation mark too many would hide the next event in a text of this one."""
    inside: list[Any] = [form]
    while inside:
        part = inside.pop()
        if isinstance(part, str):
            if _EVENT_INSIDE.search(part):
                raise MalformedHistory(f"line {line} holds more than one event: {shown(part)}")
        elif isinstance(part, dict):
            inside += [*part, *part.values()]
        elif isinstance(part, list | tuple):
            inside += part


# --- what is read fast --------------------------------------------------------------------------

_SPACE = r"[\s,]++"
_MAYBE_SPACE = r"[\s,]*+"
_WORD = r'[^\s,()\[\]{}";#\\]++'
_TEXT = r'"[^"\\\n]*+"'
_FLAT = rf'(?:[^()\[\]{{}}";#\\]|{_TEXT})'
_LIST = rf"\[{_FLAT}*+\]"
_NESTED = rf"\[(?:{_FLAT}|{_LIST})*+\]"
_DEEP = rf"\[(?:{_FLAT}|{_NESTED})*+\]"
_MAP = rf"\{{{_FLAT}*+\}}"
_ANYTHING = rf"{_DEEP}|#?{_MAP}|{_TEXT}|{_WORD}"
_INTEGER = r"-?(?:0|[1-9]\d{0,17})(?=[\s,}])"

_FIELDS = {
    "type": r":(invoke|ok|fail|info)(?=[\s,}])",
    "process": rf"({_INTEGER}|{_TEXT}|:{_WORD})",
    "f": rf"({_TEXT}|:{_WORD}|nil)",
    "value": rf"({_ANYTHING})",
    "time": rf"({_INTEGER})",
    "index": rf"({_INTEGER})",
    "key": rf"({_ANYTHING})",
    "error": rf"({_ANYTHING})",
}

Fields = tuple[int, ...]
"""The groups of process, type, function, value, time, index, key and error; 0 where it is none."""

_ORDER = ("process", "type", "f", "value", "time", "index", "key", "error")


_TUPLE = re.compile(
    rf"\[{_MAYBE_SPACE}{_FIELDS['process']}{_SPACE}{_FIELDS['type']}{_SPACE}{_FIELDS['f']}"
    rf"{_SPACE}{_FIELDS['value']}{_MAYBE_SPACE}\]{_MAYBE_SPACE}"
)
_TUPLE_FIELDS = (1, 2, 3, 4, 0, 0, 0, 0)


class _Shapes:
    """The shapes of events that were met, the latest first."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._shapes: list[tuple[Callable[..., Any], Fields]] = [(_TUPLE.match, _TUPLE_FIELDS)]
        self._known: set[tuple[str, ...]] = set()
        self._values: dict[str, Any] = {}

    def learn(self, start: int, end: int, form: Any) -> None:
        """Make a shape of an event that was read in full."""
        if type(form) is not dict or len(self._shapes) >= SHAPES_MAX:
            return
        names = tuple(form)
        if names in self._known or len(form) > 40 or not {"type", "process", "value"} <= set(names):
            return
        self._known.add(names)
        parts = [
            f":{re.escape(name)}{_SPACE}{_FIELDS.get(name, f'(?:{_ANYTHING})')}" for name in names
        ]
        pattern = re.compile(
            rf"(?:#[\w.]+)?\{{{_MAYBE_SPACE}{_SPACE.join(parts)}{_MAYBE_SPACE}\}}{_MAYBE_SPACE}"
        )
        if pattern.fullmatch(self._text, start, end) is None:
            return
        groups = [name for name in names if name in KNOWN]
        fields = tuple(groups.index(name) + 1 if name in groups else 0 for name in _ORDER)
        self._shapes.insert(0, (pattern.match, fields))

    def take(self, place: int, line: int, events: list[Event]) -> tuple[int, int]:
        """Add the events from this place on that fit a shape; where they end, and how many were
        the nemesis's."""
        text, count, shapes = self._text, self._text.count, self._shapes
        counted, faults = place, 0
        while True:
            for shape in shapes:
                found = shape[0](text, place)
                if found is not None:
                    break
            else:
                return place, faults
            if shape is not shapes[0]:
                shapes.remove(shape)
                shapes.insert(0, shape)
            start = found.start()
            line += count("\n", counted, start)
            counted = start
            place = found.end()
            event = self._event(found, shape[1], line)
            if event is None:
                faults += 1
            else:
                events.append(event)

    def _event(self, found: re.Match[str], fields: Fields, line: int) -> Event | None:
        group = found.group
        process_, type_, f_, value_, time_, index_, key_, error_ = fields
        process = self._value(group(process_))
        if process == NEMESIS:
            return None
        error = self._value(group(error_)) if error_ else None
        return Event(
            process,
            group(type_),
            self._value(group(f_)) if f_ else None,
            self._value(group(value_)),
            line,
            int(group(time_)) if time_ else None,
            int(group(index_)) if index_ else None,
            self._value(group(key_)) if key_ else MISSING,
            None if error is None else str(error),
        )

    def _value(self, text: str) -> Any:
        """What a text means, from memory if it was met before."""
        try:
            return self._values[text]
        except KeyError:
            pass
        if text.isdecimal() and text.isascii() and text[0] != "0" and len(text) < 19:
            return int(text)
        value = edn.value(text)
        if len(self._values) >= CACHED_MAX:
            self._values.clear()
        self._values[text] = value
        return value
