"""Whether a history could have shown a violation at all: a run that could not fail proves nothing.

Each gate asks for something that a meaningful run must contain. A gate that stays shut makes the
verdict `UNKNOWN`, by name, however consistent the history is.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from checker.as_json import as_json
from checker.columns import NEVER, OK, Columns, Ints
from checker.history import FaultSpan, History
from checker.least import Least
from checker.linearizability.objects.codes import Rows, highest_before
from checker.mutation.trial import Trial
from checker.wording import plural

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition for a run to count, and what was found."""

    name: str
    passed: bool
    detail: str

    def to_json(self) -> dict[str, Any]:
        return as_json(self)


@dataclass(frozen=True)
class Strength:
    """The figures behind the gates; shares from 0 to 1, None where there is nothing to share.

    `per_key` is how many operations of one key were open on average when another of it began.
    `answered` counts the ok operations during faults by family and function.
    """

    operations: int
    overlapped: int
    per_key: float
    reads: int
    fallible: int
    answered: dict[str, dict[str, int]]

    @property
    def overlapped_share(self) -> float | None:
        return self.overlapped / self.operations if self.operations else None

    @property
    def fallible_share(self) -> float | None:
        return self.fallible / self.reads if self.reads else None

    def to_json(self) -> dict[str, Any]:
        return as_json(self, "overlapped_share", "fallible_share")


def strength(
    history: History,
    kinds: Sequence[str],
    families: Mapping[str, Sequence[str]],
    observers: Collection[str] = (),
) -> Strength:
    """Measure a history; `families` has the names of the faults of each family, and `observers`
    are the functions that change nothing."""
    columns = history.columns
    overlapped, per_key = _overlapped(columns)
    reads = _of(columns, observers) & (columns.outcome == OK)
    changes = _of(columns, set(kinds) - set(observers)) & (columns.outcome == OK)
    # The earliest end of a change of each key; a read that began later could have been stale.
    first = np.full(len(columns.keys), NEVER, np.int64)
    np.minimum.at(first, columns.key[changes], columns.completed[changes])
    fallible = reads & (columns.invoked > first[columns.key])
    return Strength(
        operations=len(columns),
        overlapped=overlapped,
        per_key=per_key,
        reads=int(np.count_nonzero(reads)),
        fallible=int(np.count_nonzero(fallible)),
        answered={
            family: _answered(columns, kinds, [s for s in history.faults if s.name in names])
            for family, names in families.items()
        },
    )


def gates(
    history: History,
    kinds: Sequence[str],
    families: Mapping[str, Sequence[str]],
    observers: Collection[str] = (),
    least: Least | None = None,
) -> list[Gate]:
    """All gates but that of the mutated copies: each kind of call must succeed, and of each family
    of faults one must strike, while each kind of call succeeds.

    The arguments are those of `strength`.
    """
    least = least or Least()
    found = strength(history, kinds, families, observers)
    return [
        *_kinds_answered(history, kinds, found, least),
        *(_applied(history.faults, family, names) for family, names in families.items()),
        *_in_doubt(found, least),
    ]


def caught(trial: Trial, least: Least) -> Gate:
    """The gate of the mutated copies: whether enough of them were convicted."""
    copies = plural(trial.copies, "mutated copy", "mutated copies")
    told = f"{trial.convicted} of {copies} of the history convicted"
    if trial.missed:
        told += f"; not this one: {trial.missed[0]}"
    if trial.undecided:
        told += f"; {trial.undecided} more could not be decided in time"
    if trial.cut:
        told += "; there was no time for more"
    passed = trial.share is not None and 100 * trial.share >= least.convicted
    return Gate("errors could have been caught", passed, told)


def _kinds_answered(
    history: History, kinds: Sequence[str], found: Strength, least: Least
) -> Iterable[Gate]:
    columns = history.columns
    when = {f" during {family} faults": counts for family, counts in found.answered.items()}
    if not when:
        when = {"": _counts(columns, kinds, columns.outcome == OK)}
    elif not least.answered:
        when = {" during faults": _answered(columns, kinds, history.faults)}
    for during, counts in when.items():
        for kind, count in counts.items():
            passed = count >= max(least.answered, 1)
            yield Gate(f"{kind} answered{during}", passed, f"{count} ok")


def _applied(spans: Sequence[FaultSpan], family: str, names: Sequence[str]) -> Gate:
    struck = [span.applied is not False for span in spans if span.name in names]
    count = sum(struck)
    without = (
        f", and {plural(len(struck) - count, 'time')} without an effect"
        if count < len(struck)
        else ""
    )
    return Gate(f"{family} applied", count > 0, f"{plural(count, 'time')}{without}")


def _in_doubt(found: Strength, least: Least) -> Iterable[Gate]:
    """Operations overlapped, without which order is never in doubt; and reads could be wrong."""
    count = found.overlapped
    detail = f"{plural(count, 'operation')} overlapped another on their key"
    passed = count > 0 and 100 * (found.overlapped_share or 0) >= least.overlapped
    if count and not passed:
        detail += f", of {found.operations}: less than {least.overlapped:g} %"
    yield Gate("operations overlap", passed, detail)
    if found.fallible_share is not None:
        passed = 100 * found.fallible_share >= least.fallible
        detail = f"{found.fallible} of {found.reads} came after an acknowledged change"
        yield Gate("reads could have been wrong", passed, detail)


def _of(columns: Columns, functions: Collection[str]) -> Mask:
    numbers = [columns.functions.find(name) for name in sorted(functions)]
    return np.isin(columns.function, numbers)


def _answered(columns: Columns, kinds: Sequence[str], spans: Iterable[FaultSpan]) -> dict[str, int]:
    """How many operations of each function overlapped one of these spans, and were ok."""
    during = np.zeros(len(columns), np.bool_)
    for span in spans:
        healed = NEVER if span.healed is None else span.healed
        during |= (columns.invoked < healed) & (span.injected < columns.completed)
    return _counts(columns, kinds, during & (columns.outcome == OK))


def _counts(columns: Columns, kinds: Sequence[str], counted: Mask) -> dict[str, int]:
    return {
        kind: int(np.count_nonzero(counted & (columns.function == columns.functions.find(kind))))
        for kind in kinds
    }


def _overlapped(columns: Columns) -> tuple[int, float]:
    """How many operations began while another one of their key was open, and how many were open
    then on average. Those that were never answered are open for ever, and do not count."""
    if not len(columns):
        return 0, 0.0
    rows = Rows.of(columns)
    known = columns.completed != NEVER
    open_until = highest_before(
        columns.key[known], rows.call[known], rows.ret[known], columns.key, rows.call
    )
    return int(np.count_nonzero(rows.call < open_until)), float(_open(columns, known).mean())


def _open(columns: Columns, known: Mask) -> Ints:
    """How many operations of its key were open when each of them began, itself among them."""
    span = np.int64(int(max(columns.invoked.max(), columns.completed[known].max(initial=0))) + 1)
    begun = np.sort(columns.key[known] * span + columns.invoked[known])
    ended = np.sort(columns.key[known] * span + columns.completed[known])
    at = columns.key * span + columns.invoked
    opened: Ints = np.searchsorted(begun, at) - np.searchsorted(ended, at) + 1
    return opened
