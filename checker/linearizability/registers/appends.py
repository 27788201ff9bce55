"""Strings that grow by pieces: a register with `append`, as one with compare-and-sets.

A read of "ab" where "b" was appended tells that this append took the string from "a" to "ab": it is
a compare-and-set that succeeded. An append whose piece no read shows is a write of a value that
nobody saw: up to the next write nobody saw anything. So the rules of registers decide, whatever
the number of operations.

Which append made a string may be a guess: where a piece was appended several times, or more than
one piece fits. An order that was found with a guess stands; without an order, only a history of
which nothing was guessed is a violation.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from checker.linearizability.registers.facts import Ambiguous, Unsupported, ended
from checker.linearizability.registers.graph import decide
from checker.operation import Operation, Outcome

FUNCTIONS = frozenset({"read", "write", "append"})

GRAPH_UP_TO = 4_000
"""Operations of a key up to which its order is worked out by the readable graph."""


@dataclass(frozen=True)
class Grown:
    """`order` is a linearization if there is one; else `stuck` is the operation that cannot end."""

    order: tuple[Operation, ...] | None
    stuck: Operation | None = None


def judge(operations: Sequence[Operation], initial: Any, until: float = inf) -> Grown | None:
    """Judge the operations of one key; None where these rules cannot.

    After the moment `until` of `time.monotonic` the first operation that cannot end is not looked
    for any more, and a later one is told.
    """
    if len(operations) > GRAPH_UP_TO or not _suits(operations, initial):
        return None
    found = _try(operations, initial)
    if found is None or found.order is not None:
        return None if found is None else Grown(found.order)
    if not found.certain:
        return None
    moments = sorted(ended(o) for o in operations if o.outcome is Outcome.OK)
    low, high = 0, len(moments) - 1
    # The violation shows when the first of them ends up to which there is no order.
    while low < high and time.monotonic() < until:
        middle = (low + high) // 2
        past = _try(_until(operations, moments[middle]), initial)
        if past is None or (past.order is None and not past.certain):
            return None
        low, high = (low, middle) if past.order is None else (middle + 1, high)
    stuck = next(o for o in operations if o.outcome is Outcome.OK and ended(o) == moments[high])
    return Grown(None, stuck)


def _suits(operations: Sequence[Operation], initial: Any) -> bool:
    """Whether these are strings that are read, written and appended to."""
    functions = {o.function for o in operations}
    told = [o.result if o.function == "read" else o.argument for o in _known(operations)]
    told.append(initial)
    return functions <= FUNCTIONS and "append" in functions and set(map(type, told)) <= {str}


def _known(operations: Sequence[Operation]) -> list[Operation]:
    """All that may have happened, and of reads only those that were answered."""
    return [
        o
        for o in operations
        if o.outcome is Outcome.OK or (o.outcome is Outcome.INFO and o.function != "read")
    ]


def _until(operations: Sequence[Operation], moment: int) -> list[Operation]:
    """What was known of them at a moment: those that ended later may not have happened."""
    return [
        o
        if ended(o) <= moment
        else replace(o, outcome=Outcome.INFO, completed=None, completed_ns=None, result=None)
        for o in operations
        if o.invoked <= moment
    ]


@dataclass(frozen=True)
class _Swapped:
    order: tuple[Operation, ...] | None
    certain: bool


def _try(operations: Sequence[Operation], initial: str) -> _Swapped | None:
    """Whether there is an order, and if nothing was guessed; None where values are ambiguous."""
    known = _known(operations)
    told = _Told(known, initial)
    originals: dict[int, Operation] = {}
    swaps = []
    for number, operation in enumerate(known):
        swap = told.as_swap(operation, number)
        if swap is not None:
            originals[id(swap)] = operation
            swaps.append(swap)
    try:
        order = decide(swaps, initial).order
    except (Ambiguous, Unsupported):
        return None
    if order is None:
        return _Swapped(None, told.certain)
    return _Swapped(tuple(originals[id(swap)] for swap in order), told.certain)


@dataclass
class _Told:
    """What the reads tell of the appends: of each string the one before it, and who made it."""

    known: Sequence[Operation]
    initial: str
    before: dict[str, str] = field(default_factory=dict)
    made: dict[int, str] = field(default_factory=dict)
    certain: bool = True

    def __post_init__(self) -> None:
        pieces: dict[str, list[Operation]] = {}
        written = {self.initial}
        for o in self.known:
            if o.function == "append":
                pieces.setdefault(o.argument, []).append(o)
            elif o.function == "write":
                written.add(o.argument)
        pieces.pop("", None)
        lengths = sorted({len(piece) for piece in pieces})
        # A string that was written may also have been made by an append.
        grown = (s for s in written if any(s[-n:] in pieces for n in lengths if n <= len(s)))
        self.certain = next(grown, None) is None
        reads = (o for o in self.known if o.function == "read")
        for read in sorted(reads, key=ended):
            self._trace(read, written, pieces, lengths)

    def _trace(
        self, read: Operation, written: set[str], pieces: dict[str, list[Operation]],
        lengths: Sequence[int],
    ) -> None:  # fmt: skip
        """Find the appends that made a string, one after the other from its end."""
        string, new = read.result, []
        while string not in self.before and string not in written:
            fitting = [n for n in lengths if n <= len(string) and string[-n:] in pieces]
            if not fitting:
                break  # It came out of thin air, which the rules of registers will find.
            self.certain &= len(fitting) == 1
            piece = string[-fitting[-1] :]
            self.before[string] = string[: -len(piece)]
            new.append((piece, string))
            string = self.before[string]
        for piece, made in reversed(new):
            several = pieces[piece]
            self.certain &= len(several) == 1
            free = [o for o in several if id(o) not in self.made and o.invoked <= ended(read)]
            if free:
                self.made[id(free[0])] = made

    def as_swap(self, operation: Operation, number: int) -> Operation | None:
        """The operation with a compare-and-set for an append; None for an append of nothing."""
        if operation.function != "append":
            return replace(operation)
        if id(operation) in self.made:
            string = self.made[id(operation)]
            old = self.before[string]
            found = old if operation.outcome is Outcome.OK else None
            return replace(operation, function="cas", argument=[old, string], result=found)
        if not operation.argument:
            return None
        return replace(operation, function="write", argument=f"\0 unseen {number}")
