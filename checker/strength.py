"""Whether a history could have shown a violation at all: a run that could not fail proves nothing.

Each gate asks for something that a meaningful run must contain. A gate that stays shut makes the
verdict `UNKNOWN`, by name, however consistent the history is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from checker.as_json import as_json
from checker.columns import NEVER, OK, Columns
from checker.history import FaultSpan, History
from checker.linearizability.objects.codes import Rows, highest_before


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition for a run to count, and what was found."""

    name: str
    passed: bool
    detail: str

    def to_json(self) -> dict[str, Any]:
        return as_json(self)


def gates(
    history: History, kinds: Sequence[str], families: Mapping[str, Sequence[str]]
) -> list[Gate]:
    """All gates: each kind of call must succeed, and of each family of faults one must strike.

    `families` gives the names of the faults that each family has. Where there are any, a call
    counts only if its interval overlaps the span of a fault.
    """
    return [
        *_kinds_answered(history, kinds, bool(families)),
        *(_applied(history.faults, family, names) for family, names in families.items()),
        _concurrent(history.columns),
    ]


def _kinds_answered(history: History, kinds: Sequence[str], faulty: bool) -> Iterable[Gate]:
    columns = history.columns
    counted = columns.outcome == OK
    if faulty:
        during = np.zeros(len(columns), np.bool_)
        for span in history.faults:
            healed = NEVER if span.healed is None else span.healed
            during |= (columns.invoked < healed) & (span.injected < columns.completed)
        counted &= during
    when = " during faults" if faulty else ""
    for kind in kinds:
        count = int(np.count_nonzero(counted & (columns.function == columns.functions.find(kind))))
        yield Gate(f"{kind} answered{when}", count > 0, f"{count} ok")


def _applied(spans: Sequence[FaultSpan], family: str, names: Sequence[str]) -> Gate:
    struck = [span.applied is not False for span in spans if span.name in names]
    count = sum(struck)
    without = f", and {len(struck) - count} times without an effect" if count < len(struck) else ""
    return Gate(f"{family} applied", count > 0, f"{count} times{without}")


def _concurrent(columns: Columns) -> Gate:
    """Two operations on one key overlapped, without which order is never in doubt."""
    rows = Rows.of(columns)
    known = columns.completed != NEVER
    open_until = highest_before(
        columns.key[known], rows.call[known], rows.ret[known], columns.key, rows.call
    )
    overlapping = int(np.count_nonzero(rows.call < open_until))
    detail = f"{overlapping} operations overlapped another on their key"
    return Gate("operations overlap", overlapping > 0, detail)
