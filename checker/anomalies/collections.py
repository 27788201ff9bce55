"""Anomalies of queues, stacks, sets and lists: what was taken out, or found inside."""

from collections.abc import Callable, Iterable
from itertools import combinations
from typing import Any

from checker.anomalies.anomaly import Anomaly, AnomalyKind, Evidence, text
from checker.columns import canonical
from checker.linearizability.registers.facts import began, ended
from checker.operation import Operation, Outcome

PUTS = {"enqueue", "push", "add", "append"}
TAKES = {"dequeue", "pop", "drain"}
CONTAINERS = {*PUTS, *TAKES, "remove", "contains", "read"}


def of_queue(known: Evidence) -> Anomaly | None:
    """The anomaly of a queue, a stack or a bag, if it has a name."""
    takes = [
        o for o in known.shown
        if o.function in TAKES and o.outcome is Outcome.OK and o.result is not None
    ]  # fmt: skip
    for take in takes:
        for value in _items(take.result) if take.function == "drain" else [take.result]:
            strange = _unput(known, take, value)
            if strange is not None:
                return strange
    for one, other in combinations(takes, 2):
        if canonical(one.result) == canonical(other.result):
            done = known.did(other).removeprefix(f"{known.who(other)} ")
            if sum(_puts(o, one.result) for o in known.shown) < 2:
                said = f"{known.both(one, other)} {done}, which was put in once"
                return Anomaly(AnomalyKind.DUPLICATE, said, other)
    return _empty(known) or _overtaken(known, takes) or _left_behind(known, takes)


def _puts(operation: Operation, value: Any) -> bool:
    return operation.function in PUTS and canonical(operation.argument) == canonical(value)


def _unput(known: Evidence, shows: Operation, value: Any) -> Anomaly | None:
    """A value that was shown before anything had put it in."""
    puts = [o for o in known.others or known.shown if _puts(o, value)]
    if any(o.outcome is not Outcome.FAIL and began(o) <= ended(shows) for o in puts):
        return None
    did = known.did(shows)
    word = next((o.function for o in puts), "add")
    what = "it" if canonical(shows.result) == canonical(value) else text(value)
    for put in puts:
        if put.outcome is not Outcome.FAIL:
            later = f"before {known.who(put)} began to {word} {what}"
            return Anomaly(AnomalyKind.FUTURE_READ, f"{did} {later}", shows)
    if puts:
        refused = f"{known.who(puts[0])} had been refused to {word} {what}"
        return Anomaly(AnomalyKind.DIRTY_READ, f"{did}, but {refused}", shows)
    if shows.function == "contains" or what == "it":
        return Anomaly(AnomalyKind.GARBAGE_READ, f"{did}, which nothing had put there", shows)
    said = f"{did}, but nothing had put {text(value)} there"
    return Anomaly(AnomalyKind.GARBAGE_READ, said, shows)


def _empty(known: Evidence) -> Anomaly | None:
    for found in known.shown:
        if found.function in TAKES and found.outcome is Outcome.OK and not found.result:
            inside = [o for o in known.shown if o.function in PUTS and ended(o) < began(found)]
            if inside and found.result in (None, []):
                value = inside[-1].argument
                return _missed(known, found, inside[-1], value, _taken)
    return None


def _taken(operation: Operation, value: Any) -> bool:
    if operation.function not in TAKES or operation.outcome is not Outcome.OK:
        return False
    items = _items(operation.result) if operation.function == "drain" else [operation.result]
    return any(canonical(item) == canonical(value) for item in items)


def _missed(
    known: Evidence,
    shows: Operation,
    put: Operation,
    value: Any,
    found: Callable[[Operation, Any], bool],
) -> Anomaly:
    """Something that was acknowledged and is not there: lost, where nothing found it later."""
    later = [o for o in known.others if ended(o) > began(shows)]
    lost = len(known.others) > 0 and not any(found(o, value) for o in later)
    kind = AnomalyKind.LOST_WRITE if lost else AnomalyKind.STALE_READ
    did = known.did(shows)
    if kind is AnomalyKind.LOST_WRITE:
        return Anomaly(kind, f"{text(value)} was acknowledged, but {did} afterwards", shows)
    return Anomaly(kind, f"{did} after {known.did(put)}", shows)


