"""What a sequential specification is: a pure step over hashable states."""

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from checker.operation import Operation

State: TypeAlias = Hashable


@dataclass(frozen=True, slots=True)
class Inconsistent:
    """An operation cannot happen in a state; `reason` is a clause: "the value is 3, not 5"."""

    reason: str


class Kind(StrEnum):
    """What an argument or a result must be."""

    ANYTHING = "anything"
    INTEGER = "an integer"
    COUNT = "an integer or null"
    LIST = "a list or null"
    PAIR = "a pair of the value expected and the new one"
    STEPS = 'a list of steps ["r" or "w", register, value]'
    TRUTH = "true or false"
    VERSIONED = "a pair of a version, or null, and a value"
    PRIORITY = "a number, a text, or a pair of one of these and a value"
    TRANSFER = 'an object with "from", "to" and an integer as "amount"'
    BALANCES = "an object with the integer balance of each account, or null"
    ENTRIES = "a pair of a key and a value, or an object"
    TRIPLE = "a list of a key, the value expected and the new one"
    LED = "a pair of a leader and an integer term, or null"
    CLIENT = 'an object with a "client"'
    LEASE = 'an object with a "client", and with integers as "now" and "lease"'


ANY = (Kind.ANYTHING, Kind.ANYTHING)
READ_LIST = (Kind.ANYTHING, Kind.LIST)
"""Arguments and results, as in `functions`: anything at all, and a read of several values."""


class Model(Protocol):
    """A sequential specification: what each operation may do to the state when done alone.

    Some optional attributes buy speed and change no verdict: `observers`, the functions that never
    change a state; `only_observes(operation)`, which says so of one operation; `part(operation)`,
    which names the part of the object that an operation touches, or None for all of it, where the
    parts are independent of one another; and `unmissed(operations)`, the places of unanswered
    operations that nothing misses: where an order has any of them, it is one without them as well.
    `behaves_as` says that the model is one of those objects that need no search
    (`checker.models.known`). `functions` says what `Kind` the argument and the result of each
    function must be; a history that does not fit is refused. A model that is `by_process` looks at
    the process of an operation, too.
    """

    name: str

    def initial(self) -> State:
        """The state before the first operation."""
        ...

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        """The state after the operation, or why it cannot happen in that state.

        A pure function that looks at nothing of the operation but `function`, `key`, `argument`,
        `result` and `outcome`. Where the outcome is `INFO` the result is unknown: any would do.
        """
        ...


def only_observes(model: Model, operation: Operation) -> bool:
    """Whether the model says that this operation never changes a state."""
    if operation.function in getattr(model, "observers", ()):
        return True
    says = getattr(model, "only_observes", None)
    return says is not None and bool(says(operation))
