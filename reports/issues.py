"""Texts of a night for other places: an issue for each failure, and a line for a chat.

Nights repeat themselves, and issues must not: the title begins with the failure's fingerprint, by
which a script finds the issue that is there and adds to it. What runs and plans call things is text
to these texts, whatever it holds.
"""

from pathlib import Path
from typing import Any

from checker.wording import plural
from reports.argument import argument
from reports.failures import absolute, failures_of, memory, page_of, state
from reports.markdown import escaped, fenced
from reports.outcomes import NIGHTS
from reports.stored import find
from reports.wording import plain

ISSUES_MAX = 50
TITLE_MAX = 120
REASON_MAX = 200
CHAT_MAX = 4


def issues(night: dict[str, Any], directory: Path | None = None) -> dict[str, str]:
    """The text of an issue for each failure, by its fingerprint: the title is the first line."""
    found = failures_of(night)[:ISSUES_MAX]
    return {_fingerprint(failure): _issue(night, failure, directory) for failure in found}


def _fingerprint(failure: dict[str, Any]) -> str:
    """It names a file, so nothing but hexadecimal digits is taken."""
    given = plain(failure.get("fingerprint"), 40)
    return "".join(sign for sign in given if sign in "0123456789abcdef")[:12] or "unknown"


def _issue(night: dict[str, Any], failure: dict[str, Any], directory: Path | None) -> str:
    anomaly, system = (plain(failure.get(name), 80) for name in ("anomaly", "system"))
    title = f"[{_fingerprint(failure)}] {anomaly} in {system}, {plain(failure.get('location'), 80)}"
    run = find(failure, str, "run")
    shown = argument(directory, run)
    lines = [" ".join(title.split())[:TITLE_MAX], ""]
    lines += [escaped(failure.get("reason"), 600) or escaped(failure.get("outcome"), 60), ""]
    lines += [f"**{escaped(memory(failure), 300)}**", ""] if memory(failure) else []
    if shown["steps"]:
        lines += [f"{place}. {escaped(one, 300)}" for place, one in enumerate(shown["steps"], 1)]
        lines += ["", *(f"- {escaped(one, 300)}" for one in shown["sentences"]), ""]
    if failure.get("again"):
        exact = failure.get("exact") is not False
        lines += ["Replay it with:" if exact else "Ask for the same run again:", ""]
        lines += [*fenced(failure["again"]), ""]
    cells = [escaped(cell, 200) for cell in (find(failure, list, "cells") or ())[:20]]
    lines += ["Seen tonight in:", "", *(f"- {cell}" for cell in cells), ""]
    page = page_of(night, run)
    lines += [f"Page of the run: {page}"] if page else []
    lines += [f"Page of the night: {absolute(night, 'index.html')}"]
    lines += [f"Commit: {escaped(failure.get('commit'), 60)}"]
    return "\n".join(lines) + "\n"


def chat(night: dict[str, Any]) -> str:
    """A night in a few lines of plain text: its sentence, what is new, and where to look."""
    status = night.get("status")
    glyph, _ = NIGHTS.get(status, ("?", "")) if isinstance(status, int) else ("?", "")
    found = failures_of(night)
    by_state = {word: [one for one in found if state(one) == word]
                for word in ("new", "flaky", "known")}  # fmt: skip
    lines = [f"{glyph} {plain(night.get('sentence'), 400)}"]
    if found:
        counts = ", ".join(f"{len(own)} {word}" for word, own in by_state.items() if own)
        lines.append(f"{plural(len(found), 'failure')}: {counts}")
    for failure in by_state["new"][:CHAT_MAX]:
        anomaly, system = (plain(failure.get(name), 80) for name in ("anomaly", "system"))
        why = plain(failure.get("reason"), REASON_MAX)
        lines.append(f"- new: {anomaly} in {system}" + f": {why}" * bool(why))
    lines.append(absolute(night, "index.html"))
    return "\n".join(" ".join(line.split()) for line in lines) + "\n"
