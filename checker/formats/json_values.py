"""The values that a text of JSON holds: one a line, in an array, or one after the other."""

import json
import re
from collections.abc import Iterator
from typing import Any

from checker.history import MalformedHistory

_BETWEEN = re.compile(r"[\s,]*+")

WRAPPERS = ("history", "operations", "events")
"""Fields in which an object may hold all that a text is about."""


def values(text: str) -> Iterator[tuple[int, Any]]:
    """Every value with the number of the line on which it begins; raises `MalformedHistory`."""
    scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
    between, count = _BETWEEN.match, text.count
    place, counted, line, end = 0, 0, 1, len(text)
    enclosed = False
    while True:
        place = between(text, place).end()  # type: ignore[union-attr]
        if place == end:
            if enclosed:
                raise MalformedHistory(f"line {line}: the file ends in the middle of an array")
            return
        line += count("\n", counted, place)
        counted = place
        if text[place] == "[" and not enclosed and counted == _first(text):
            enclosed, place = True, place + 1
            continue
        if text[place] == "]" and enclosed:
            enclosed, place = False, place + 1
            continue
        try:
            value, place = scan(text, place)
        except StopIteration as stop:
            raise MalformedHistory(_mistake(text, line, stop.value)) from None
        except json.JSONDecodeError as error:
            raise MalformedHistory(f"line {error.lineno} is not JSON: {error.msg}") from None
        except RecursionError:
            raise MalformedHistory(f"line {line}: the value is nested too deeply") from None
        except ValueError as error:
            raise MalformedHistory(f"line {line} is not JSON: {error}") from None
        inside = _inside(value)
        if inside is None:
            yield line, value
        else:
            yield from ((line, item) for item in inside)


def _first(text: str) -> int:
    """Where the first value begins."""
    return _BETWEEN.match(text).end()  # type: ignore[union-attr]


def _inside(value: Any) -> list[Any] | None:
    """The list that an object wraps, if it holds the whole history."""
    if isinstance(value, dict):
        for name in WRAPPERS:
            if isinstance(value.get(name), list) and "type" not in value:
                return value[name]  # type: ignore[no-any-return]
    return None


def _mistake(text: str, line: int, place: int) -> str:
    found = text[place : place + 40].split("\n")[0]
    if not found:
        return f"line {line}: the file ends in the middle of a value"
    return f"line {line} is not JSON: {found!r}"


def first_value(text: str) -> Any:
    """The first value of a text, or the first one in its array or wrapper; None if there is none.

    An empty array is itself.
    """
    try:
        for _, value in values(text[:_ENOUGH]):
            return value
    except MalformedHistory:
        if len(text) > _ENOUGH:
            try:
                return next((value for _, value in values(text)), None)
            except MalformedHistory:
                return None
        return None
    return []


_ENOUGH = 1 << 20
"""Characters that hold the first value of nearly every text."""
