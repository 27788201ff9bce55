"""Judges one history file, from this or another tool, for `labrys check`."""

import contextlib
import time
from pathlib import Path
from typing import Any

from checker.formats import read
from checker.formats.writing import write
from checker.history import History, MalformedHistory
from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from harness.errors import UsageError
from harness.executors import OwnClocks, dask_executor
from harness.judge import MIB
from harness.registry import known

ENGINES = ("auto", "graph", "zones", "search")


def check_file(
    path: Path,
    model: str | None,
    form: str,
    engine: str,
    time_limit_s: float,
    memory_mib: int,
    written: Path | None = None,
    executor: str | None = None,
) -> dict[str, Any]:
    """Read and judge a file; the answer is plain JSON values. It may be `written` anew as well.
    Keys that must be searched go to the `executor`, the address of a Dask cluster, if there is one.

    Raises `UsageError` for unknown names and for files that cannot be read or are no history.
    """
    known("model", model or "cas-register", MODELS)
    known("engine", engine, ENGINES)
    try:
        history = read(path, format=form, model=model)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; check the path") from error
    except MalformedHistory as error:
        raise UsageError(f"{path}: {error}") from error
    except ValueError as error:
        raise UsageError(f"{path}: {error}; see `labrys check --help`") from error
    began = time.monotonic()
    try:
        with contextlib.ExitStack() as stack:
            pool = executor and OwnClocks(stack.enter_context(dask_executor(executor))[0])
            result = check(
                history,
                MODELS[model or "cas-register"](),
                engine=engine,
                time_limit_s=time_limit_s,
                memory_limit_bytes=memory_mib * MIB,
                executor=pool or None,
            )
    except MalformedHistory as error:
        raise UsageError(f"{path}: {error}") from error
    if written is not None:
        _write(history, written)
    instead = result.weaker() if result.weaker else None
    return {
        "file": str(path),
        "model": model or "cas-register",
        "operations": len(history),
        "seconds": round(time.monotonic() - began, 4),
        "cut": history.cut,
        **result.to_json(),
        "instead": None if instead is None else instead.to_json(),
    }


def _write(history: History, path: Path) -> None:
    """Write the history in the format that the name asks for; an existing file is not touched."""
    if path.exists():
        raise UsageError(f"{path} is there already; name a file that is not")
    try:
        write(history, path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; check the path") from error
    except ValueError as error:
        raise UsageError(f"--write: {error}") from error
