"""A run directory, read as far as it can be read.

A run may have been killed before its verdict, be damaged, or come from a newer version. What is
there is used, and what is not is named in `problems`, one sentence each. The two JSON files are
read into plain values; `find` takes from them what has the right type and ignores the rest.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from checker.history import History

VERSION = 1

T = TypeVar("T")


class NotARun(ValueError):
    """The directory holds no run; the message says what to give instead."""


@dataclass(frozen=True)
class StoredRun:
    """What a run directory holds. `result` is empty where the run ended before it was judged."""

    directory: Path
    run: dict[str, Any]
    result: dict[str, Any]
    history: History
    problems: tuple[str, ...] = ()
    logs: dict[str, Path] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """ "valid", "invalid" or "unknown", or "" where there is none."""
        word = find(self.result, str, "verdict") or ""
        return word if word in ("valid", "invalid", "unknown") else ""

    @property
    def config(self) -> dict[str, Any]:
        return find(self.run, dict, "config") or {}


def read_run(directory: Path) -> StoredRun:
    """Read a run directory; raises `NotARun` where it holds none of a run's files."""
    names = ("run.json", "history.jsonl", "result.json")
    if not any((directory / name).is_file() for name in names):
        raise NotARun(
            f"{directory} holds no run: give a directory that holds run.json and history.jsonl"
        )
    problems: list[str] = []
    run = _document(directory / "run.json", "run", problems)
    history = _history(directory / "history.jsonl", problems)
    result: dict[str, Any] = {}
    if (directory / "result.json").is_file():
        result = _document(directory / "result.json", "result", problems)
    else:
        problems.append(
            "The run ended before it was judged: there is no result.json. "
            f"This judges the history that it left: labrys check {directory}"
        )
    folder = directory / "nodes"
    logs = {path.stem: path for path in sorted(folder.glob("*.log"))} if folder.is_dir() else {}
    return StoredRun(directory, run, result, history, tuple(problems), logs)


def find(data: Any, kind: type[T], *path: str) -> T | None:
    """The value at a path of nested objects, or None where it is not there or of another type."""
    for name in path:
        if not isinstance(data, dict) or name not in data:
            return None
        data = data[name]
    if isinstance(data, kind) and not (isinstance(data, bool) and kind is not bool):
        return data
    return None


def number(data: Any, *path: str) -> float | None:
    """The number at a path, whole or not."""
    whole = find(data, int, *path)
    return find(data, float, *path) if whole is None else whole


def objects(data: Any, *path: str) -> Iterator[dict[str, Any]]:
    """The objects of the list at a path."""
    for item in find(data, list, *path) or ():
        if isinstance(item, dict):
            yield item


def _document(path: Path, kind: str, problems: list[str]) -> dict[str, Any]:
    """The JSON object in a file, or an empty one and a problem."""
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        problems.append(f"{path.name} is missing: what it would tell is left out.")
        return {}
    except (OSError, ValueError, RecursionError) as error:
        problems.append(f"{path.name} cannot be read: {error}.")
        return {}
    if not isinstance(data, dict) or data.get("labrys") != kind:
        problems.append(f"{path.name} is not the {kind} file of a Labrys run and was left out.")
        return {}
    if data.get("version") != VERSION:
        problems.append(
            f"{path.name} has version {data.get('version')!r}; this Labrys knows version {VERSION} "
            "and shows what it understands."
        )
    return data


def _history(path: Path, problems: list[str]) -> History:
    """The history, or an empty one and a problem."""
    try:
        history = History.read(path)
    except FileNotFoundError:
        problems.append("history.jsonl is missing: no operation can be shown.")
    except (OSError, ArithmeticError, ValueError) as error:
        problems.append(f"history.jsonl cannot be read: {error}.")
    else:
        if history.cut:
            problems.append(f"The history was cut: {history.cut}.")
        return history
    return History()
