"""How reports put figures and operations into words: one way for the page and the terminal."""

import json
import re
from typing import Any


def count(value: float) -> str:
    """12431 as "12,431"."""
    return f"{value:,.0f}"


def duration(ns: float) -> str:
    """A duration in its natural unit, to three digits: "38.2 ms"."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if abs(ns) >= size:
            return f"{digits(ns / size)} {unit}"
    return f"{ns:.0f} ns"


def headed(reason: str, limit: int = 70) -> tuple[str, str]:
    """A reason as a headline and its rest, cut at a colon: "an invariant of the cluster is broken:
    State Machine Safety: n4 applied …". One with none early enough is the headline as a whole."""
    parts = reason.split(": ")
    head = parts[0]
    taken = 1
    while taken < len(parts) - 1 and len(f"{head}: {parts[taken]}") <= limit:
        head, taken = f"{head}: {parts[taken]}", taken + 1
    if len(head) > limit:
        head, taken = reason, len(parts)
    if head.split(" ")[0].isalpha():  # A node keeps its name: "n3 ended by itself".
        head = head[:1].upper() + head[1:]
    return head, ": ".join(parts[taken:])


def tick(ns: float) -> str:
    """A round duration for an axis: "5 ms"."""
    return re.sub(r"\.0+ ", " ", duration(ns))


def digits(value: float) -> str:
    """A number to three digits, but never less than its whole part."""
    size = abs(value)
    return f"{value:.2f}" if size < 10 else f"{value:.1f}" if size < 100 else count(value)


def moment(ns: float) -> str:
    """A moment of the run's clock: "3.102 s"."""
    return f"{ns / 1e9:.3f} s"


def percent(share: float | None) -> str:
    """0.941 as "94.1 %"; never rounded up to 100 % or down to 0 %."""
    if share is None:
        return "–"
    if share in (0, 1):
        return f"{share:.0%}".replace("%", " %")
    return f"{min(max(share * 100, 0.1), 99.9):.1f} %"


def size(count_bytes: float) -> str:
    """Bytes in binary units: "7.7 GiB"."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count_bytes < 1024:
            # Three digits; four where they are whole, which would else be written as 1e+03.
            return f"{count_bytes:.{4 if count_bytes >= 999.5 else 3}g} {unit}"
        count_bytes /= 1024
    return f"{count_bytes:.3g} TiB"


_SEPARATORS = {0x2028: "\\u2028", 0x2029: "\\u2029"}
"""Nobody sees these two, and some programs take them for ends of lines in a name."""


def value(data: Any, limit: int = 200) -> str:
    """A JSON value as text on one line, cut to a limit."""
    return _cut(json.dumps(data, ensure_ascii=False, default=repr), limit)


def plain(data: Any, limit: int = 200) -> str:
    """Like `value`, but a string without its quotes."""
    return _cut(data, limit) if isinstance(data, str) else value(data, limit)


def _cut(text: str, limit: int) -> str:
    text = text.translate(_SEPARATORS)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def did(function: str, argument: Any, result: Any, outcome: str, limit: int = 60) -> str:
    """What an operation did, as a predicate: "wrote 17", "tried to write 17"."""
    ok = outcome == "ok"
    pair = argument if isinstance(argument, list) and len(argument) == 2 else None
    if function == "read":
        return f"read {value(result, limit)}" if ok else "tried to read"
    if function == "write":
        return f"{'wrote' if ok else 'tried to write'} {value(argument, limit)}"
    if function == "cas" and pair is not None:
        expected, new = (value(item, limit) for item in pair)
        if not ok:
            return f"tried to replace {expected} by {new}"
        if result == pair[0] or result is True:
            return f"replaced {expected} by {new}"
        return f"found {value(result, limit)} where it expected {expected}"
    call = function if argument is None else f"{function} {value(argument, limit)}"
    return f"called {call}" + (f", answered {value(result, limit)}" if ok else "")
