"""Virtual time: one queue of things to come, and the coroutines that wait for them.

Nothing passes but what is in the queue, in order of time and, within one moment, of arrival in the
queue. The harness's coroutines (clients, nemesis, the steps of a run) wait for `Waiter`s, which
something in the queue resolves. There are no threads, no real time and no event loop but this.
"""

from collections.abc import Callable, Coroutine, Generator
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeAlias, TypeVar

from harness.clock import Clock
from harness.standstill import QUICK_TICK_S, QUICK_TICKS, standstills_end

T = TypeVar("T")

Action: TypeAlias = Callable[[Any], None]


_ADVICE = "let nodes and workloads return at once; to wait is to set a timer"

LOOK_EVERY = 1_024
"""After this many events a run that takes too many is stopped, and its trace is hashed."""


class Runaway(Exception):
    """More things happened than the run was given; the clock says when it was stopped."""


class Stopped(Exception):
    """Somebody has seen enough of the run."""


class _Ended(Exception):
    """The coroutine for which the clock runs has ended."""


def _end(task: "_Task") -> None:
    raise _Ended


class Waiter:
    """Something that a coroutine waits for: an answer, a moment, the end of another one."""

    __slots__ = ("_clock", "_task", "error", "resolved", "value")

    def __init__(self, clock: "VirtualClock") -> None:
        self._clock = clock
        self._task: _Task | None = None
        self.resolved = False
        self.value: Any = None
        self.error: BaseException | None = None

    def resolve(self, value: Any = None, error: BaseException | None = None) -> None:
        """Let the waiting coroutine go on; only the first call counts.

        Make it the last act of a step: the coroutine may go on within this call.
        """
        if self.resolved:
            return
        self.resolved = True
        self.value = value
        self.error = error
        if self._task is not None:
            self._clock.soon(self._task.go_on)

    def __await__(self) -> Generator["Waiter", None, Any]:
        if not self.resolved:
            yield self
        if self.error is not None:
            raise self.error
        return self.value

    def park(self, task: "_Task") -> None:
        self._task = task


class _Task:
    """A coroutine under way."""

    __slots__ = ("_coroutine", "_ended", "done", "error", "result")

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], ended: "Callable[[_Task], None]"
    ) -> None:
        self._coroutine = coroutine
        self._ended = ended
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None

    def go_on(self, _: None = None) -> None:
        """Run to the next thing that it waits for, or to its end."""
        if self.done:
            return
        try:
            waiter = self._coroutine.send(None)
        except StopIteration as end:
            self.result = end.value
        except BaseException as error:
            self.error = error
        else:
            waiter.park(self)
            return
        self.done = True
        self._ended(self)

    def give_up(self) -> None:
        """End it where it stands; it must not wait for anything any more."""
        if not self.done:
            self.done = True
            self._coroutine.close()


class VirtualClock(Clock):
    """The clock and the queue of one simulated run."""

    def __init__(self, most_events: int | None = None) -> None:
        """After `most_events` a run is stopped with `Runaway`."""
        self._most = most_events
        self.moment_ns = 0
        """Now. It is read often enough for a call to matter."""

        self.queue: list[tuple[int, int, Action, Any]] = []
        """What is to come; links put messages into it themselves, which saves a call for each."""

        self.next_number = count().__next__
        """Numbers the entries of the queue, so that those of one moment keep their order."""

        self.events = 0
        """How many things have happened."""

        self.look: Callable[[], None] = lambda: None
        """Called every `LOOK_EVERY` events."""

    def now_ns(self) -> int:
        return self.moment_ns

    def at(self, moment_ns: int, action: Action, argument: Any) -> None:
        """Do `action(argument)` at a moment, which must not be past."""
        heappush(self.queue, (moment_ns, self.next_number(), action, argument))

    def soon(self, action: Action) -> None:
        """Do `action(None)` after all that this moment still holds: at once where that is nothing,
        which saves most of the entries of coroutines in the queue."""
        if self.queue and self.queue[0][0] == self.moment_ns:
            self.at(self.moment_ns, action, None)
        else:
            action(None)

    def stop(self, _: None = None) -> None:
        """End the run where it is."""
        raise Stopped

    async def sleep_until_ns(self, moment_ns: int) -> None:
        if moment_ns > self.moment_ns:
            waiter = Waiter(self)
            self.at(moment_ns, waiter.resolve, None)
            await waiter

    async def together(self, *coroutines: Coroutine[Any, Any, None]) -> None:
        left = len(coroutines)
        all_ended = Waiter(self)

        def ended(task: _Task) -> None:
            nonlocal left
            left -= 1
            if task.error is not None or left == 0:
                all_ended.resolve(error=task.error)

        tasks = [_Task(coroutine, ended) for coroutine in coroutines]
        for task in tasks:
            task.go_on()
        try:
            if tasks:
                await all_ended
        finally:
            for task in tasks:
                task.give_up()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        with standstills_end(
            lambda _: self.moment_ns, _ADVICE, tick_s=QUICK_TICK_S, ticks=QUICK_TICKS
        ):
            return self._run(coroutine)

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        main = _Task(coroutine, _end)
        queue, happened = self.queue, 0
        try:
            main.go_on()
            while True:
                for happened in range(LOOK_EVERY):  # noqa: B007 (an action may end the run)
                    if not queue:
                        raise RuntimeError("the run waits for something that will never happen")
                    self.moment_ns, _, action, argument = heappop(queue)
                    action(argument)
                self.events, happened = self.events + LOOK_EVERY, 0
                self.look()
                if self._most is not None and self.events > self._most:
                    raise Runaway
        except _Ended:
            pass
        finally:
            self.events += happened
            main.give_up()
        if main.error is not None:
            raise main.error
        result: T = main.result
        return result
