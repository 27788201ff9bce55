"""Anomalies of counters, locks, generators of ids, and elections."""

from itertools import combinations, pairwise
from typing import Any

from checker.anomalies.anomaly import Anomaly, AnomalyKind, Evidence, text
from checker.columns import canonical
from checker.linearizability.registers.facts import began, ended
from checker.operation import Operation, Outcome

COUNTS = {"add", "inc", "dec", "decr", "add-and-get", "decr-and-get", "increase"}


def of_counter(known: Evidence) -> Anomaly | None:
    """A count that is too low or too high, or given twice."""
    counted = [o for o in known.shown if o.function in COUNTS and type(o.result) is int]
    for one, other in combinations(counted, 2):
        if one.result == other.result and {one.function, other.function} <= {"inc", "add-and-get"}:
            said = f"an addition of {known.who(one)} and one of {known.who(other)}"
            said += f" were both answered {text(one.result)}"
            return Anomaly(AnomalyKind.LOST_UPDATE, said, other)
    reads = [o for o in known.shown if o.function == "read" and type(o.result) is int]
    amounts = [o for o in known.others if _amount(o) is not None and o.outcome is not Outcome.FAIL]
    for read in sorted(reads, key=began, reverse=True):
        begun = [_amount(o) or 0 for o in amounts if began(o) <= ended(read)]
        done = [_amount(o) or 0 for o in amounts if ended(o) < began(read)]
        least = sum(done) + sum(n for n in begun if n < 0) - sum(n for n in done if n < 0)
        most = sum(n for n in begun if n > 0)
        if read.result < least:
            seen = any(o.function == "read" and type(o.result) is int and o.result >= least
                       for o in known.others)  # fmt: skip
            said = f"{known.did(read)} after {text(least)} had been acknowledged"
            return Anomaly(AnomalyKind.STALE_READ if seen else AnomalyKind.LOST_UPDATE, said, read)
        if read.result > most:
            said = f"{known.did(read)}, but no more than {text(most)} had been added"
            return Anomaly(AnomalyKind.DUPLICATE, said, read)
    return None


def _amount(operation: Operation) -> int | None:
    if operation.function not in COUNTS:
        return None
    amount = 1 if operation.argument is None else operation.argument
    if type(amount) is not int:
        return None
    return -amount if operation.function.startswith("dec") else amount


def of_lock(known: Evidence) -> Anomaly | None:
    """A lock, or a permit, that was granted while it was not free; tokens that do not grow."""
    grants = sorted(
        (o for o in known.shown if o.function == "acquire" and o.outcome is Outcome.OK), key=ended
    )
    for one, other in pairwise(grants):
        tokens = _token(one), _token(other)
        if None not in tokens and ended(one) < began(other) and tokens[1] <= tokens[0]:
            said = f"{known.who(other)} was granted token {tokens[1]} after token {tokens[0]}"
            return Anomaly(AnomalyKind.OUT_OF_ORDER, f"{said} of {known.who(one)}", other)
    if not grants:
        return None
    last = grants[-1]
    if len(grants) == 1:
        return Anomaly(AnomalyKind.DOUBLE_GRANT, f"{known.did(last)}, which was not free", last)
    held = f"after {known.who(grants[-2])} had acquired it and nothing had released it"
    return Anomaly(AnomalyKind.DOUBLE_GRANT, f"{known.who(last)} acquired the lock {held}", last)


def _token(operation: Operation) -> Any:
    answer = operation.result
    found = answer.get("fence", answer.get("token")) if isinstance(answer, dict) else answer
    return found if type(found) is int else None


def of_ids(known: Evidence) -> Anomaly | None:
    """One id that was given twice."""
    for one, other in combinations(known.shown, 2):
        if canonical(one.result) == canonical(other.result):
            said = f"{known.both(one, other)} were given the id {text(one.result)}"
            said = said.replace(" twice were", " was twice")
            return Anomaly(AnomalyKind.DUPLICATE, said, other)
    return None


def of_leader(known: Evidence) -> Anomaly | None:
    """One term with two leaders."""
    told = [o for o in known.shown if isinstance(o.result, (list, tuple)) and len(o.result) == 2]
    for one, other in combinations(told, 2):
        if one.result[1] == other.result[1] and one.result[0] != other.result[0]:
            said = f"{text(one.result[0])} and {text(other.result[0])} both led in term"
            return Anomaly(AnomalyKind.DOUBLE_GRANT, f"{said} {text(one.result[1])}", other)
    return None
