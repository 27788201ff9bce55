"""The runs of a store as rows: what they were, what came of them, and when.

A run is any directory that holds one of a run's files; others are passed by, and so is whatever a
symbolic link leads to. What a row says was read once and is remembered until one of the two files
it comes from changes, so that a store of thousands of runs is listed quickly.
"""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checker.files import is_regular
from reports.stored import VERSION, find, read_object
from reports.wording import plain

DEEPEST = 4
"""A run's directory is at most this many below the store's."""

RUNNING_S = 30
"""A history without a verdict that grew within this many seconds is of a run that goes on."""

FILES = ("run.json", "history.jsonl", "result.json")
VERDICTS = ("invalid", "unknown", "valid", "running", "not judged", "damaged")
COLUMNS = ("began", "system", "workload", "environment", "verdict", "anomaly", "operations", "seed")

PAGES = {
    "night.json": "index.html", "comparison.json": "comparison.html", "results.jsonl": "trend.html",
}  # fmt: skip
"""The pages beside runs, by a file that stands next to each."""

PAGES_MAX = 30


@dataclass(frozen=True, slots=True)
class Row:
    """One run. `path` is relative to the store, with "/" between its parts; `newer` says that one
    of its files has a version that this Labrys does not know yet."""

    path: str
    verdict: str
    name: str = ""
    system: str = ""
    workload: str = ""
    environment: str = ""
    began: str = ""
    seed: int | None = None
    faults: tuple[str, ...] = ()
    operations: int | None = None
    has_page: bool = False
    newer: bool = False
    anomaly: str = ""
    shrunk_from: str = ""
    """The path of the run that this one was shrunk from, as far as it tells."""


@dataclass(frozen=True, slots=True)
class RowQuery:
    """Which rows are wanted, and in which order; empty words leave nothing out.

    `words` must all stand somewhere in a row. `since` and `until` are dates, both included.
    """

    words: str = ""
    system: str = ""
    verdict: str = ""
    environment: str = ""
    fault: str = ""
    since: str = ""
    until: str = ""
    sort: str = "began"
    descending: bool = True

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "RowQuery":
        """The query of a form; what makes no sense in it is left out."""
        sort = given.get("sort", "began")
        return cls(
            words=given.get("words", "").strip()[:200],
            system=given.get("system", "")[:1000],
            verdict=given.get("verdict", "")[:1000],
            environment=given.get("environment", "")[:1000],
            fault=given.get("fault", "")[:1000],
            since=given.get("since", "")[:10],
            until=given.get("until", "")[:10],
            sort=sort if sort in COLUMNS else "began",
            descending=given.get("order", "down") != "up",
        )

    def takes(self, row: Row) -> bool:
        """Whether a row is wanted."""
        day = row.began[:10]
        told = (row.path, row.name, row.system, row.workload, row.anomaly, str(row.seed))
        text = " ".join(told).lower()
        return (
            self.system in ("", row.system)
            and self.verdict in ("", row.verdict)
            and self.environment in ("", row.environment)
            and (not self.fault or self.fault in row.faults)
            and (not self.since or day >= self.since)
            and (not self.until or day <= self.until)
            and all(word in text for word in self.words.lower().split())
        )


def select(rows: Iterable[Row], query: RowQuery) -> list[Row]:
    """The rows wanted, in the order wanted; those without what is sorted by come last, and a
    shrunk run right after the one it came from, wherever that is."""
    wanted = [row for row in rows if query.takes(row)]
    with_it = [row for row in wanted if getattr(row, query.sort) not in ("", None)]
    without = [row for row in wanted if getattr(row, query.sort) in ("", None)]
    with_it.sort(key=lambda row: (getattr(row, query.sort), row.path), reverse=query.descending)
    ordered = with_it + without
    originals = {row.path for row in ordered}
    beside: dict[str, list[Row]] = {}
    for row in ordered:
        if row.shrunk_from in originals:
            beside.setdefault(row.shrunk_from, []).append(row)
    return [
        one
        for row in ordered
        if row.shrunk_from not in originals
        for one in (row, *beside.get(row.path, ()))
    ]


def names(rows: Iterable[Row]) -> dict[str, str]:
    """A name for each run that no other has: its own, with the time where several share it."""
    shared: dict[str, list[Row]] = {}
    for row in rows:
        name = row.name or row.path
        shared.setdefault(f"{name}, shrunk" if row.shrunk_from else name, []).append(row)
    found = {}
    for name, own in shared.items():
        systems = {row.system for row in own}
        for row in own:
            # What differs among those of one name tells them apart: the system, or else the place.
            rest = row.system if len(systems) == len(own) else row.path
            found[row.path] = name if len(own) == 1 else f"{name} ({rest})"
    return found


