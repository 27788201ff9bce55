"""Seeds that once failed, one JSON line each: the first to be run, every night.

The file may be kept in the repository or on a branch; a line goes when somebody removes it. A
simulated seed repeats what it showed as long as the code draws the same from it; a real one asks
for the same run again, which may end otherwise.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, UsageError
from harness.nightly.plan import Cell
from harness.nightly.schedule import Job

_CELL = ("system", "workload", "faults", "environment")


def read_corpus(path: Path) -> list[Job]:
    """The seeds of a corpus as jobs, in the file's order; none where there is no file.

    Raises `UsageError`, with the line's number, for what no night has written.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the corpus {path}: {error}; name another file") from error
    return list(_jobs(lines, path))


def _jobs(lines: list[str], path: Path) -> Iterator[Job]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
            names = {name: values[name] for name in _CELL}
            cell = Cell(**names, options=tuple(sorted(values["options"].items())))
            cell.config(values["seed"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{path}, line {number}, is none of a corpus ({error!r}); remove the line"
            ) from error
        except UsageError as error:
            raise UsageError(f"{path}, line {number}: {error}; or remove the line") from error
        yield Job(cell, values["seed"], 0.0, corpus=True)


def add_to_corpus(path: Path, cell: Cell, seed: int, beside: dict[str, Any]) -> None:
    """Append a seed that failed, unless it is there; `beside` says when and why."""
    known = {(job.cell, job.seed) for job in read_corpus(path)}
    kept = Cell(cell.system, cell.workload, cell.faults, cell.environment, options=cell.options)
    if (kept, seed) in known:
        return
    values = {name: value for name, value in asdict(kept).items() if name in _CELL}
    append(path, {**values, "options": dict(kept.options), "seed": seed, **beside})


def append(path: Path, record: dict[str, Any]) -> None:
    """Append one record to a file of JSON lines."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write((json.dumps(record, ensure_ascii=True) + "\n").encode())
    except OSError as error:
        raise HarnessError(f"cannot append to {path}: {error.strerror}; free it") from error
