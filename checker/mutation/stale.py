"""Planted: an answer that was right once, and was no longer when it was asked for."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from checker.columns import canonical
from checker.models.known import KnownObject, ObjectKind, known_object
from checker.models.model import Model, only_observes
from checker.mutation.places import Planted, answered, before, drawn, equal, known, shown
from checker.operation import Operation, Outcome

_UNKNOWN = object()


def stale_answer(operations: Sequence[Operation], random: Random, model: Model) -> Planted | None:
    """One call that only observes is answered with the newest answer that was out of date.

    That it was is certain: before the call began, another answer was given, or a change was
    acknowledged, that had itself begun after the old answer was there.
    """
    asked = [o for o in operations if o.outcome is Outcome.OK and only_observes(model, o)]
    thing = known_object(model)
    for call in drawn(asked, random):
        earlier = [o for o in operations if o.outcome is Outcome.OK and before(o, call)]
        for old, since in _old_answers(call, earlier, thing):
            outdated = not equal(old, call.result) and any(
                o.invoked > since and _contradicts(o, call, old, thing) for o in earlier
            )
            if outdated:
                said = f"{shown(call)} was answered with {old!r:.60}, which was out of date"
                return answered(operations, [(call, old)], said)
    return None


def _old_answers(
    call: Operation, earlier: Sequence[Operation], thing: KnownObject | None
) -> Iterator[tuple[Any, int]]:
    """Earlier answers to the same question, the newest first, and what was there at first; with
    the position at which each had been given."""
    question = canonical(call.argument)
    same = [o for o in earlier if o.function == call.function and canonical(o.argument) == question]
    for old in sorted(same, key=lambda o: o.completed or 0, reverse=True):
        yield old.result, old.completed or 0
    first = _at_first(call, thing)
    if first is not _UNKNOWN:
        yield first, -1


def _at_first(call: Operation, thing: KnownObject | None) -> Any:
    """What would have been answered before anything happened, if that is known."""
    if call.function == "txn":
        return [[step[0], step[1], None] for step in call.argument or ()]
    if thing is None:
        return _UNKNOWN
    match thing.kind, call.function:
        case ObjectKind.REGISTER, "read":
            return thing.initial
        case ((ObjectKind.LIST | ObjectKind.SET), "read"):
            return list(thing.initial or ())
        case ObjectKind.SET, "contains":
            return any(equal(call.argument, item) for item in thing.initial or ())
        case ObjectKind.COUNTER, "read":
            return thing.initial or 0
    return _UNKNOWN


def _contradicts(other: Operation, call: Operation, old: Any, thing: KnownObject | None) -> bool:
    """Whether the call cannot be answered so any more once `other` has happened."""
    if other.function == call.function:
        if equal(other.argument, call.argument):
            return not equal(other.result, old)
        return call.function == "txn" and _overwrites(other.argument or (), old)
    counter = thing is not None and thing.kind is ObjectKind.COUNTER
    match other.function, call.function:
        case "write", "read":
            return not equal(other.argument, old)
        case "cas", "read":
            expected, new = other.argument
            return not equal(new if equal(expected, other.result) else other.result, old)
        case (("add" | "append"), "read") if counter:
            return bool(other.argument)
        case (("add" | "append"), "read"):
            return isinstance(old, list) and not any(equal(other.argument, item) for item in old)
        case (("add" | "remove"), "contains"):
            return equal(other.argument, call.argument) and old is (other.function == "remove")
    return False


def _overwrites(steps: Sequence[Any], old: Sequence[Any]) -> bool:
    """Whether a transaction of these steps wrote another value than was read of that name."""
    written = {canonical(name): value for kind, name, value in steps if kind in ("w", "write")}
    return any(
        canonical(name) in written and not equal(written[canonical(name)], value)
        for _, name, value in old
    )


def acknowledged(operations: Sequence[Operation]) -> list[Operation]:
    """The changes that certainly took effect."""
    changes = known(operations, "write", "cas", "add", "append", "transfer")
    return [o for o in changes if o.function != "cas" or equal(o.argument[0], o.result)]
