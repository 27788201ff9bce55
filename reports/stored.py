"""A run directory, read as far as it can be read.

A run may have been killed before its verdict, be damaged, or come from a newer version. What is
there is used, and what is not is named in `problems`, one sentence each. The two JSON files are
read into plain values; `find` takes from them what has the right type and ignores the rest.
"""

import json
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

from checker.files import is_regular, regular
from checker.history import History, MalformedHistory
from checker.wording import plural
from reports.wording import plain

VERSION = 1

T = TypeVar("T")


class NotARun(ValueError):
    """The directory holds no run; the message says what to give instead."""


@dataclass(frozen=True)
class StoredRun:
    """What a run directory holds. `result` is empty where the run ended before it was judged.

    `directory` is None for a history that is no run's; where it has no times, `timed` is false.
    """

    directory: Path | None
    run: dict[str, Any]
    result: dict[str, Any]
    history: History
    problems: tuple[str, ...] = ()
    logs: dict[str, Path] = field(default_factory=dict)
    timed: bool = True

    @property
    def verdict(self) -> str:
        """ "valid", "invalid" or "unknown", or "" where there is none."""
        word = find(self.result, str, "verdict") or ""
        return word if word in ("valid", "invalid", "unknown") else ""

    @property
    def config(self) -> dict[str, Any]:
        return find(self.run, dict, "config") or {}


def read_run(directory: Path, result: dict[str, Any] | None = None) -> StoredRun:
    """Read a run directory; raises `NotARun` where it holds none of a run's files.

    A `result` takes the place of the one that is stored.
    """
    names = ("run.json", "history.jsonl", "result.json")
    if not any(is_regular(directory / name) for name in names):
        raise NotARun(
            f"{directory} holds no run: give a directory that holds run.json and history.jsonl"
        )
    problems: list[str] = []
    run = _document(directory / "run.json", "run", problems)
    history = _history(directory / "history.jsonl", problems)
    if result is not None:
        pass
    elif os.path.lexists(directory / "result.json"):
        result = _document(directory / "result.json", "result", problems)
    else:
        result = {}
        problems.append(
            "The run ended before it was judged: there is no result.json. "
            f"This judges the history that it left: labrys check {directory}"
        )
    problems += _beside(directory)
    folder = directory / "nodes"
    logs = {path.stem: path for path in sorted(folder.glob("*.log")) if is_regular(path)}
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


def read_object(path: Path, kind: str) -> tuple[dict[str, Any], str]:
    """The JSON object in a file and nothing, or an empty one and the sentence that says why."""
    try:
        data = json.loads(regular(path).read_bytes())
    except FileNotFoundError:
        return {}, f"{path.name} is missing: what it would tell is left out."
    except (OSError, ValueError, RecursionError) as error:
        return {}, f"{path.name} cannot be read: {_why(error)}."
    if not isinstance(data, dict) or data.get("labrys") != kind:
        return {}, f"{path.name} is not the {kind} file of a Labrys run and was left out."
    return data, ""


def _beside(directory: Path) -> Iterator[str]:
    """What is wrong with the files that the page itself does without."""
    for kind in ("observations", "scenario", "messages"):
        path = directory / f"{kind}.json"
        problem = read_object(path, kind)[1] if os.path.lexists(path) else ""
        if problem:
            yield problem
    config = directory / "config.toml"
    if os.path.lexists(config):
        try:
            tomllib.loads(regular(config).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            yield f"config.toml cannot be read: {_why(error)}."
    failed = directory / "failed.txt"
    if os.path.lexists(failed):
        try:
            reason = regular(failed).read_text("utf-8", "replace").strip()
            yield f"The run failed: {plain(reason, 1000)}"
        except OSError as error:
            yield f"failed.txt cannot be read: {_why(error)}."


def _document(path: Path, kind: str, problems: list[str]) -> dict[str, Any]:
    """The JSON object in a file; every problem with it is added to the problems."""
    data, problem = read_object(path, kind)
    if problem:
        problems.append(problem)
    elif data.get("version") != VERSION:
        problems.append(
            f"{path.name} has version {plain(data.get('version'), 40)}; this Labrys knows version "
            f"{VERSION} and shows what it understands."
        )
    return data


def _history(path: Path, problems: list[str]) -> History:
    """The history as far as it can be read; every problem with it is added to the problems."""
    try:
        history = History.read(regular(path))
    except FileNotFoundError:
        problems.append("history.jsonl is missing: no operation can be shown.")
    except MalformedHistory as error:
        history = _whole_lines(path, error)
        whole, shown = "", ""
        if len(history):
            whole, shown = " whole", f" Of it {plural(len(history), 'operation')} can be shown."
        problems.append(f"history.jsonl cannot be read{whole}: {error}.{shown}")
        return history
    except (OSError, ArithmeticError, ValueError, RecursionError) as error:
        problems.append(f"history.jsonl cannot be read: {_why(error)}.")
    else:
        if history.torn:
            problems.append(f"The history was cut: {history.torn}.")
        return history
    return History()


def _whole_lines(path: Path, error: MalformedHistory) -> History:
    """The history before the line that an error names; a header of another version is passed by.

    An earlier line may be found to be wrong once a later one is gone, so this is tried a few times.
    """
    header = b'{"labrys":"history","version":%d}\n' % VERSION
    for _ in range(5):
        named = re.match(r"line (\d+)\b", str(error))
        if named is None:
            break
        last = int(named[1]) - 1 if named[1] != "1" else None
        try:
            with regular(path).open("rb") as file:
                if b'"labrys"' not in file.readline():
                    break
                lines = islice(file, None if last is None else last - 1)
                return History.from_lines(chain([header], lines))
        except MalformedHistory as again:
            error = again
        except (OSError, ArithmeticError, ValueError, RecursionError):
            break
    return History()


def _why(error: Exception) -> str:
    """Why a file could not be read, in a few words and without its path."""
    if isinstance(error, OSError):
        return error.strerror or "it does not answer"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return f"it is not JSON ({error.msg[:1].lower()}{error.msg[1:]}, line {error.lineno})"
    return plain(str(error), 200)
