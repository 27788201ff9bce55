"""What a workload is: the calls that clients make, and the judge of the history they leave."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from checker.history import History
from checker.models.model import Model
from checker.verdict import Result


@dataclass(frozen=True, slots=True)
class Call:
    """An operation that has not been made yet.

    A `pure` call changes nothing whatever becomes of it: without an answer it counts as `fail`
    instead of `info`, which spares the checker a search.
    """

    function: str
    key: str
    argument: Any = None
    pure: bool = False


class Calls(Protocol):
    """The calls of one run: one object serves all clients, and every draw comes from its random."""

    def next(self) -> Call:
        """The next call to make, by whichever process is free."""
        ...

    def saw(self, call: Call, result: Any) -> None:
        """Learn what an `ok` completion returned, so that a CAS may expect the value last seen."""
        ...

    def final(self) -> Iterator[Call]:
        """The reads to make once every fault has been healed."""
        ...


@dataclass(frozen=True, slots=True)
class Shape:
    """How the calls are drawn: options of the command line that workloads share.

    `values` is "counters" (distinct and dense within a key), "repeated:N" (drawn from N) or
    "documents" (a counter inside a realistic document). `keys` are in use at a time, and a key is
    retired after `operations_per_key` calls. `reads` is the share of reads, in percent.
    """

    values: str = "counters"
    keys: int = 5
    operations_per_key: int = 200
    reads: int = 33


@dataclass(frozen=True)
class Workload:
    """Calls and their judge. It names no system, so that each workload runs against every system.

    `kinds` are the functions that must each succeed during faults for a run to count. `check`
    judges a history within a number of seconds and of bytes, by the `model`, which is also what a
    run is judged by while it goes on.
    """

    name: str
    about: str
    kinds: tuple[str, ...]
    calls: Callable[[Random, Shape], Calls]
    check: Callable[[History, float, int], Result]
    model: Callable[[], Model]
