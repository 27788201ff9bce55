"""What a workload is: the calls that clients make, and the judge of the history they leave."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from random import Random
from typing import Any, ClassVar, Required, TypedDict, Unpack

from checker.history import History
from checker.linearizability.check import check
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


@dataclass(frozen=True, slots=True)
class Shape:
    """How the calls are drawn: options of the command line that workloads share.

    `values` is "counters" (distinct and dense within a key), "repeated:N" (drawn from N) or
    "documents" (a counter inside a realistic document; "documents:N" of up to N bytes). `keys` are
    in use at a time, drawn by their `popularity` (popularity.py), and a key is retired after
    `operations_per_key` calls. `reads` is the share of reads, in percent.
    """

    values: str = "counters"
    keys: int = 5
    operations_per_key: int = 200
    reads: int = 33
    popularity: str = "even"

    @classmethod
    def options(cls) -> frozenset[str]:
        """The names of all of them."""
        return frozenset(option.name for option in fields(cls))


class Calls(ABC):
    """The calls of one run: one object serves all clients, and every draw comes from its random."""

    options: ClassVar[frozenset[str]] = Shape.options()
    """Those of its shape that it depends on; who asks for another one is told that it has no
    effect."""

    def __init__(self, random: Random, shape: Shape) -> None:
        self.random = random
        self.shape = shape

    @abstractmethod
    def next(self) -> Call:
        """The next call to make, by whichever process is free."""

    def saw(self, call: Call, result: Any) -> None:  # noqa: B027
        """Learn what an `ok` completion returned, so that a CAS may expect the value last seen."""

    def refused(self, call: Call) -> None:  # noqa: B027
        """Learn that a call certainly had no effect: it completed as `fail`."""

    def settled(self, results: Sequence[Any]) -> bool:
        """Of an `eventual` workload: whether all nodes may answer a final read like this, so that
        they need not be asked again."""
        return True

    def final(self) -> Iterable[Call]:
        """The reads to make once every fault has been healed."""
        return ()


class CheckOptions(TypedDict, total=False):
    """How much a check may take and does: options of `checker.linearizability.check`."""

    time_limit_s: Required[float]
    memory_limit_bytes: Required[int]
    certify: bool
    jobs: int
    explain: bool


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What clients call, and the model that judges what came of it.

    It names no system, so that each workload runs against every system that serves its `functions`,
    which are all that its model knows unless it names some of them; each of these must succeed
    during faults for a run to count. `warm_up` is a call on a key of its own, which is made until
    the cluster answers. `simpler` gives a call that may stand in for another one while a failure is
    shrunk. Where `at_the_end` is given, it judges a history by what every node answers in the end,
    and not by any order.
    """

    name: str
    about: str
    calls: Callable[[Random, Shape], Calls]
    model: Callable[[], Model]
    functions: tuple[str, ...] = ()
    at_the_end: Callable[[History], Result] | None = None
    warm_up: Call = Call("read", "warm-up", pure=True)
    simpler: Callable[[Call], Call | None] = lambda call: None

    def __post_init__(self) -> None:
        if not self.functions and callable(self.model):
            object.__setattr__(self, "functions", tuple(getattr(self.model(), "functions", ())))

    @property
    def eventual(self) -> bool:
        """Whether it is judged by what every node answers in the end."""
        return self.at_the_end is not None

    @property
    def options(self) -> frozenset[str]:
        """The options of its shape on which its calls depend."""
        made = self.calls.func if isinstance(self.calls, partial) else self.calls
        found: frozenset[str] = getattr(made, "options", Calls.options)
        return found

    def of_key(self, key: Any) -> "Workload":
        """The workload that calls this key, where there are several side by side."""
        return self

    def check(self, history: History, **options: Unpack[CheckOptions]) -> Result:
        """Judge a history."""
        if self.at_the_end is not None:
            return self.at_the_end(history)
        return check(history, self.model(), **options)
