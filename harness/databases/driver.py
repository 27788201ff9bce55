"""A channel over a user's connections: one a node, made when first needed.

This is where what a driver raises becomes what a channel raises: `Refused` a refusal, `Unsent` and
a failed `connect` a node that could not be reached, everything else silence. A line on which a call
ended in silence is given up, so that no late answer is taken for that of a later call.
"""

import asyncio
import contextlib
import inspect
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from queue import SimpleQueue
from typing import Any

from harness.clock import SECOND_NS, Clock
from harness.cluster import Channel, NoAnswer, Unreachable
from harness.database import Connection, Database, Place, Refused, Unsent
from harness.errors import HarnessError, install_line
from harness.shortage import shortage
from systems_under_test.node import NodeId
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request

CONNECT_LIMIT_S = 1.0
_PLAIN = (str, int, float, bool, type(None))


@contextlib.contextmanager
def threads_noted(doubts: Counter[str]) -> Iterator[None]:
    """Count what threads of a driver's own raise, which Python would print otherwise."""

    def note(raised: threading.ExceptHookArgs) -> None:
        doubts[f"in a thread: {raised.exc_type.__name__}: {raised.exc_value}"[:100]] += 1

    before, threading.excepthook = threading.excepthook, note
    try:
        yield
    finally:
        threading.excepthook = before


def not_installed(error: ImportError) -> HarnessError:
    """What is raised where a driver library is missing."""
    return HarnessError(f"{error}: {install_line(error)}")


class DriverChannel(Channel):
    """One process's connections to the nodes of a database."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        places: Mapping[NodeId, Place],
        doubts: Counter[str],
    ) -> None:
        """What the driver says when it leaves a call in doubt is counted in `doubts`."""
        self._doubts = doubts
        self._database = database
        self._clock = clock
        self._places = places
        self._lines: dict[NodeId, _Line] = {}

    async def ask(self, node: NodeId, request: Request, until_ns: int) -> Reply | Refusal:
        if request.function == "open":
            return Reply(request.sequence, 0)
        left_s = max(0.0, (until_ns - self._clock.now_ns()) / SECOND_NS)
        line = self._lines.get(node) or await self._connect(node, left_s)
        try:
            async with asyncio.timeout(left_s):
                result = await line.call(request.function, request.key, request.argument)
        except Refused as refused:
            why = str(refused)
            return Refusal(request.sequence, ErrorCode.NOT_SERVED.word, refused.leader, why)
        except ImportError as error:
            raise not_installed(error) from error
        except BaseException as error:
            del self._lines[node]
            await line.close()
            raise self._meant(error) from error
        if not _is_json(result):
            raise HarnessError(
                f"the connection to {node} returned {result!r} for {request.function!r}, which is "
                "not a JSON value: return plain numbers, texts, lists and dictionaries"
            )
        return Reply(request.sequence, result)

    async def close(self) -> None:
        for line in self._lines.values():
            await line.close()
        self._lines.clear()

    async def _connect(self, node: NodeId, left_s: float) -> "_Line":
        try:
            async with asyncio.timeout(min(CONNECT_LIMIT_S, left_s)):
                connection = await self._database.connect(self._places[node])
        except ImportError as error:
            raise not_installed(error) from error
        except HarnessError:
            raise
        except Exception as error:
            raise shortage(error) or Unreachable(f"{node}: {error}") from error
        if not isinstance(connection, Connection):
            raise HarnessError(
                f"connect() of the database returned {connection!r}: return a Connection"
            )
        self._lines[node] = line = _Line(connection)
        return line

    def _meant(self, error: BaseException) -> BaseException:
        """What a channel raises where a connection raised this."""
        if not isinstance(error, Exception) or isinstance(error, HarnessError):
            return error
        if isinstance(error, Unsent):
            return Unreachable(str(error))
        said = "timeout" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
        self._doubts[said[:100]] += 1
        return shortage(error) or NoAnswer(said)


class _Line:
    """A connection, and the thread for its calls where they block."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        blocks = not inspect.iscoroutinefunction(connection.call)
        self._thread = _Thread() if blocks else None

    async def call(self, *arguments: Any) -> Any:
        call: Any = self._connection.call
        if self._thread is None:
            return await call(*arguments)
        return await self._thread.run(lambda: call(*arguments))

    async def close(self) -> None:
        """Close the connection; one that does not let itself be closed is left to itself."""
        if self._thread is not None:
            self._thread.end()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1):
                ended: Any = self._connection.close()
                if inspect.isawaitable(ended):
                    await ended


class _Thread:
    """Carries out calls one after the other. It keeps nothing from ending: a call that blocks for
    ever is left behind."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None]
        self._calls = SimpleQueue()
        threading.Thread(target=self._work, daemon=True, name="driver").start()

    async def run(self, call: Callable[[], Any]) -> Any:
        future: asyncio.Future[Any] = self._loop.create_future()
        self._calls.put((call, future))
        return await future

    def end(self) -> None:
        self._calls.put(None)

    def _work(self) -> None:
        while (asked := self._calls.get()) is not None:
            call, future = asked
            try:
                result, error = call(), None
            except BaseException as raised:
                result, error = None, raised
            with contextlib.suppress(RuntimeError):  # The loop is closed: nobody waits any more.
                self._loop.call_soon_threadsafe(_settle, future, result, error)


def _settle(future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        future.set_exception(error)
    elif error is not None:
        future.set_exception(RuntimeError(f"{type(error).__name__}: {error}"))
    else:
        future.set_result(result)


def _is_json(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_json(item) for name, item in value.items())
    return isinstance(value, _PLAIN)
