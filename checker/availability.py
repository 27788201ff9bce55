"""How well a system went on serving: over a whole run, inside each fault, and after its healing.

- Availability: operations answered, of those invoked. A compare-and-set that did not apply is an
  answer; "not leader" and a timeout are none.
- Failover time: the longest stretch of a fault's span without an answer.
- Recovery time: from the healing of a fault to the first answer to an operation invoked after it.

"Inside a span" means invoked between its injection and its healing, by position in the log. Spans
may overlap; an operation then counts inside each of them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from checker.as_json import as_json
from checker.columns import FAIL, NEVER, NOTHING, OK, Columns, Ints
from checker.history import FaultSpan, History


@dataclass(frozen=True, slots=True)
class Served:
    """Operations invoked, and how many of them were answered."""

    invoked: int
    answered: int

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where nothing was invoked."""
        return self.answered / self.invoked if self.invoked else None

    def to_json(self) -> dict[str, Any]:
        return as_json(self, "share")


@dataclass(frozen=True, slots=True)
class SpanAvailability:
    """One fault: what was served inside its span, and how long the system took to serve again.

    `failover_ns` is at most the span's length. `recovery_ns` is None where the fault was not
    healed, or nothing invoked after its healing was answered.
    """

    fault: int
    name: str
    served: Served
    failover_ns: int
    recovery_ns: int | None

    def to_json(self) -> dict[str, Any]:
        said = as_json(self)
        served = said.pop("served")
        return {**said, **served}


@dataclass(frozen=True)
class Availability:
    """A run's availability: over all, inside at least one fault, outside all, and by fault."""

    overall: Served
    inside: Served
    outside: Served
    spans: tuple[SpanAvailability, ...]

    @property
    def failover_ns(self) -> int | None:
        """The longest failover; None without faults."""
        return max((span.failover_ns for span in self.spans), default=None)

    @property
    def recovery_ns(self) -> int | None:
        """The slowest recovery of those that are known."""
        known = [span.recovery_ns for span in self.spans if span.recovery_ns is not None]
        return max(known, default=None)

    def to_json(self) -> dict[str, Any]:
        return as_json(self, "failover_ns", "recovery_ns")


def answers(columns: Columns) -> NDArray[np.bool_]:
    """Which operations were answered.

    A compare-and-set that did not apply is an answer, and some histories record it as a `fail`
    without an error; "not leader" and a timeout are none, and carry an error.
    """
    unapplied = (columns.outcome == FAIL) & (columns.error == NOTHING)
    answered: NDArray[np.bool_] = (columns.outcome == OK) | unapplied
    return answered


def end_ns(history: History) -> int:
    """The latest moment that the history names, 0 where it names none."""
    columns = history.columns
    known = columns.completed_ns[columns.completed_ns != NEVER]
    moments = [int(times.max()) for times in (columns.invoked_ns, known) if len(times)]
    moments += [fault.injected_ns for fault in history.faults]
    moments += [fault.healed_ns for fault in history.faults if fault.healed_ns is not None]
    moments += [phase.begins_ns for phase in history.phases]
    return max(moments, default=0)


def availability(history: History) -> Availability:
    """Measure a history."""
    columns = history.columns
    answered = answers(columns)
    ends = end_ns(history)
    inside = np.zeros(len(columns), dtype=bool)
    timed = _Answers(columns)
    spans = []
    for fault in history.faults:
        first, last = rows_inside(columns, fault)
        inside[first:last] = True
        spans.append(
            SpanAvailability(
                fault.number,
                fault.name,
                Served(last - first, int(answered[first:last].sum())),
                timed.longest_gap_ns(
                    fault.injected_ns, ends if fault.healed_ns is None else fault.healed_ns
                ),
                timed.recovery_ns(fault),
            )
        )
    within = Served(int(inside.sum()), int((answered & inside).sum()))
    overall = Served(len(columns), int(answered.sum()))
    outside = Served(overall.invoked - within.invoked, overall.answered - within.answered)
    return Availability(overall, within, outside, tuple(spans))


def rows_inside(columns: Columns, fault: FaultSpan) -> tuple[int, int]:
    """The rows invoked inside a span, as a half-open range: rows are in order of invocation."""
    first = int(np.searchsorted(columns.invoked, fault.injected))
    if fault.healed is None:
        return first, len(columns)
    return first, int(np.searchsorted(columns.invoked, fault.healed))


class _Answers:
    """The answers of a history, arranged so that a thousand faults cost little more than one."""

    def __init__(self, columns: Columns) -> None:
        completed_ns = np.where(answers(columns), columns.completed_ns, NEVER)
        self._times: Ints = np.sort(completed_ns[completed_ns != NEVER])
        self._invoked = columns.invoked
        # The earliest answer to this operation or any later one: a minimum from the end backwards,
        # since the operation invoked first need not be the first to be answered.
        self._soonest: Ints = np.minimum.accumulate(completed_ns[::-1])[::-1]

    def longest_gap_ns(self, from_ns: int, until_ns: int) -> int:
        """The longest stretch between two moments without an answer."""
        first, last = np.searchsorted(self._times, [from_ns, until_ns])
        moments = np.concatenate(([from_ns], self._times[first:last], [until_ns]))
        return int(np.diff(moments).max())

    def recovery_ns(self, fault: FaultSpan) -> int | None:
        """From healing to the first answer to an operation invoked after it."""
        if fault.healed is None or fault.healed_ns is None:
            return None
        row = int(np.searchsorted(self._invoked, fault.healed))
        if row == len(self._invoked) or self._soonest[row] == NEVER:
            return None
        return int(self._soonest[row]) - fault.healed_ns
