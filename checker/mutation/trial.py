"""Whether a history could have convicted: its own checker is run on mutated copies of it.

The idea is that of mutation testing (DeMillo, Lipton, Sayward, "Hints on Test Data Selection",
1978), turned from programs to histories. Each copy has one error planted that a faulty store would
have made. The share of copies that is convicted says how strong the history was: one in which few
errors could have been seen proves little, however valid it is.

A key is independent of all others, so that a copy is one key alone, and at most the first
`LONGEST` operations of it: a trial takes no longer for a history of millions.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np

from checker.columns import OK
from checker.history import History
from checker.models.model import Model, only_observes
from checker.mutation import lost, stale, taken
from checker.mutation.final import forgotten
from checker.mutation.places import Planted, Planter
from checker.operation import Operation, Outcome
from checker.verdict import Result, Verdict

LONGEST = 1_000
KEYS_TRIED = 10
"""How many keys are looked at for a place before there counts as none."""

LIMIT_S = 10.0
"""The longest that the copies of one history are tried."""

EACH_S = 2.0
"""The longest that one of them is judged."""

Judge = Callable[[History, float], Result]
"""The run's own checker, within a number of seconds."""

_BY_FUNCTION: tuple[tuple[frozenset[str], str, Planter], ...] = (
    (frozenset({"write", "cas", "add", "append", "transfer"}), "lost change", lost.lost_change),
    (frozenset(taken.TAKES), "value taken twice", taken.taken_twice),
    (frozenset(taken.TAKES), "lost value", taken.lost_value),
    (frozenset({"acquire"}), "lock held twice", taken.held_twice),
    (frozenset({"generate"}), "id given twice", taken.given_twice),
    (frozenset({"inspect"}), "two leaders", taken.led_twice),
)


@dataclass(frozen=True)
class Trial:
    """How many of the mutated copies were convicted.

    `kinds` has for each kind of error how many were convicted, and of how many. `missed` says of
    some that were not, why. Those on which the checker could not decide in time are `undecided`
    and not among the `copies`, so that a slow machine makes no history weak; `cut` is whether the
    time ended before all that were asked for.
    """

    copies: int
    convicted: int
    kinds: dict[str, tuple[int, int]]
    missed: tuple[str, ...]
    undecided: int
    cut: bool

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where no copy was tried."""
        return self.convicted / self.copies if self.copies else None

    def to_json(self) -> dict[str, Any]:
        return {
            "copies": self.copies,
            "convicted": self.convicted,
            "share": self.share,
            "kinds": {name: list(counts) for name, counts in self.kinds.items()},
            "missed": list(self.missed),
            "undecided": self.undecided,
            "cut": self.cut,
        }


def planters(history: History, model: Model) -> list[tuple[str, Planter]]:
    """The kinds of errors that this history's functions allow."""
    columns = history.columns
    rows = (columns.outcome == OK).nonzero()[0]
    functions = {columns.functions[number] for number in np.unique(columns.function[rows])}
    read = any(only_observes(model, one) for one in columns.operations(rows[:LONGEST]))
    found: list[tuple[str, Planter]] = [("stale answer", stale.stale_answer)] if read else []
    found += [
        (name, planter)
        for needs, name, planter in _BY_FUNCTION
        if needs & functions and (read or name != "lost change")
    ]
    return found or [("another's answer", taken.anothers_answer)]


def try_copies(
    history: History,
    model: Model,
    judge: Judge,
    random: Random,
    copies: int,
    *,
    eventual: bool = False,
    limit_s: float = LIMIT_S,
) -> Trial:
    """Judge that many mutated copies of a history that is valid, each kind of error in turn.

    An `eventual` history is judged by its final reads, and so is each copy, as a whole. A copy that
    could not be made, for want of a place, counts as one that was not convicted.
    """
    until = time.monotonic() + limit_s
    kinds: dict[str, list[int]] = {}
    missed: list[str] = []
    options = [("forgotten", None)] if eventual else planters(history, model)
    tried = 0
    for number in range(copies):
        left_s = until - time.monotonic()
        if left_s <= 0:
            break
        name, planter = options[number % len(options)]
        if planter is None:
            planted = forgotten(history, random)
        else:
            planted = _planted(history, model, planter, random)
        verdict, why = Verdict.VALID, "there was no place for it"
        if planted is not None:
            phases = history.phases if eventual else ()
            copy = History(planted.operations, phases=phases)
            verdict, why = judge(copy, min(left_s, EACH_S)).verdict, planted.said
        tried += 1
        if verdict is Verdict.UNKNOWN:
            continue
        convicted = verdict is Verdict.INVALID
        counts = kinds.setdefault(name, [0, 0])
        counts[0] += convicted
        counts[1] += 1
        if not convicted:
            missed.append(f"{name}: {why}")
    convicted_in_all = sum(counts[0] for counts in kinds.values())
    told = {name: (counts[0], counts[1]) for name, counts in kinds.items()}
    few = tuple(dict.fromkeys(missed))[:5]
    decided = sum(counts[1] for counts in kinds.values())
    return Trial(decided, convicted_in_all, told, few, tried - decided, tried < copies)


def _planted(history: History, model: Model, planter: Planter, random: Random) -> Planted | None:
    """An error of this kind in a key that is drawn: each as often as it has operations."""
    columns = history.columns
    rows = (columns.outcome == OK).nonzero()[0]
    for _ in range(KEYS_TRIED if len(rows) else 0):
        key = int(columns.key[rows[random.randrange(len(rows))]])
        operations = _beginning(list(columns.operations(columns.rows_of(key)[: LONGEST + 1])))
        try:
            of_key = getattr(model, "of_key", None)
            of_one = model if of_key is None else of_key(columns.keys[key])
            planted = planter(operations, random, of_one)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError):
            # A user's model may have functions of these names, and other arguments and answers.
            planted = None
        if planted is not None:
            return planted
    return None


def _beginning(operations: Sequence[Operation]) -> list[Operation]:
    """The first `LONGEST` of them, as they were known when the next one began."""
    if len(operations) <= LONGEST:
        return list(operations)
    end = operations[LONGEST].invoked
    return [
        o
        if o.completed is not None and o.completed < end
        else replace(o, outcome=Outcome.INFO, result=None, completed=None, completed_ns=None)
        for o in operations[:LONGEST]
        if o.outcome is not Outcome.FAIL
    ]