@dataclass
class Store:
    """The runs below a directory."""

    root: Path
    fresh_s: float = 1.0
    """For so long the same list is given out without looking at the disk again."""

    _rows: tuple[Row, ...] = ()
    _listed: float = float("-inf")
    _known: dict[str, tuple[tuple[int, ...], Row]] = field(default_factory=dict)

    def rows(self) -> Sequence[Row]:
        """All runs, in the order of their paths."""
        now = time.monotonic()
        if now - self._listed > self.fresh_s:
            self._rows = tuple(self._row(path) for path in sorted(_runs(self.root, DEEPEST)))
            kept = {row.path for row in self._rows}
            self._known = {path: known for path, known in self._known.items() if path in kept}
            self._listed = now
        return self._rows

    def forget(self) -> None:
        """Look at the disk when next asked."""
        self._listed = float("-inf")

    def find(self, path: str) -> Row | None:
        """The run at that path of the store, if there is one."""
        return next((row for row in self.rows() if row.path == path), None)

    def pages(self) -> dict[str, list[str]]:
        """The paths of the pages that are no run's, the newest first, by their kind."""
        found: dict[str, list[str]] = {page: [] for page in PAGES.values()}
        for path in _beside(self.root, DEEPEST):
            found[path.rpartition("/")[2]].append(path)
        return {page: sorted(paths, reverse=True)[:PAGES_MAX] for page, paths in found.items()}

    def inside(self, path: str) -> Path | None:
        """The file or directory at a path of the store; None for any that is not inside it.

        A symbolic link is followed only where it stays inside.
        """
        if not path or "\0" in path or "\\" in path or path.startswith("/"):
            return None
        if any(part in ("", ".", "..") for part in path.rstrip("/").split("/")):
            return None
        try:
            found = (self.root / path).resolve(strict=True)
            inside = found.is_relative_to(self.root.resolve())
        except (OSError, ValueError, RuntimeError):
            return None
        return found if inside else None

    def _row(self, path: str) -> Row:
        folder = self.root / path
        stamps = tuple(map(_stamp, (folder / "run.json", folder / "result.json")))
        has_page = is_regular(folder / "report.html")
        known = self._known.get(path)
        if known is not None and known[0] == (*stamps, has_page) and stamps[1]:
            return known[1]
        row = read_row(folder, path, has_page)
        self._known[path] = ((*stamps, has_page), row)
        return row


def read_row(folder: Path, path: str, has_page: bool) -> Row:
    """What the two files of a run say of it; a file that cannot be read makes it damaged."""
    run = _document(folder / "run.json", "run")
    result = _document(folder / "result.json", "result")
    verdict = find(result, str, "verdict") or ""
    if run is None or result is None or (result and verdict not in VERDICTS[:3]):
        verdict = "damaged"
    elif not result:
        grew = time.time() - _stamp(folder / "history.jsonl") / 1e9
        verdict = "running" if grew < RUNNING_S else "not judged"
    faults = find(run, list, "config", "faults") or []
    return Row(
        path=path,
        verdict=verdict,
        name=find(run, str, "name") or "",
        system=find(run, str, "system") or "",
        workload=find(run, str, "workload") or "",
        environment=find(run, str, "environment") or "",
        began=find(run, str, "began") or "",
        seed=find(run, int, "seed"),
        faults=tuple(fault for fault in faults if isinstance(fault, str)),
        operations=find(result, int, "statistics", "operations"),
        has_page=has_page,
        anomaly=find(result, str, "anomaly", "kind") or _why(result, verdict),
        shrunk_from=_original(path, find(run, str, "shrunk_from") or ""),
        newer=any((find(data, int, "version") or 0) > VERSION for data in (run, result)),
    )


def _why(result: dict[str, Any] | None, verdict: str) -> str:
    """What is said in place of an anomaly: the beginning of the reason."""
    reason = find(result, str, "reason") or ""
    return plain(reason.partition(": ")[0], 60) if verdict in ("invalid", "unknown") else ""


def _runs(folder: Path, depth: int, path: str = "") -> Iterable[str]:
    """The paths of all runs below a directory."""
    try:
        with os.scandir(folder) as listed:
            entries = [entry for entry in listed if not entry.name.startswith(".")]
    except OSError:
        return
    names = {entry.name for entry in entries}
    if path and not names.isdisjoint(FILES):
        yield path
        return
    if depth:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                below = f"{path}/{entry.name}" if path else entry.name
                yield from _runs(folder / entry.name, depth - 1, below)


def _original(path: str, shrunk_from: str) -> str:
    """The path in the store of the run that another was shrunk from: its system's folder and its
    own, wherever the store stood then."""
    if not shrunk_from:
        return ""
    above = path.rsplit("/", 2)[:-2]
    return "/".join([*above, *shrunk_from.rstrip("/").split("/")[-2:]])


def _beside(folder: Path, depth: int, path: str = "") -> Iterable[str]:
    """The paths of all pages of nights, trends and comparisons below a directory."""
    try:
        with os.scandir(folder) as listed:
            entries = [entry for entry in listed if not entry.name.startswith(".")]
    except OSError:
        return
    names = {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
    for mark, page in PAGES.items():
        if {mark, page} <= names:
            yield f"{path}/{page}" if path else page
    if depth and names.isdisjoint(FILES):
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                below = f"{path}/{entry.name}" if path else entry.name
                yield from _beside(folder / entry.name, depth - 1, below)


def _stamp(path: Path) -> int:
    """When a file was changed last, in nanoseconds; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _document(path: Path, kind: str) -> dict[str, Any] | None:
    """The object of that kind in a file, an empty one where there is no file, None for all
    else."""
    data, problem = read_object(path, kind)
    return None if problem and os.path.lexists(path) else data