def _overtaken(known: Evidence, takes: Iterable[Operation]) -> Anomaly | None:
    """One value that was put in first and is taken second, or never."""
    puts = sorted((o for o in known.shown if o.function in PUTS), key=began)
    unproven = None
    for take in sorted(takes, key=began):
        own = next((o for o in puts if _puts(o, take.result)), None)
        for left in puts:
            if (
                own is None
                or left is own
                or any(_taken(o, left.argument) and ended(o) < began(take) for o in known.shown)
            ):
                continue
            did = f"{known.did(take)} and left {text(left.argument)}"
            if ended(left) < began(own):
                return Anomaly(AnomalyKind.OUT_OF_ORDER, f"{did}, which was put in first", take)
            unproven = unproven or Anomaly(AnomalyKind.OUT_OF_ORDER, f"{did} inside", take)
    return unproven


def _left_behind(known: Evidence, takes: list[Operation]) -> Anomaly | None:
    """A value that a drain should have taken out, and that nothing ever took."""
    for put in known.shown:
        done = put.function in PUTS and put.outcome is Outcome.OK
        if done and takes and not any(_taken(o, put.argument) for o in known.others):
            return _missed(known, takes[-1], put, put.argument, _taken)
    return None


def of_set(known: Evidence) -> Anomaly | None:
    """The anomaly of a set or of a list that is read whole, or asked for elements."""
    reads = [o for o in known.shown if o.outcome is Outcome.OK and o.function == "read"]
    for read in reads:
        items = _items(read.result)
        for item in items:
            strange = _unput(known, read, item)
            if strange is not None:
                return strange
        for item in items:
            if sum(canonical(item) == canonical(other) for other in items) > 1:
                said = f"{known.did(read)}, with {text(item)} in it more than once"
                return Anomaly(AnomalyKind.DUPLICATE, said, read)
    return _asked(known) or _absent(known, reads) or _crossed(known, reads)


def _asked(known: Evidence) -> Anomaly | None:
    """What `contains` was answered."""
    asked = [o for o in known.shown if o.function == "contains" and o.outcome is Outcome.OK]
    for ask in sorted(asked, key=began, reverse=True):
        changes = [
            o for o in known.shown
            if o.function in ("add", "remove") and canonical(o.argument) == canonical(ask.argument)
        ]  # fmt: skip
        if ask.result and not any(o.function == "add" for o in changes):
            strange = _unput(known, ask, ask.argument)
            if strange is not None:
                return strange
        opposite = "remove" if ask.result else "add"
        before = [o for o in changes if o.function == opposite and ended(o) < began(ask)]
        if before:
            if not ask.result:
                return _missed(known, ask, before[-1], ask.argument, _shows)
            said = f"{known.did(ask)} after {known.did(before[-1])}"
            return Anomaly(AnomalyKind.STALE_READ, said, ask)
    return None


def _absent(known: Evidence, reads: list[Operation]) -> Anomaly | None:
    """An element that was acknowledged, and that a later read does not show."""
    for read in sorted(reads, key=began, reverse=True):
        shown = {canonical(item) for item in _items(read.result)}
        for put in known.shown:
            done = put.function in ("add", "append") and ended(put) < began(read)
            if done and canonical(put.argument) not in shown:
                return _missed(known, read, put, put.argument, _shows)
    for early, late in combinations(sorted(reads, key=began), 2):
        old, new = _items(early.result), _items(late.result)
        fewer = {canonical(item) for item in new} < {canonical(item) for item in old}
        if fewer and ended(early) < began(late):
            said = f"{known.did(late)} after {known.did(early)}"
            return Anomaly(AnomalyKind.STALE_READ, said, late)
    return None


def _crossed(known: Evidence, reads: list[Operation]) -> Anomaly | None:
    """Two reads that show additions in different orders."""
    for one, other in combinations(sorted(reads, key=began), 2):
        left = [canonical(item) for item in _items(one.result)]
        right = [canonical(item) for item in _items(other.result)]
        lists = any(o.function == "append" for o in known.others)
        agree = left[: len(right)] == right[: len(left)] if lists else (
            set(left) <= set(right) or set(right) <= set(left)
        )  # fmt: skip
        if not agree:
            return Anomaly(
                AnomalyKind.OUT_OF_ORDER, f"{known.did(one)}, and {known.did(other)}", other
            )
    return None


def _shows(operation: Operation, value: Any) -> bool:
    """Whether an answer shows an element to be inside."""
    if operation.outcome is not Outcome.OK:
        return False
    if operation.function == "contains":
        return bool(operation.result) and canonical(operation.argument) == canonical(value)
    items = _items(operation.result) if operation.function == "read" else []
    return any(canonical(item) == canonical(value) for item in items)


def _items(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (list, tuple)) else []
