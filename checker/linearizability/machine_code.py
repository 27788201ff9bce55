"""Machine code of functions that run as plain Python too, and where it is kept.

It is kept beside the source where that can be written, as in a checkout or an environment of one's
own; else in the user's cache, in a folder for exactly these sources; else for as long as the
process lives.
"""

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).parent


def machine_code(function: Any, **options: Any) -> Any:
    """The function, to be compiled when it is first called; `options` are numba's."""
    # numba takes half a second to import, so only a history long enough to win it back does.
    import numba

    try:
        with _kept():
            made = numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # No folder for it can be written.
        return numba.njit(nogil=True, **options)(function)
    save = made._cache.save_overload

    def save_if_possible(*arguments: Any) -> None:
        with contextlib.suppress(OSError):  # The disk may be full.
            save(*arguments)

    made._cache.save_overload = save_if_possible
    return made


def indices(module: ModuleType) -> list[Path]:
    """What numba wrote of the functions of a module, for this version of Python."""
    source = Path(str(module.__file__))
    pattern = f"{source.stem}.*.py{sys.version_info.major}{sys.version_info.minor}*.nbi"
    if _beside():
        return sorted((source.parent / "__pycache__").glob(pattern))
    folder = _of_user()
    return [] if folder is None else sorted(folder.glob(f"*/{pattern}"))


@contextlib.contextmanager
def _kept() -> Iterator[None]:
    """Make numba choose the folder, unless its user did."""
    import numba

    config: Any = numba.config
    chosen = config.CACHE_DIR
    folder = None if chosen or _beside() else _of_user()
    if folder is not None:
        config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        config.CACHE_DIR = chosen


@cache
def _beside() -> bool:
    """Whether machine code can be kept beside the source."""
    folder = HERE / "__pycache__"
    return os.access(folder if folder.is_dir() else HERE, os.W_OK)


@cache
def _of_user() -> Path | None:
    """The folder in the user's cache, made if need be; None where it cannot be."""
    digest = hashlib.sha256()
    for source in sorted(HERE.rglob("*.py")):
        digest.update(f"{source.name} {source.stat().st_mtime_ns}\n".encode())
    try:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = caches / "labrys" / digest.hexdigest()[:16]
        # A home may be somebody else's, as under sudo: then even looking into it is an error.
        folder.mkdir(parents=True, exist_ok=True)
    except (RuntimeError, OSError):
        return None
    return folder
