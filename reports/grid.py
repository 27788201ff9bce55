"""The grid of cells and nights: a row for each cell, a square for each night that leads to its run.

It is drawn from the results of all nights. A square leads to a page where one is left beside the
folder of the night that shows the grid, since nights are kept, moved and removed as folders.
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from reports.failures import inside
from reports.outcomes import DOUBT, GOOD, bad_first, look
from reports.stored import find
from reports.stored_night import amount
from reports.wording import count, plain

NIGHTS_MAX = 30
ROWS_MAX = 200

Row = dict[str, Any]


def grid(records: list[Row], folder: Path) -> Row | None:
    """The nights, the newest last, and a row of squares for each cell, what is red first; None
    where no run is recorded. `folder` is that of the night that shows it."""
    runs = [run for run in records if run.get("labrys") == "nightly run"]
    nights = sorted({night for run in runs if (night := find(run, str, "night"))})[-NIGHTS_MAX:]
    if not nights:
        return None
    cells: dict[str, dict[str, list[Row]]] = {}
    for run in runs:
        night = find(run, str, "night")
        if night in nights and not run.get("corpus"):
            cells.setdefault(plain(run.get("cell"), 200), {}).setdefault(night, []).append(run)
    rows = [
        {"name": name, "squares": [_square(own.get(night), night, folder) for night in nights]}
        for name, own in cells.items()
    ]
    rows.sort(key=_worst)
    return {
        "nights": [plain(night, 40)[5:16].replace("T", " ") for night in nights],
        "rows": rows[:ROWS_MAX],
        "more": max(len(rows) - ROWS_MAX, 0),
    }


def _worst(row: Row) -> tuple[bool, ...]:
    """Rows whose newest squares are red come first."""
    return tuple(not square or square["tone"] == GOOD for square in reversed(row["squares"]))


def _square(runs: list[Row] | None, night: str, folder: Path) -> Row | None:
    """What a cell came to in a night; None where it was not run."""
    if not runs:
        return None
    caught = next((run for run in runs if run.get("outcome") == "caught"), None)
    run = caught or bad_first(runs)[0]
    outcome = run.get("outcome")
    if run.get("canary") and caught is None and outcome in ("pass", "failed otherwise"):
        outcome = "canary missed"
    elif outcome == "unknown" and any(one.get("outcome") == "pass" for one in runs):
        outcome = "pass"
    shown = look(outcome)
    anomaly = plain(run.get("anomaly") or "", 60) if shown.tone != GOOD else ""
    tried = f"{count(sum(map(amount, runs)))} tried"
    words = [plain(night, 40)[:10], plain(outcome, 60), anomaly, tried]
    return {
        "glyph": shown.glyph,
        "tone": shown.tone,
        "doubtful": shown.tone == DOUBT,
        "words": ", ".join(word for word in words if word),
        "href": _href(run, folder),
    }


def _href(run: Row, folder: Path) -> str:
    """The page of the run, else that of its night, if either is there."""
    other = find(run, str, "folder") or ""
    if not other or other in (".", "..") or "/" in other or "\\" in other:
        return ""
    beside = folder.parent / other
    left = find(run, str, "run")
    if left and inside(left) and (beside / left / "report.html").is_file():
        return f"../{quote(other)}/{quote(left)}/report.html"
    return f"../{quote(other)}/index.html" if (beside / "index.html").is_file() else ""
