"""What of a stored night failed, each failure once, and what earlier nights knew of it."""

from typing import Any
from urllib.parse import quote

from reports.outcomes import look
from reports.stored import find, number, objects
from reports.wording import plain

STATES = ("new", "flaky", "known")


def failures_of(night: dict[str, Any]) -> list[dict[str, Any]]:
    """The distinct failures of a night, the worst first; none in nights of before."""
    return list(objects(night, "failures"))


def failure_of(night: dict[str, Any], item: dict[str, Any]) -> dict[str, Any] | None:
    """The failure to which a cell or a run of the night belongs; of a cell, that of its own runs
    before that of a seed of the corpus."""
    name, its = plain(item.get("cell"), 1000), item.get("number")
    own = find(item, list, "runs") or [its]
    with_run = (one for one in failures_of(night)
                if any(run in own for run in find(one, list, "runs") or ()))  # fmt: skip
    with_cell = (one for one in failures_of(night)
                 if its is None and name in (find(one, list, "cells") or ()))  # fmt: skip
    return next(with_run, None) or next(with_cell, None)


def rank(outcome: Any, word: str) -> tuple[int, int]:
    """Where something that is not green stands among others: the worst first, and what is new
    before what was known."""
    return look(outcome).rank, STATES.index(word) if word in STATES else len(STATES)


def state(failure: dict[str, Any] | None) -> str:
    """ "new", "known" or "flaky"; "" where nothing says."""
    word = find(failure, str, "state") or ""
    return word if word in STATES else ""


def memory(failure: dict[str, Any] | None) -> str:
    """What earlier nights knew of a failure, in a sentence."""
    word = state(failure)
    if not word or failure is None:
        return ""
    green = _when(failure, "last_green")
    last = f" Last green {green}." if green else " No night was green."
    if word == "new":
        return "New tonight." + (last if green else " No earlier night had it.")
    seen, nights = (int(number(failure, name) or 1) for name in ("seen", "nights"))
    every = f"in {seen} of {nights} nights"
    return f"{word.capitalize()}: first seen {_when(failure, 'first')}, {every} since.{last}"


def _when(failure: dict[str, Any], name: str) -> str:
    """A night and its commit: "2026-11-23 at 1a2b3c"."""
    night = find(failure, str, f"{name}_seen" if name == "first" else name) or ""
    commit = find(failure, str, f"{name}_commit") or ""
    return plain(night, 40)[:10] + (f" at {plain(commit, 40)}" if night and commit else "")


def inside(run: Any) -> bool:
    """Whether a run left a directory, and that one below the night's own."""
    return isinstance(run, str) and not run.startswith("/") and ".." not in run.split("/")


def page_of(night: dict[str, Any], run: Any) -> str:
    """Where a run's page is: at the address of the night, or relative to its folder; "" where the
    run left none."""
    if not inside(run):
        return ""
    return absolute(night, f"{quote(run)}/report.html")


def absolute(night: dict[str, Any], path: str) -> str:
    """A file of the night's by its address, where the night has one."""
    address = find(night, str, "address") or ""
    usable = address.startswith(("https://", "http://")) and not set(address) & set(" <>\"'()")
    return f"{address}/{path}" if usable else path
