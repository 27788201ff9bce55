"""Jepsen's `history.txt`: one event a line, its fields separated by tabs, whatever the file is
called."""

import re

from checker.formats.event import Recorded
from checker.formats.event_lines import EVENT, Lines, looks_like_event, unread

NAME = "Jepsen's history.txt"
EXAMPLE = "0\t:invoke\t:write\t4"

_LINE = re.compile(rf"\s*{EVENT}")


def recognises(text: str) -> bool:
    """Whether the first line that is not blank is an event."""
    return bool(_LINE.match(text))


def read(text: str) -> Recorded:
    """The events of a text; raises `MalformedHistory`."""
    recorded, lines = Recorded(), Lines()
    match = _LINE.match
    for number, line in enumerate(text.split("\n"), start=1):
        found = match(line)
        if found is not None:
            recorded.take(lines.event(found, number, None))
        elif looks_like_event(line):
            raise unread(line, number)
        elif line.strip():
            recorded.pass_over(number, line)
    return recorded
