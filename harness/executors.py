"""Where a campaign's runs, or the keys of a check, are carried out: here, or by a Dask cluster.

`dask://HOST:PORT` names the scheduler of a cluster that is there already. Its workers must have
the same Labrys as this process, since a seed means the same world only for the same code. What a
worker had not finished when it died, the scheduler gives to another one.
"""

import contextlib
import importlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import Any

from harness.errors import HarnessError, UsageError
from harness.store import versions

WORKERS_DIED = "workers died"
"""How the message begins of a campaign whose processes were killed."""

SCHEME = "dask://"
CONNECT_S = 5
FIRST_WORKER_S = 30


def known_executor(address: str) -> str:
    """The address itself, or a `UsageError` where it is none."""
    host, colon, port = address.removeprefix(SCHEME).rpartition(":")
    if not (address.startswith(SCHEME) and host and colon and port.isdecimal()):
        raise UsageError(f"--executor cannot be {address!r}; give dask://HOST:PORT")
    return address


@contextlib.contextmanager
def dask_executor(address: str) -> Iterator[tuple[Executor, int]]:
    """The cluster of a scheduler as an executor, and how many calls it carries out at a time.

    Raises `HarnessError` where no scheduler answers, it has no worker, or a worker's code differs.
    """
    known_executor(address)
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError as error:
        raise HarnessError(
            "--executor needs Dask's distributed: pip install 'labrys[distributed]'"
        ) from error
    where = f"tcp://{address.removeprefix(SCHEME)}"
    try:
        client = distributed.Client(where, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise HarnessError(
            f"no Dask scheduler answers at {address}; start one with: dask scheduler"
        ) from error
    try:
        yield client.get_executor(pure=False), _threads(client, where)
    except distributed.KilledWorker as error:
        raise HarnessError(
            f"{WORKERS_DIED}, one after the other, of the same seeds: {error}"
        ) from error
    finally:
        client.close(timeout=CONNECT_S)


def _threads(client: Any, where: str) -> int:
    """The threads of all workers, each of which has this process's version of Labrys."""
    try:
        client.wait_for_workers(1, timeout=FIRST_WORKER_S)
    except TimeoutError as error:
        raise HarnessError(
            f"the Dask scheduler has no worker; start one with: dask worker {where}"
        ) from error
    # The scheduler unpacks what workers are sent, so it needs Labrys too.
    found = {
        f"scheduler {where}": _versions_of(lambda: client.run_on_scheduler(versions)),
        **{f"worker {worker}": told for worker, told in _all_versions(client)},
    }
    mine = versions()
    for who, theirs in found.items():
        if isinstance(theirs, Exception):
            raise HarnessError(
                f"the Dask {who} cannot import Labrys ({theirs}); install the same Labrys there"
            )
        for name in ("labrys", "commit", "python"):
            if theirs[name] != mine[name]:
                raise HarnessError(
                    f"the Dask {who} has {name} {theirs[name]}, and this process has "
                    f"{mine[name]}; install the same there"
                )
    return sum(client.nthreads().values())


def _all_versions(client: Any) -> list[tuple[str, Any]]:
    return sorted(client.run(versions, on_error="return").items())


def _versions_of(ask: Callable[[], Any]) -> Any:
    """The answer, or why there is none: where Labrys is missing, the question itself fails."""
    try:
        return ask()
    except Exception as error:
        return error


class OwnClocks(Executor):
    """Carries the checker's searches of keys to machines whose clocks are not this one's.

    The checker gives each search the moment `until` which it may go on; elsewhere that is told as
    how long it is from now.
    """

    def __init__(self, pool: Executor) -> None:
        self._pool = pool

    def map(self, fn: Any, *iterables: Iterable[Any], **_: Any) -> Iterator[Any]:
        """Like `Executor.map`, for a `partial` one of whose keywords has the moment `until`."""
        name = next(name for name, value in fn.keywords.items() if hasattr(value, "until"))
        left_s = fn.keywords[name].until - time.monotonic()
        # Dask maps over lists alone.
        return self._pool.map(partial(_until_then, fn, name, left_s), *map(list, iterables))


def _until_then(fn: "partial[Any]", name: str, left_s: float, item: Any) -> Any:
    limits = replace(fn.keywords[name], until=time.monotonic() + left_s)
    return fn(item, **{name: limits})
