"""Virtual time: one queue of things to come, and the coroutines that wait for them.

Nothing passes but what is in the queue, in order of time and, within one moment, of arrival in the
queue. The harness's coroutines (clients, nemesis, the steps of a run) wait for `Waiter`s, which
something in the queue resolves. There are no threads, no real time and no event loop but this.
"""

import heapq
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeAlias, TypeVar

from harness.clock import Clock

T = TypeVar("T")

Action: TypeAlias = Callable[..., None]


class Runaway(Exception):
    """More things happened than the run was given; the clock says when it was stopped."""


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
        """Let the waiting coroutine go on; only the first call counts."""
        if self.resolved:
            return
        self.resolved = True
        self.value = value
        self.error = error
        if self._task is not None:
            self._clock.at(self._clock.now_ns(), self._task.go_on)

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
        self, coroutine: Coroutine[Any, Any, Any], ended: "Callable[[_Task], None] | None"
    ) -> None:
        self._coroutine = coroutine
        self._ended = ended
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None

    def go_on(self) -> None:
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
        if self._ended is not None:
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

        self._queue: list[tuple[int, int, Action, tuple[Any, ...]]] = []
        self._count = 0

    def now_ns(self) -> int:
        return self.moment_ns

    @property
    def events(self) -> int:
        """How many things were put into the queue so far."""
        return self._count

    def at(self, moment_ns: int, action: Action, *arguments: Any) -> None:
        """Do something at a moment, which must not be past."""
        self._count += 1
        heapq.heappush(self._queue, (moment_ns, self._count, action, arguments))

    async def sleep_until_ns(self, moment_ns: int) -> None:
        if moment_ns > self.moment_ns:
            waiter = Waiter(self)
            self.at(moment_ns, waiter.resolve)
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
        main = _Task(coroutine, None)
        main.go_on()
        queue, pop = self._queue, heapq.heappop
        while not main.done:
            if not queue:
                raise RuntimeError("the run waits for something that will never happen")
            self.moment_ns, _, action, arguments = pop(queue)
            action(*arguments)
            if self._most is not None and self._count > self._most:
                main.give_up()
                raise Runaway
        if main.error is not None:
            raise main.error
        result: T = main.result
        return result
