"""Judges keys in several processes at a time, where that is worth it.

The first moments belong to this process alone: most histories are judged by then, and no process
is ever started for them. What is left is handed out key by key, in order, and answers are taken in
that order, so that the verdict and the counterexample are those of one process. The workers share
the limit of memory; what one of them could not decide within its share is judged again here, with
all of it, once the others are done.
"""

import contextlib
import os
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, wait
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from checker.linearizability.search.limits import PATIENCE_S
from checker.verdict import Verdict

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

GRACE_S = 0.2
"""Seconds after the time limit for which a worker's answer is still awaited."""

AHEAD = 2
"""Keys that are handed out for each worker: the one that it has, and the next."""

MEMORY = "memory limit"
"""How an answer says what it lacked."""


class Jobs(Executor):
    """Calls functions in up to `count` processes; close it, and none of them is left.

    A function is a `partial` one of which a keyword is a dataclass with limits: the moment `until`
    of `time.monotonic`, and `memory_bytes`.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None
        self._processes: set[Any] = set()

    def map(self, fn: Any, *iterables: Iterable[Any], **_: Any) -> Iterator[Any]:
        """What the function gives for each item, in order; in this process as long as that is
        quick."""
        name, limits = _limits(fn)
        patience = time.monotonic() + PATIENCE_S
        quick = partial(fn, **{name: replace(limits, until=min(limits.until, patience))})
        items = zip(*iterables, strict=True) if len(iterables) > 1 else iter(*iterables)
        for item in items:
            answer = quick(item)
            if time.monotonic() >= patience:
                # It may be that there was no time to decide, or to explain.
                yield from self.spread(fn, chain([item], items))
                return
            yield answer

    def spread(self, fn: "partial[Any]", items: Iterable[Any]) -> Iterator[Any]:
        """The same in other processes, unless there is but one item, or they cannot have it."""
        items = iter(items)
        first = list(islice(items, 2))
        items = chain(first, items)
        name, limits = _limits(fn)
        share = replace(limits, memory_bytes=limits.memory_bytes // self._count)
        theirs = partial(fn, **{name: share})
        if len(first) < 2 or not _can_be_sent(theirs):
            yield from map(fn, items)
            return
        pending: deque[tuple[Any, Future[Any]]] = deque()
        for item in islice(items, AHEAD * self._count):
            pending.append((item, self._sent(theirs, item)))
        while pending:
            item, future = pending.popleft()
            left_s = max(0.0, limits.until - time.monotonic()) + GRACE_S
            try:
                answer = future.result(timeout=left_s)
            except (TimeoutError, BrokenExecutor):
                # Whatever became of the worker, the limits are kept here.
                answer = fn(item)
            if _wants_memory(answer):
                wait([other for _, other in pending], timeout=left_s)
                answer = fn(item)
            for following in islice(items, 1):
                pending.append((following, self._sent(theirs, following)))
            yield answer

    def _sent(self, fn: Callable[[Any], Any], item: Any) -> "Future[Any]":
        """The call of the function in another process."""
        # These take a while to import, so only a history that takes long needs them.
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        before = {*multiprocessing.active_children()}
        try:
            with _uninterrupted():
                if self._pool is None:
                    context = multiprocessing.get_context("spawn")
                    self._pool = ProcessPoolExecutor(self._count, context, _begin)
                return self._pool.submit(fn, item)
        except (BrokenExecutor, OSError, ImportError, NotImplementedError) as error:
            # Not every machine lets a process start others.
            future: Future[Any] = Future()
            future.set_exception(BrokenExecutor(str(error)))
            return future
        finally:
            self._processes |= {*multiprocessing.active_children()} - before

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End all processes at once, whatever they are at."""
        if self._pool is None:
            return
        for process in self._processes:
            with contextlib.suppress(OSError, ValueError):
                process.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = None


def cores() -> int:
    """How many processes can run at a time."""
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _limits(fn: "partial[Any]") -> tuple[str, Any]:
    """The keyword that has the limits, and these."""
    return next((name, value) for name, value in fn.keywords.items() if hasattr(value, "until"))


def _can_be_sent(fn: Any) -> bool:
    """Whether another process can have it: a model that a function defines it cannot have."""
    try:
        pickle.dumps(fn)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


def _wants_memory(answer: Any) -> bool:
    """Whether it was for want of memory that a result, or what was found of some keys, is none."""
    if isinstance(answer, list):
        return any(found.verdict is None and found.limit == MEMORY for found in answer)
    return answer.verdict is Verdict.UNKNOWN and MEMORY in answer.reason


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until a worker that is being started has what it needs, and the worker itself,
    which has inherited this, never hears it: neither has a traceback to show."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        signal.signal(signal.SIGINT, handler)
        for number in came:
            signal.raise_signal(number)


def _begin() -> None:
    """A worker leaves Ctrl-C to the process that asked, and does not outlive it."""
    import multiprocessing

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)
