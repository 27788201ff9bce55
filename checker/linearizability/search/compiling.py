"""Compiles functions that also run as plain Python, each on its own source."""

import os
import time
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from checker.linearizability.machine_code import indices, machine_code

LOADING_S = 2.0
"""Seconds of a processor that loading what was compiled before may take, numba included."""

MEASURED_S, MEASURED_FOR_S = 0.02, 10.0
"""Seconds of a processor that it takes to measure which share of one there is, and for how long
that is taken to be so."""


def compiled(
    functions: Sequence[str], *modules: ModuleType, apart: Collection[str] = ()
) -> dict[str, Any]:
    """These functions of these modules, compiled, each after those that it calls.

    They are kept on disk, so that only the first use ever pays for it. All become part of the last
    one, but those that stand `apart`: handing on a dozen arrays costs as much as a small step of a
    search. Arrays are not counted as they are handed on, since the caller holds them all; so none
    may be made here.
    """
    newest = _newest(*modules)
    for index in (index for module in modules for index in indices(module)):
        # numba looks only at the file of a function, not at those of the functions that it calls.
        if _written(index) < newest:
            index.unlink(missing_ok=True)
    namespace = {name: item for module in modules for name, item in vars(module).items()}
    for name in functions:
        plain: Any = namespace[name]
        bound = FunctionType(plain.__code__, namespace, name)
        inline = name != functions[-1] and name not in apart
        namespace[name] = machine_code(bound, forceinline=inline, _nrt=False)
    return namespace


def in_time(until: float, seconds: float, *modules: ModuleType) -> bool:
    """Whether functions of these modules can be compiled, or loaded, well before that moment.

    `until` is one of `time.monotonic`; compiling them for the first time takes that many `seconds`
    of a processor, of which there is but a share where much else runs on the machine.
    """
    left = until - time.monotonic()
    need = LOADING_S if compiled_before(*modules) else seconds
    # The load tells nothing of who has precedence, but looking at it costs nothing.
    period = int(time.monotonic() / MEASURED_FOR_S)
    return left > need and (left * _share_by_load() > need or left * _share(period) > need)


def _share_by_load() -> float:
    """Which share of a processor a thread has had in the last minute, if all had the same."""
    load = os.getloadavg()[0]
    here = hasattr(os, "sched_getaffinity")  # Not everywhere does a process know its processors.
    processors = len(os.sched_getaffinity(0)) if here else os.cpu_count() or 1
    return min(1.0, processors / load) if load else 1.0


@lru_cache(1)
def _share(_period: int) -> float:
    """Which share of a processor this thread has now; measured once in each period."""
    started, worked = time.monotonic(), time.thread_time()
    while time.thread_time() - worked < MEASURED_S:
        pass
    return min(1.0, MEASURED_S / (time.monotonic() - started))


_FOUND: set[tuple[ModuleType, ...]] = set()
"""Modules whose compiled functions were found on disk; every search asks, and they stay there."""


def compiled_before(*modules: ModuleType) -> bool:
    """Whether compiled functions of all these modules are on disk: loading them takes a second."""
    if modules in _FOUND:
        return True
    newest = _newest(*modules)
    found = all(any(_written(index) >= newest for index in indices(module)) for module in modules)
    if found:
        _FOUND.add(modules)
    return found


def _written(index: Path) -> float:
    """When a file was written; long ago where another process has just removed it."""
    try:
        return index.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _newest(*modules: ModuleType) -> float:
    """When any of these modules was changed last, or how they are compiled."""
    sources = [str(module.__file__) for module in modules]
    return max(Path(source).stat().st_mtime for source in (*sources, __file__))
