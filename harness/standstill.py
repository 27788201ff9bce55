"""A harness that stands still is ended with a sentence that says where.

What a user gives may block, by sleeping, by waiting for a driver or in a loop without an end, and
then nothing else goes on, no timeout either. A timer of the kernel's interrupts that. It counts its
own ticks, and so does not mistake a process that was stopped, or a machine that slept, for one that
is blocked.

Limits: only the main thread can be interrupted, and only where no timer of somebody else's runs.
"""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TypeAlias

from harness.errors import HarnessError

TICK_S = 5.0
TICKS = 12
"""Ticks in a row without a step of a real run, a minute in all."""

QUICK_TICK_S = 1.0
QUICK_TICKS = 10
"""The same for a step of a simulated run, or of a model, which takes microseconds."""

Standing: TypeAlias = Callable[[FrameType | None], object]
"""What is the same at two ticks where nothing has gone on between them; None means that it has."""

_OURS = frozenset({
    "harness", "checker", "systems_under_test", "workloads", "reports",
    "numba", "llvmlite", "numpy", "networkx", *sys.stdlib_module_names,
})  # fmt: skip
"""Packages whose calls may take long."""


class _Blocked(BaseException):
    """Raised in the code that blocks, past whatever it catches."""


@contextlib.contextmanager
def standstills_end(
    standing: Standing, advice: str, *, tick_s: float, ticks: int
) -> Iterator[None]:
    """Raise `HarnessError` if there is no progress for `ticks` ticks of `tick_s` seconds each.

    The error says which call stands still, and ends with `advice`.
    """
    alone = threading.current_thread() is threading.main_thread()
    if not alone or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return
    seen: object = None
    blocked = 0

    def tick(number: int, frame: FrameType | None) -> None:
        nonlocal seen, blocked
        now = standing(frame)
        blocked = blocked + 1 if now is not None and now == seen else 0
        seen = now
        if blocked >= ticks:
            blocked = 0
            raise _Blocked(
                f"nothing has gone on for {ticks * tick_s:g} s, because of {_where(frame)}: "
                f"{advice}"
            )

    before = signal.signal(signal.SIGALRM, tick)
    signal.setitimer(signal.ITIMER_REAL, tick_s, tick_s)
    try:
        yield
    except _Blocked as error:
        raise HarnessError(str(error)) from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def endless_calls_end(tick_s: float | None = None) -> Iterator[None]:
    """Raise `HarnessError` where one call of a user's code, of a model say, does not return within
    ten ticks, of a second unless said otherwise."""
    before = {*_frames(sys._getframe())}

    def standing(frame: FrameType | None) -> object:
        """The outermost call of theirs, which stays the same while it lasts."""
        theirs = [
            one
            for one in _frames(frame)
            if one not in before
            and str(one.f_globals.get("__name__")).partition(".")[0] not in _OURS
        ]
        return theirs[-1] if theirs else None

    with standstills_end(
        standing, "let it return at once", tick_s=tick_s or QUICK_TICK_S, ticks=QUICK_TICKS
    ):
        yield


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _where(frame: FrameType | None) -> str:
    """The innermost place that is not in a library of Python's."""
    for one in _frames(frame):
        if str(one.f_globals.get("__name__")).partition(".")[0] not in sys.stdlib_module_names:
            frame = one
            break
    if frame is None:
        return "something unknown"
    return f"{frame.f_code.co_name}() in {frame.f_code.co_filename}, line {frame.f_lineno}"
