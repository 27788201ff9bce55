"""Events in JSON, an array or one a line: elle-cli's, and what most other languages write.

    {"type":"invoke","process":0,"f":"write","value":1,"time":10474104701,"index":0}

Names may begin with a colon, as some libraries write Clojure's keywords.
"""

from typing import Any

from checker.formats.event import KNOWN, Recorded, event_of, shown
from checker.formats.json_values import values
from checker.history import MalformedHistory

NAME = "events in JSON"
EXAMPLE = '{"type":"invoke","process":0,"f":"write","value":1,"time":12,"index":0}'

_TYPES = {"type", ":type"}
_OTHER_NAMES = {"function": "f", "argument": "value", "result": "value", "time_ns": "time"}


def recognises(first: Any) -> bool:
    """Whether the first value of a text is an event."""
    return isinstance(first, dict) and bool(_TYPES & set(first)) and "labrys" not in first


def read(text: str) -> Recorded:
    """The events of a text; raises `MalformedHistory`."""
    recorded = Recorded()
    for line, item in values(text):
        if not isinstance(item, dict):
            raise MalformedHistory(f"line {line}: an event must be an object, not {shown(item)}")
        if not item.keys() <= KNOWN:
            item = _usual(item)
        elif str(item.get("type"))[:1] == ":":
            item = _without_colons(item)
        recorded.take(event_of(item, line))
    return recorded


def _usual(item: dict[str, Any]) -> dict[str, Any]:
    """An event with the names that its fields usually have."""
    usual = {name.removeprefix(":"): value for name, value in item.items()}
    for name, ours in _OTHER_NAMES.items():
        if name in usual and ours not in usual:
            usual[ours] = usual.pop(name)
    return _without_colons(usual)


def _without_colons(item: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.removeprefix(":")
        if name in ("type", "f", "process") and isinstance(value, str)
        else value
        for name, value in item.items()
    }
