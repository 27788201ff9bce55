"""What a workload is: the calls that clients make, and the judge of the history they leave."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from checker.history import History
from checker.verdict import Result


@dataclass(frozen=True, slots=True)
class Call:
    """An operation that has not been made yet."""

    function: str
    key: str
    argument: Any = None


class Calls(Protocol):
    """The calls of one run: one object serves all workers, one after the other."""

    def next(self, process: int) -> Call:
        """The next call of this process."""
        ...

    def saw(self, call: Call, result: Any) -> None:
        """Learn what an `ok` completion returned; a CAS may then expect the value last seen."""
        ...

    def final(self) -> Iterator[Call]:
        """The reads to make once every fault has been healed."""
        ...


@dataclass(frozen=True)
class Workload:
    """Calls + judge. It never names a system, so that every workload runs against every system.

    `kinds` are the functions that must each succeed during faults for a run to count.
    """

    name: str
    kinds: tuple[str, ...]
    calls: Callable[[Random, dict[str, Any]], Calls]
    check: Callable[[History, float, int], Result]
