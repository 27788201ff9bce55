"""The harness's clock, and what code that runs in real and in virtual time may wait for.

Clients, the nemesis and the steps of a run are coroutines that wait for nothing but this clock and
the cluster. Whoever owns the clock owns the coroutines: asyncio in real time, the simulator in
virtual time. That is why the same workload runs in both.
"""

import asyncio
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000


class Clock(ABC):
    """One monotonic clock for a whole run: all times in a history are read from it."""

    @abstractmethod
    def now_ns(self) -> int:
        """Nanoseconds since the run began."""

    @abstractmethod
    async def sleep_until_ns(self, moment_ns: int) -> None:
        """Return at that moment, or at once when it is past."""

    @abstractmethod
    async def together(self, *coroutines: Coroutine[Any, Any, None]) -> None:
        """Run all of them side by side until all have ended; the first error ends the others."""

    @abstractmethod
    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine from outside, to its end, in this clock's time."""


class RealClock(Clock):
    """Real time, on asyncio."""

    def __init__(self) -> None:
        self._began_ns = time.monotonic_ns()

    def now_ns(self) -> int:
        return time.monotonic_ns() - self._began_ns

    async def sleep_until_ns(self, moment_ns: int) -> None:
        left_ns = moment_ns - self.now_ns()
        if left_ns > 0:
            await asyncio.sleep(left_ns / SECOND_NS)

    async def together(self, *coroutines: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for coroutine in coroutines:
                    group.create_task(coroutine)
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """As above; SIGTERM ends it as SIGINT does, by `KeyboardInterrupt` after it cleaned up."""
        try:
            return asyncio.run(_until_terminated(coroutine))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


async def _until_terminated(coroutine: Coroutine[Any, Any, T]) -> T:
    """Have SIGTERM cancel this task, as asyncio has SIGINT cancel it.

    A signal's handler that raised would do so anywhere, in the event loop's own code too, and leave
    behind tasks whose errors nobody reads. Whoever is cancelled already is cleaning up; a second
    request to end does not disturb that.
    """
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    before = signal.getsignal(signal.SIGTERM)
    loop.add_signal_handler(signal.SIGTERM, lambda: task.cancelling() or task.cancel())
    try:
        return await coroutine
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, before)
