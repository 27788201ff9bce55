"""One event on a line of text, as Jepsen prints it: process, type, function, value, error.

    0	:invoke	:write	4
    :nemesis	:info	:kill	("n5" "n4")
    3	:info	:cas	[1 2]	:timed-out

`history.txt` holds nothing else; console logs have something before each.
"""

import re
from typing import Any

from checker.formats import edn
from checker.formats.event import MISSING, NEMESIS, Event
from checker.history import MalformedHistory

EVENT = (
    r'(?P<process>\d+|:[\w.*+!?\-]+|"[^"\t]*")\s+:(?P<type>invoke|ok|fail|info)\s+'
    r"(?P<function>:?[^\s:]\S*)(?P<rest>.*)"
)
"""The fields of an event, to the end of the line."""

_LOOKS = re.compile(r"\t:\w|:(?:invoke|ok|fail|info)\b(?=\t)|(?:^|\s)\d+\s+:\w+\s+:\w")


def unread(line: str, number: int) -> MalformedHistory:
    """Why a file is refused in which this line looks like an event."""
    return MalformedHistory(
        f"line {number} looks like an event, but cannot be read: {line.strip()[:120]}"
    )


def looks_like_event(line: str) -> bool:
    """Whether a line that is not an event was probably one, before it was damaged."""
    return bool(_LOOKS.search(line))


class Lines:
    """Makes events of matched lines; remembers the values that it met."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[Any, str | None]] = {}

    def event(self, match: re.Match[str], line: int, time_ns: int | None) -> Event | None:
        """The event of a line that matched `EVENT`; None for the nemesis's."""
        process, kind, function, rest = match.group("process", "type", "function", "rest")
        if process.isdecimal() and len(process) < 20:
            who: int | str = int(process)
        else:
            who = process.removeprefix(":").strip('"')
            if who == NEMESIS:
                return None
        try:
            value, error = self._values[rest]
        except KeyError:
            value, error = self._remember(rest, line)
        return Event(
            who, kind, None if function == "nil" else function.removeprefix(":"), value, line,
            time_ns, None, MISSING, error,
        )  # fmt: skip

    def _remember(self, rest: str, line: int) -> tuple[Any, str | None]:
        """The value, and the error if one follows it."""
        reader = edn.Reader(rest)
        value, whole = None, rest.strip()
        if whole.startswith("[") and "\t" not in whole and not looks_like_event(rest):
            reader.place = len(rest)
        try:
            if reader.place:
                value = edn.value(whole)
            elif reader.more():
                value = edn.plain(reader.form())
        except MalformedHistory as error:
            reason = str(error).partition(": ")[2]
            raise MalformedHistory(f"line {line}: {reason}") from None
        after = rest[reader.place :].strip()
        if after and looks_like_event(rest[reader.place :]):
            raise MalformedHistory(f"line {line} holds more than one event: {rest.strip()[:80]}")
        if len(self._values) > 200_000:
            self._values.clear()
        self._values[rest] = value, after or None
        return self._values[rest]
