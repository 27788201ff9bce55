"""Planted in what gives each thing to one caller: values taken twice or gone, locks held twice, ids
given twice, terms with two leaders."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from checker.models.known import known_object
from checker.models.model import Model
from checker.mutation.places import Planted, answered, before, drawn, equal, known, shown
from checker.operation import Operation, Outcome

TAKES = ("dequeue", "pop")
PUTS = ("enqueue", "push")


def taken_twice(operations: Sequence[Operation], random: Random, model: Model) -> Planted | None:
    """A value is taken again after it was taken."""
    takes = [o for o in known(operations, *TAKES) if o.result is not None]
    for second in drawn(takes, random):
        earlier = [o for o in takes if before(o, second) and not equal(o.result, second.result)]
        if earlier:
            first = random.choice(earlier)
            said = f"{shown(second)} was given {first.result!r:.60}, which had been taken before"
            return answered(operations, [(second, first.result)], said)
    return None


def lost_value(operations: Sequence[Operation], random: Random, model: Model) -> Planted | None:
    """A value that was put in is gone: who would have taken it is told that nothing is there."""
    puts = known(operations, *PUTS)
    for take in drawn(known(operations, *TAKES), random):
        if any(before(put, take) and equal(put.argument, take.result) for put in puts):
            said = f"{shown(take)} found nothing, and {take.result!r:.60} was never seen again"
            return answered(operations, [(take, None)], said)
    return None


def held_twice(operations: Sequence[Operation], random: Random, model: Model) -> Planted | None:
    """While somebody holds it, somebody else is given a lock, or all permits of a semaphore."""
    thing = known_object(model)
    more = 1 if thing is None else thing.permits
    releases = [o for o in operations if o.function == "release" and o.outcome is not Outcome.FAIL]
    for held in drawn(known(operations, "acquire"), random):
        end = held.completed or 0
        if any(o.invoked < end and not before(o, held) for o in releases):
            continue  # It may be free again, for all that is known.
        room = 2 * more + 1
        spread = [_moved(o, room) for o in operations]
        newcomer = max(o.process for o in operations) + 1
        granted = [
            replace(
                held, process=newcomer + number, argument=_another(held.argument),
                result=_later(held.result, number + 1),
                invoked=end * room + 2 * number + 1, completed=end * room + 2 * number + 2,
                invoked_ns=held.completed_ns or 0,
            )
            for number in range(more)
        ]  # fmt: skip
        said = f"after {shown(held)} and before its release, it was given to others as well"
        return Planted(said, tuple(sorted((*spread, *granted), key=lambda o: o.invoked)))
    return None


def _moved(operation: Operation, room: int) -> Operation:
    """The operation with its positions spread, so that others fit in between."""
    ended = operation.completed
    return replace(
        operation,
        invoked=operation.invoked * room,
        completed=None if ended is None else ended * room,
    )


def _another(argument: Any) -> Any:
    """The claim of somebody else."""
    if isinstance(argument, dict) and "client" in argument:
        return {**argument, "client": "another"}
    return argument


def _later(answer: Any, by: int) -> Any:
    """What a later acquisition is answered: its token is greater, if there are tokens."""
    if type(answer) is int:
        return answer + by
    if isinstance(answer, dict):
        later = {**answer, "fence": answer["fence"] + by} if "fence" in answer else dict(answer)
        return {**later, "client": "another"} if "client" in answer else later
    return answer


def given_twice(operations: Sequence[Operation], random: Random, model: Model) -> Planted | None:
    """An id is given that was given before."""
    given = known(operations, "generate")
    if len(given) < 2:
        return None
    first, second = random.sample(given, 2)
    said = f"{shown(second)} was given {first.result!r:.60}, as another call was"
    return answered(operations, [(second, first.result)], said)


def led_twice(operations: Sequence[Operation], random: Random, model: Model) -> Planted | None:
    """A term has two leaders."""
    told = [o for o in known(operations, "inspect") if o.result is not None]
    led = [o for o in told if o.result[0] is not None]
    for one in drawn(led, random):
        if any(o is not one and equal(o.result, one.result) for o in led):
            other = [f"another than {one.result[0]}", one.result[1]]
            said = f"{shown(one)} was told of another leader of the term {one.result[1]}"
            return answered(operations, [(one, other)], said)
    return None


def anothers_answer(
    operations: Sequence[Operation], random: Random, model: Model
) -> Planted | None:
    """A call is given the answer of another one of the same function."""
    some = [o for o in operations if o.outcome is Outcome.OK and o.completed is not None]
    for call in drawn(some, random):
        others = [o for o in some if o.function == call.function]
        others = [o for o in others if not equal(o.result, call.result)]
        if others:
            other = random.choice(others)
            said = f"{shown(call)} was given the answer of another call, {other.result!r:.60}"
            return answered(operations, [(call, other.result)], said)
    return None
