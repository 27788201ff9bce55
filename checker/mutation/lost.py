"""Planted: a change that was acknowledged and is in no later answer."""

from collections.abc import Sequence
from random import Random
from typing import Any

from checker.models.known import is_register, known_object
from checker.models.model import Model, only_observes
from checker.mutation.places import Planted, answered, before, drawn, equal, known, shown
from checker.mutation.stale import acknowledged
from checker.operation import Operation, Outcome


def lost_change(operations: Sequence[Operation], random: Random, model: Model) -> Planted | None:
    """All reads are answered as if one change had never been, which some of them began after."""
    reads = [o for o in operations if o.outcome is Outcome.OK and only_observes(model, o)]
    changes = acknowledged(operations)
    if not is_register(known_object(model)):
        changes = [o for o in changes if o.function not in ("write", "cas")]
    for change in drawn(changes, random):
        if change.function in ("write", "cas"):
            answers = _without_value(change, operations)
        else:
            told = [(read, _without(change, read)) for read in reads]
            answers = [(read, answer) for read, answer in told if not equal(answer, read.result)]
        if any(before(change, read) for read, _ in answers):
            said = f"{shown(change)} was acknowledged, and lost"
            return answered(operations, answers, said)
    return None


def _without_value(
    change: Operation, operations: Sequence[Operation]
) -> list[tuple[Operation, Any]]:
    """The answers of all that saw the value of a register, had it never been written.

    They show what had been there shortly before. A compare-and-set that changed the value is left
    as it was: had it not applied, much else would have come otherwise.
    """
    value = _new_value(change)
    writers = [o for o in operations if o.function in ("write", "cas", "append")]
    if sum(equal(_new_value(o), value) for o in writers) > 1:
        return []
    earlier = [o for o in known(operations, "read", "write", "cas") if before(o, change)]
    if not earlier:
        return []
    newest = max(earlier, key=lambda o: o.completed or 0)
    instead = newest.result if newest.function == "read" else _new_value(newest)
    if newest.function == "cas" and not equal(newest.argument[0], newest.result):
        instead = newest.result
    if equal(instead, value):
        return []
    return [(o, instead) for o in known(operations, "read") if equal(o.result, value)]


def _new_value(change: Operation) -> Any:
    if change.function == "cas" and isinstance(change.argument, list | tuple):
        return change.argument[1]
    return change.argument


def _without(change: Operation, read: Operation) -> Any:
    """What a read would have shown without that change.

    What a read that overlaps it counted is not known, so that it stays as it was.
    """
    after = before(change, read)
    match change.function, read.function, read.result:
        case (("add" | "append"), "read", list(items)):
            return [item for item in items if not equal(item, change.argument)]
        case "add", "contains", True if equal(read.argument, change.argument):
            return False
        case "add", "read", int(count) if after and type(change.argument) is int:
            return count - change.argument
        case "transfer", "read", dict(balances) if after:
            asked = change.argument
            source, target, amount = asked["from"], asked["to"], asked["amount"]
            moved = {source: balances.get(source, 0) + amount}
            moved[target] = balances.get(target, 0) - amount
            return {**balances, **moved}
    return read.result
