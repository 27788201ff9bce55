"""Whether a history could have shown a violation at all: a run that could not fail proves nothing.

Each gate asks for something that a meaningful run must contain. A gate that stays shut makes the
verdict `UNKNOWN`, by name, however consistent the history is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from checker.history import FaultSpan, History, Operation, Outcome


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition for a run to count, and what was found."""

    name: str
    passed: bool
    detail: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


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
        _concurrent(history.operations),
    ]


def _kinds_answered(history: History, kinds: Sequence[str], faulty: bool) -> Iterable[Gate]:
    counts = dict.fromkeys(kinds, 0)
    for operation in history.operations:
        if operation.outcome is not Outcome.OK or operation.function not in counts:
            continue
        if not faulty or any(_during(operation, span) for span in history.faults):
            counts[operation.function] += 1
    when = " during faults" if faulty else ""
    for kind, count in counts.items():
        yield Gate(f"{kind} answered{when}", count > 0, f"{count} ok")


def _during(operation: Operation, span: FaultSpan) -> bool:
    begun_before_end = span.healed is None or operation.invoked < span.healed
    completed = operation.completed
    return begun_before_end and (completed is None or span.injected < completed)


def _applied(spans: Sequence[FaultSpan], family: str, names: Sequence[str]) -> Gate:
    count = sum(span.name in names for span in spans)
    return Gate(f"{family} applied", count > 0, f"{count} times")


def _concurrent(operations: Sequence[Operation]) -> Gate:
    """Two operations on one key overlapped, without which order is never in doubt."""
    latest: dict[Any, int] = {}
    overlapping = 0
    for operation in operations:  # In order of invocation.
        if operation.invoked < latest.get(operation.key, -1):
            overlapping += 1
        if operation.completed is not None:
            latest[operation.key] = max(latest.get(operation.key, -1), operation.completed)
    detail = f"{overlapping} operations overlapped another on their key"
    return Gate("operations overlap", overlapping > 0, detail)
