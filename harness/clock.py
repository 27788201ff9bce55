"""The harness's clock, and what code that runs in real and in virtual time may wait for.

Clients, the nemesis and the steps of a run are coroutines that wait for nothing but this clock and
the cluster. Whoever owns the clock owns the coroutines: asyncio in real time, the simulator in
virtual time. That is why the same workload runs in both.
"""

import asyncio
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from harness import standstill

T = TypeVar("T")

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000

STALL_NS = SECOND_NS
"""A clock's coroutines that nobody runs for so long have stalled."""

_ADVICE = (
    "let a connection's coroutines await, or make `call` a plain function, which has a thread; all "
    "else must return at once"
)

_LOOK_NS = 100 * MILLISECOND_NS
_STALLS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Stall:
    """A time in which the harness itself stood still, and neither sent nor read anything."""

    at_ns: int
    for_ns: int


class Clock(ABC):
    """One monotonic clock for a whole run: all times in a history are read from it."""

    stalls: Sequence[Stall] = ()
    """When its coroutines stood still, as far as was noticed. Virtual time never does."""

    def stalled_ns(self, since_ns: int) -> int:
        """How much of the time since that moment it stood still."""
        return sum(
            stall.at_ns + stall.for_ns - max(stall.at_ns, since_ns)
            for stall in self.stalls
            if stall.at_ns + stall.for_ns > since_ns
        )

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
        self.stalls: list[Stall] = []

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
            return asyncio.run(self._watched(coroutine))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None

    async def _watched(self, coroutine: Coroutine[Any, Any, T]) -> T:
        self._look(self.now_ns())
        loop, steps = asyncio.get_running_loop(), 0
        timer: asyncio.TimerHandle

        def step() -> None:
            nonlocal steps, timer
            steps += 1
            timer = loop.call_later(standstill.TICK_S / 2, step)

        step()
        with standstill.standstills_end(
            lambda _: steps, _ADVICE, tick_s=standstill.TICK_S, ticks=standstill.TICKS
        ):
            try:
                return await _until_terminated(coroutine)
            finally:
                timer.cancel()

    def _look(self, due_ns: int) -> None:
        """Note a stall if this look comes late, and look again a tenth of a second from now."""
        now_ns = self.now_ns()
        if now_ns - due_ns > STALL_NS and len(self.stalls) < _STALLS_MAX:
            self.stalls.append(Stall(due_ns, now_ns - due_ns))
        loop = asyncio.get_running_loop()
        loop.call_later(_LOOK_NS / SECOND_NS, self._look, now_ns + _LOOK_NS)


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
