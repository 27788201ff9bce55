"""Names the anomaly that a counterexample shows, in one sentence.

The vocabulary is small, and that of the literature: stale and future reads, lost updates and lost
writes, dirty reads (Adya's G1a) and garbage reads (Elle), duplicates, wrong order, double grants. A
violation of another kind is described by the operation that fits no order.

A counterexample is minimal, so it cannot tell a write that was lost from one that was merely not
seen once. Where that decides, the other operations of its key are asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from checker.history import History
from checker.operation import Operation, Outcome
from checker.wording import clause, joined, value_text

TEXT_MAX = 60
"""A longer value is cut in a sentence."""

ASKED_MAX = 100_000
"""The most operations of a key that are looked at, from those of the counterexample on."""


class AnomalyKind(StrEnum):
    """The usual names of violations."""

    STALE_READ = "stale read"
    FUTURE_READ = "future read"
    DIRTY_READ = "dirty read"
    GARBAGE_READ = "garbage read"
    LOST_UPDATE = "lost update"
    LOST_WRITE = "lost write"
    DUPLICATE = "duplicate"
    OUT_OF_ORDER = "out of order"
    DOUBLE_GRANT = "double grant"
    OTHER = "not linearizable"


@dataclass(frozen=True, slots=True)
class Anomaly:
    """What went wrong: its `kind`; a clause that says who did what; and the operation that shows
    it, the last one of the clause."""

    kind: AnomalyKind
    clause: str
    shown_by: Operation

    @property
    def sentence(self) -> str:
        """ "Stale read: process 4 read 39 after 41 was acknowledged", without a full stop."""
        return f"{self.kind.capitalize()}: {self.clause}"


@dataclass(frozen=True)
class Evidence:
    """The operations of a counterexample, all operations of its key, and the names of processes
    that have one instead of a number."""

    shown: tuple[Operation, ...]
    others: Sequence[Operation]
    names: dict[int, str] = field(default_factory=dict)

    def who(self, operation: Operation) -> str:
        return f"process {self.names.get(operation.process, operation.process)}"

    def both(self, *operations: Operation) -> str:
        """ "processes 1 and 3 both", or "process 1 twice"."""
        whom = [str(self.names.get(o.process, o.process)) for o in operations]
        if len(set(whom)) == 1:
            return f"process {whom[0]} twice"
        return f"processes {joined(list(dict.fromkeys(whom)))} both"

    def did(self, operation: Operation) -> str:
        """ "process 4 read 39"."""
        said = clause(operation).removeprefix(f"process {operation.process} ")
        return f"{self.who(operation)} {said}"


def text(value: Any) -> str:
    """A value in a sentence."""
    said = value_text(value)
    return said if len(said) <= TEXT_MAX else f"{said[: TEXT_MAX - 1]}…"


def evidence(history: History, shown: tuple[Operation, ...]) -> Evidence:
    """What is known of a counterexample within its history."""
    columns, names = history.columns, history.source.names if history.source else {}
    key = columns.keys.find(shown[0].key)
    others: Sequence[Operation] = ()
    if key >= 0:
        rows = columns.rows_of(key)
        if len(rows) > ASKED_MAX:
            rows = rows[columns.invoked[rows] >= shown[0].invoked][:ASKED_MAX]
        others = tuple(columns.operations(rows))
    return Evidence(shown, others, names)


def unfitting(known: Evidence) -> Anomaly:
    """The anomaly of which no more can be said than which operation fits no order: the last one
    that was answered with what it had not been given, since a bare write fits anywhere."""
    answered = [o for o in known.shown if o.outcome is Outcome.OK and o.completed is not None]
    learnt = [o for o in answered if o.result not in (None, o.argument)]
    last = max(learnt or answered or known.shown, key=lambda o: o.completed or o.invoked)
    did = known.did(last)
    if len(known.shown) == 1:
        return Anomaly(AnomalyKind.OTHER, f"{did}, which nothing explains", last)
    return Anomaly(
        AnomalyKind.OTHER,
        f"{did}, which fits no order of these {len(known.shown)} operations",
        last,
    )
