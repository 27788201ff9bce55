"""A night as it was stored: its cells, its runs, and what reports call them."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from checker.files import regular
from reports.stored import NotARun, find, objects
from reports.wording import plain


def read_night(directory: Path) -> dict[str, Any]:
    """The night.json of a directory; raises `NotARun` where there is none."""
    try:
        night = json.loads(regular(directory / "night.json").read_bytes())
    except (OSError, ValueError) as error:
        raise NotARun(f"{directory} holds no night.json that can be read: {error}") from error
    if not isinstance(night, dict) or night.get("labrys") != "night":
        raise NotARun(f"{directory / 'night.json'} tells of no night; name another directory")
    return night


def cells_of(night: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells of a night. Options are part of a cell's name only where nothing else differs."""
    cells = list(objects(night, "cells"))
    places = Counter(map(_place, cells))
    return [{**cell, "options": cell.get("options") if places[_place(cell)] > 1 else {}}
            for cell in cells]  # fmt: skip


def _place(cell: dict[str, Any]) -> str:
    return repr([cell.get(name) for name in ("system", "workload", "faults", "environment")])


def runs_of(night: dict[str, Any]) -> list[dict[str, Any]]:
    return list(objects(night, "runs"))


def row_name(cell: dict[str, Any]) -> str:
    """A cell's row in a matrix: its system, and what else tells it from others."""
    parts = [plain(cell.get("system"), 80)]
    if cell.get("workload") not in ("register", None):
        parts.append(plain(cell.get("workload"), 40))
    options = find(cell, dict, "options") or {}
    parts += [f"{plain(name, 40)}={plain(value, 40)}" for name, value in sorted(options.items())]
    return " · ".join(parts)


def cell_name(cell: dict[str, Any]) -> str:
    """A cell in a line: "raft · docker · partition"."""
    rest = (plain(cell.get(name), 80) for name in ("environment", "faults"))
    return " · ".join([row_name(cell), *rest])


def amount(record: dict[str, Any]) -> int:
    """How many runs a record stands for: the seeds of a campaign, or one."""
    runs = find(record, int, "facts", "runs")
    return 1 if runs is None else runs
