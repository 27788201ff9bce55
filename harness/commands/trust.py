"""Code that a stored run names: it is imported only where the user says so.

A run of a user's own system, workload or fault names it as "package.module:Name". To replay or to
judge the run is to import that module, and a folder that came from elsewhere may name any.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from harness.errors import UsageError

Trust: TypeAlias = Annotated[
    bool, typer.Option("--trust", help="Import the modules that stored runs name, without asking.")
]


def require_trust(path: Path, trusted: bool, *, ask: bool = True) -> None:
    """Ask before a stored run, or a file of one, has a module imported.

    Raises `UsageError` where the answer is no, or there is no terminal to `ask` at.
    """
    modules = ", ".join(sorted({name.partition(":")[0] for name in _foreign(path)}))
    if not modules or trusted:
        return
    told = f"{path} names code of its own: judging or replaying it imports {modules}"
    if ask and sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty():
        if typer.confirm(f"labrys: {told}; do you trust it?", err=True):
            return
        raise UsageError(f"{path} is not trusted, and was left alone")
    raise UsageError(f"{told}; pass --trust if you trust it")


def _foreign(path: Path) -> Iterator[str]:
    """The names in a run's files, or in one file, that lead to code of somebody's own."""
    from harness.judge import read_json
    from harness.names import is_foreign

    files = [path] if path.is_file() else [path / "run.json", path / "scenario.json"]
    for file in files:
        if os.path.lexists(file):
            yield from (name for name in _named(read_json(file)) if is_foreign(name))


def _named(values: dict[str, Any]) -> Iterator[str]:
    """The names that stand where a system, a workload or faults are named."""
    config = values.get("config")
    schedule = values.get("schedule")
    for part in (values, config if isinstance(config, dict) else {}):
        faults = part.get("faults")
        named = [part.get("system"), part.get("workload")]
        named += faults if isinstance(faults, list) else []
        yield from (name for name in named if isinstance(name, str))
    for fault in schedule if isinstance(schedule, list) else ():
        found_by = fault.get("found_by") if isinstance(fault, dict) else None
        if isinstance(found_by, str):
            yield found_by
