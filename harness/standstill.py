"""A harness that stands still is ended with a sentence that says where.

Coroutines of a user's may block, by sleeping or by waiting for a driver, and then nothing else goes
on, no timeout either. A timer of the kernel's interrupts that. It counts its own ticks, and so does
not mistake a process that was stopped, or a machine that slept, for one that is blocked.
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from harness.errors import HarnessError

TICK_S = 5.0
TICKS = 12
"""Ticks in a row without a step of the event loop, a minute in all."""


@contextlib.contextmanager
def standstills_end() -> Iterator[None]:
    """Raise `HarnessError` where the event loop of this thread has been blocked for a minute."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle
    blocked = 0

    def step() -> None:
        nonlocal blocked, timer
        blocked = 0
        timer = loop.call_later(TICK_S / 2, step)

    def tick(number: int, frame: FrameType | None) -> None:
        nonlocal blocked
        blocked += 1
        if blocked > TICKS:
            blocked = 0
            raise HarnessError(
                f"nothing has gone on for {TICKS * TICK_S:g} s, because of {_where(frame)}: let a "
                "connection's coroutines await, or make `call` a plain function, which has a thread"
            )

    step()
    before = signal.signal(signal.SIGALRM, tick)
    signal.setitimer(signal.ITIMER_REAL, TICK_S, TICK_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        timer.cancel()


def _where(frame: FrameType | None) -> str:
    if frame is None:
        return "something unknown"
    return f"{frame.f_code.co_name}() in {frame.f_code.co_filename}, line {frame.f_lineno}"
