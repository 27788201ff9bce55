"""The verdict that Jepsen stored beside a history, to compare with ours."""

from pathlib import Path

from checker.formats import edn
from checker.history import MalformedHistory

_LARGEST_BYTES = 1 << 26


def stored_verdict(directory: Path) -> bool | str | None:
    """What `results.edn` says of `:valid?`; None where it says nothing that can be read."""
    path = directory / "results.edn"
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            return None
        form = edn.plain(edn.Reader(path.read_text(encoding="utf-8")).form())
    except (OSError, MalformedHistory, UnicodeDecodeError):
        return None
    valid = form.get("valid?") if isinstance(form, dict) else None
    return valid if isinstance(valid, bool | str) else None
