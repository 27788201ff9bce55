"""Durations as people write them: "30s", "2m", "1h30m", "500ms", or a plain number of seconds."""

import re

from harness.errors import UsageError

LONGEST_S = 7 * 24 * 3600.0

_AMOUNT = r"(?:(\d+(?:\.\d+)?)%s)?"
_SHAPE = re.compile("".join(_AMOUNT % unit for unit in ("h", "m(?!s)", "s", "ms")), re.ASCII)
_SIZES = (3600.0, 60.0, 1.0, 0.001)


def seconds(text: str) -> float | None:
    """A duration in seconds, or None where the text is none. A plain number may be anything."""
    text = text.strip()
    try:
        return float(text)
    except ValueError:
        found = _SHAPE.fullmatch(text)
    if not text or found is None:
        return None
    amounts = (float(amount or 0) for amount in found.groups())
    return sum(amount * size for amount, size in zip(amounts, _SIZES, strict=True))


def duration_s(text: str, name: str = "a budget") -> float:
    """A duration above 0 in seconds; else a `UsageError` that calls it by the name."""
    total = seconds(text)
    if total is None or not 0 < total <= LONGEST_S:
        raise UsageError(f"{name} cannot be {text!r}; write it as 45m, 1h30m or 90s")
    return total


def option_s(flag: str, text: str | float) -> float:
    """What an option of that name says in seconds, or is by default; its range is checked where it
    is used."""
    total = seconds(text) if isinstance(text, str) else float(text)
    if total is None:
        raise UsageError(f"{flag} cannot be {text!r}; write it as 30s, 2m, 1h30m or 500ms")
    return total
