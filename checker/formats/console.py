"""Console logs of Jepsen since 0.1, and of Maelstrom: events among other lines.

    INFO  jepsen.util - 0	:invoke	:cas	[1 2]
    INFO [2019-04-01 11:25:20,100] jepsen worker 0 - jepsen.util 0	:invoke	:write	4
    2024-02-01 10:00:00,123{GMT}	INFO	[jepsen worker 0] jepsen.util: 0	:invoke	:read	nil
    2022-07-28 07:53:03,104{GMT}	INFO	[jepsen worker 2] jepsen.util: [ 9 ] 2	:ok	:read	1
    {"timestamp":"...","logger":"jepsen.util","message":"0\\t:invoke\\t:read\\tnil"}

What stands before an event differs between versions, so an event is known by its own fields. Other
lines are what else was logged; they are counted. One that looks like an event but cannot be read
is a mistake, since the history would be another without it.
"""

import datetime
import json
import re
from typing import Any

from checker.formats.event import Recorded
from checker.formats.event_lines import EVENT, Lines, looks_like_event, unread
from checker.wording import plural

NAME = "a console log of Jepsen"
EXAMPLE = (
    "2024-02-01 10:00:00,123{GMT}\tINFO\t[jepsen worker 0] jepsen.util: 0\t:invoke\t:read\tnil"
)

_EVENT = re.compile(rf"(?:^|[\s\]:\-]){EVENT}")
_LOGGED = re.compile(rf"^.*\bjepsen\b.*?[\s\]:\-]{EVENT}", re.MULTILINE)
_ANY = re.compile(rf"^\S.*[\s\]:\-]{EVENT}", re.MULTILINE)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?")
_COLOURS = re.compile(r"\x1b\[[\d;]*m")


def recognises(text: str) -> bool:
    """Whether any of the lines holds an event behind what a logger puts before it."""
    if "\x1b[" in text:
        text = _COLOURS.sub("", text)
    if text.lstrip().startswith('{"'):
        first = next(iter(text.strip().split("\n")))
        return _message(first) is not first
    return bool(_LOGGED.search(text) or _ANY.search(text))


def read(text: str) -> Recorded:
    """The events of a log; raises `MalformedHistory`."""
    recorded, lines, clock = Recorded(), Lines(), _Clock()
    search, others = _EVENT.search, 0
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw
        if "\x1b" in line:
            line = _COLOURS.sub("", line)
        if line.startswith('{"'):
            line = _message(line)
        found = search(line)
        if found is not None:
            recorded.take(lines.event(found, number, clock.time_ns(raw)))
        elif looks_like_event(line):
            raise unread(line, number)
        elif "jepsen.util" in line and "\tat " not in line and not _is_remark(line):
            recorded.pass_over(number, line)
        elif line.strip():
            others += 1
    if others:
        recorded.notes.append(f"passed over: {plural(others, 'other line')} of the log")
    return recorded


def _is_remark(line: str) -> bool:
    """Whether a line of Jepsen's own logger says something else, such as that a worker crashed."""
    return bool(re.search(r"\b(WARN|ERROR|DEBUG)\b|jepsen\.util\S*\.(clj|java)", line))


def _message(line: str) -> str:
    """The message of a line that was logged as JSON; other lines as they are."""
    try:
        item: Any = json.loads(line)
    except (ValueError, RecursionError):
        return line
    message = item.get("message") if isinstance(item, dict) else None
    return message if isinstance(message, str) else line


class _Clock:
    """Times of lines, in nanoseconds since the first."""

    def __init__(self) -> None:
        self._days: dict[str, int] = {}
        self._first: int | None = None

    def time_ns(self, line: str) -> int | None:
        """When a line was logged; None where it does not say."""
        match = _TIME.search(line, 0, 120)
        if match is None:
            return None
        day, hours, minutes, seconds, fraction = match.groups()
        number = self._days.get(day)
        if number is None:
            try:
                number = datetime.date.fromisoformat(day).toordinal()
            except ValueError:
                return None
            self._days[day] = number
        whole = ((number * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds)
        time_ns = whole * 1_000_000_000 + int((fraction or "").ljust(9, "0")[:9])
        if self._first is None:
            self._first = time_ns
        return time_ns - self._first
