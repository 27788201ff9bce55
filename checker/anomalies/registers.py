"""Anomalies of registers: what one operation saw, and what had been acknowledged before."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from checker.anomalies.anomaly import Anomaly, AnomalyKind, Evidence, text
from checker.columns import canonical
from checker.linearizability.registers.facts import NOT, began, ended, saw_and_wrote
from checker.operation import Operation, Outcome

FUNCTIONS = {"read", "write", "cas"}


def of_register(known: Evidence) -> Anomaly | None:
    """The anomaly of a counterexample of reads, writes and compare-and-sets, if it has a name."""
    return _unwritten(known) or _forked(known) or _overtaken(known)


def _same(one: Any, other: Any) -> bool:
    return one is not NOT and other is not NOT and canonical(one) == canonical(other)


def _saw(operation: Operation) -> Any:
    return saw_and_wrote(operation)[0]


def _wrote(operation: Operation) -> Any:
    return saw_and_wrote(operation)[1]


def _unwritten(known: Evidence) -> Anomaly | None:
    """A value that nothing had written when it was seen."""
    for operation in known.shown:
        value = _saw(operation)
        if value is NOT:
            continue
        writer = next((o for o in known.shown if _same(_wrote(o), value)), None)
        if writer is None and len(known.shown) > 1:
            continue  # The value at the beginning; alone, the read of it would be no violation.
        if writer is None:
            return _from_nowhere(known, operation, value)
        if began(writer) > ended(operation):
            return _early(known, operation, writer)
    return None


def _from_nowhere(known: Evidence, operation: Operation, value: Any) -> Anomaly:
    did = known.did(operation)
    if operation.function == "cas" and _same(operation.argument[1], value):
        return Anomaly(
            AnomalyKind.DUPLICATE, f"{did}: its own value, so it took effect twice", operation
        )
    for other in known.others:
        if other.outcome is Outcome.FAIL and _same(_tried(other), value):
            refused = f"the write of {text(value)} by {known.who(other)} had been refused"
            return Anomaly(AnomalyKind.DIRTY_READ, f"{did}, but {refused}", operation)
        if _same(_wrote(other), value) and began(other) > ended(operation):
            return _early(known, operation, other)
    return Anomaly(AnomalyKind.GARBAGE_READ, f"{did}, which nothing wrote", operation)


def _early(known: Evidence, operation: Operation, writer: Operation) -> Anomaly:
    later = f"before {known.who(writer)} began to write it"
    return Anomaly(AnomalyKind.FUTURE_READ, f"{known.did(operation)} {later}", operation)


def _tried(operation: Operation) -> Any:
    """What a call would have written."""
    if operation.function == "write":
        return operation.argument
    pair = operation.argument
    two = operation.function == "cas" and isinstance(pair, (list, tuple)) and len(pair) == 2
    return pair[1] if two else NOT


def _forked(known: Evidence) -> Anomaly | None:
    """Two updates that were both made of one value: one of them was overwritten unseen."""
    updates = [o for o in known.shown if NOT not in saw_and_wrote(o)]
    for one, other in combinations(updates, 2):
        wrote = [o for o in known.others if _same(_wrote(o), _saw(one))]
        if _same(_saw(one), _saw(other)) and len(wrote) < 2:
            new = f"by {text(_wrote(one))} and by {text(_wrote(other))}"
            said = f"{known.both(one, other)} replaced {text(_saw(one))}, {new}"
            return Anomaly(AnomalyKind.LOST_UPDATE, said, other)
    return None


def _overtaken(known: Evidence) -> Anomaly | None:
    """An old value that was seen after a newer one had been acknowledged, or seen."""
    pairs = list(_pairs(known))
    if not pairs:
        return None
    _, late, newer = max(
        pairs,
        key=lambda pair: (_wrote(pair[2]) is not NOT, pair[0], began(pair[1]), ended(pair[2])),
    )
    new, wrote = _value(newer), _wrote(newer) is not NOT
    if _wrote(late) is not NOT and wrote:
        kind = AnomalyKind.LOST_WRITE if newer.function == "write" else AnomalyKind.LOST_UPDATE
        said = f"{text(new)} was acknowledged, but then {known.did(late)}"
        return Anomaly(kind, said, late)
    if wrote and _never_seen(known, newer):
        said = f"{text(new)} was acknowledged, but {known.did(late)} afterwards"
        return Anomaly(AnomalyKind.LOST_WRITE, f"{said}, and nothing ever saw {text(new)}", late)
    since = f"{text(new)} was acknowledged" if wrote else f"{known.did(newer)}"
    return Anomaly(AnomalyKind.STALE_READ, f"{known.did(late)} after {since}", late)


def _value(operation: Operation) -> Any:
    """What the register held when the operation had taken effect."""
    saw, wrote = saw_and_wrote(operation)
    return saw if wrote is NOT else wrote


def _pairs(known: Evidence) -> Iterator[tuple[bool, Operation, Operation]]:
    """Operations that saw one value after another had been acknowledged; and whether that other
    one is newer by all that is shown."""
    for late in known.shown:
        old = _saw(late)
        if old is NOT:
            continue
        for newer in known.shown:
            new = _value(newer)
            if new is NOT or _same(new, old) or ended(newer) >= began(late):
                continue
            writers = [o for o in known.others or known.shown if _same(_wrote(o), old)]
            writers = [o for o in writers if o != late and began(o) <= ended(late)]
            if all(began(writer) < ended(newer) for writer in writers):
                done = all(ended(writer) < began(newer) for writer in writers)
                yield done or _same(_saw(newer), old), late, newer


def _never_seen(known: Evidence, newer: Operation) -> bool:
    """Whether the history shows a write to be lost: more than one operation looked, none saw it."""
    value = _value(newer)
    later = [o for o in known.others if began(o) > ended(newer) and _saw(o) is not NOT]
    return len(later) > 1 and not any(
        _same(_saw(o), value) for o in known.others if ended(o) > began(newer)
    )
