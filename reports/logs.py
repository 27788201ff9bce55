"""What the nodes wrote: a link to each log, its last lines where its node ended by itself, and the
lines of all nodes around the operations of a counterexample, in order of time.

A line of a log begins with the time of day in UTC, `HH:MM:SS.mmm`, as `systems_under_test` writes
it; lines of another form, of a traceback say, are not found by their time.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from checker.files import regular
from checker.wording import plural
from reports.stored import StoredRun, find
from reports.wording import duration, moment, plain, size

NEAR_NS = 250_000_000
"""Lines this near to a beginning or an end of an operation of the counterexample are shown."""

AROUND_MAX = 80
READ_BYTES_MAX = 64 << 20
"""Of each log no more than so much is looked through."""

DAY_NS = 86_400_000_000_000
_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)\.(\d{3}) ")


@dataclass(frozen=True, slots=True)
class NodeLog:
    """A node's log. `lines` are its last ones; `crashed` says that the node ended by itself."""

    node: str
    href: str
    size: str
    lines: tuple[str, ...]
    crashed: bool


@dataclass(frozen=True, slots=True)
class Around:
    """Lines as moment of the run, node and text; `left_out` says how many there are beside."""

    lines: tuple[tuple[str, str, str], ...]
    within: str
    left_out: str


def logs(stored: StoredRun, crashed: Iterable[str], most: int) -> list[NodeLog]:
    """The first `most` logs; the last lines of those whose nodes ended by themselves."""
    ended = {*crashed}
    return [
        NodeLog(
            node=plain(node, 60),
            href=f"nodes/{quote(path.name)}",
            size=size(path.stat().st_size),
            lines=tuple(last_lines(path)) if node in ended else (),
            crashed=node in ended,
        )
        for node, path in list(stored.logs.items())[:most]
    ]


def around(stored: StoredRun, moments_ns: Sequence[int]) -> Around | None:
    """What all nodes wrote near these moments of the run; None where that is nothing."""
    began_ns = _time_of_day(stored)
    if began_ns is None or not moments_ns:
        return None
    spans = sorted((at - NEAR_NS, at + NEAR_NS) for at in moments_ns)
    found = [
        (at_ns, node, text)
        for node, path in stored.logs.items()
        for at_ns, text in _timed(path, began_ns)
        if any(first <= at_ns <= last for first, last in spans)
    ]
    found.sort(key=lambda line: line[:2])
    if not found:
        return None
    left = len(found) - AROUND_MAX
    return Around(
        tuple((moment(at), plain(node, 60), text) for at, node, text in found[:AROUND_MAX]),
        duration(NEAR_NS),
        f"{plural(left, 'later line')} in the logs." if left > 0 else "",
    )


def _time_of_day(stored: StoredRun) -> int | None:
    """The time of day at which the run's clock stood at 0, in nanoseconds since midnight UTC."""
    try:
        began = datetime.fromisoformat(find(stored.run, str, "began") or "").astimezone(UTC)
    except ValueError:
        return None
    return _ns(began.hour, began.minute, began.second, began.microsecond / 1000)


def _timed(path: Path, began_ns: int) -> Iterator[tuple[int, str]]:
    """The lines of a log that tell their time, with their moments in the run."""
    try:
        with regular(path).open("rb") as file:
            for line in file.readlines(READ_BYTES_MAX):
                text = line.decode("utf-8", "replace").rstrip("\n")
                told = _TIME.match(text)
                if told:
                    hours, minutes, seconds, thousandths = (int(part) for part in told.groups())
                    # A run over midnight goes on at 0 o'clock.
                    since_ns = _ns(hours, minutes, seconds, thousandths) - began_ns
                    yield since_ns % DAY_NS, plain(text[told.end() :], 300)
    except OSError:
        return


def _ns(hours: int, minutes: int, seconds: int, milliseconds: float) -> int:
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000_000 + int(milliseconds * 1_000_000)


def last_lines(path: Path, most: int = 20, width: int = 300) -> list[str]:
    """The last lines of a log, each cut to a width, read from the file's last 64 KiB only."""
    try:
        with regular(path).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - 65_536, 0))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line if len(line) <= width else line[:width] + " …" for line in text.splitlines()][
        -most:
    ]
