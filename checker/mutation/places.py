"""Where an error can be planted in the history of one key, and what a planted error is.

A planted error is what a faulty store would have done: one answer, or one operation, is not what it
was. It is put where real time alone says that it is wrong; so a checker should see it, and where no
such place is found, an error of that kind could have gone unseen in this history.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, TypeAlias

from checker.columns import canonical
from checker.models.model import Model
from checker.operation import Operation, Outcome

TRIES = 20
"""How many operations of a key are looked at before it counts as one without a place."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A mutated copy of a key's history: what was planted, in words, and all operations."""

    said: str
    operations: tuple[Operation, ...]


Planter: TypeAlias = Callable[[Sequence[Operation], Random, Model], Planted | None]
"""Plants one kind of error in the operations of a key; None where it finds no place for it."""


def known(operations: Iterable[Operation], *functions: str) -> list[Operation]:
    """The operations of these functions that certainly happened, and when they ended is known."""
    return [
        o
        for o in operations
        if o.function in functions and o.outcome is Outcome.OK and o.completed is not None
    ]


def drawn(some: Sequence[Operation], random: Random) -> list[Operation]:
    """Some of them, in random order."""
    return random.sample(some, min(TRIES, len(some)))


def before(one: Operation, other: Operation) -> bool:
    """Whether one operation had ended when the other began."""
    return one.completed is not None and one.completed < other.invoked


def equal(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same."""
    return canonical(one) == canonical(other)


def answered(
    operations: Sequence[Operation], answers: Sequence[tuple[Operation, Any]], said: str
) -> Planted:
    """The history in which these operations were answered so."""
    others = {id(operation): result for operation, result in answers}
    return Planted(
        said,
        tuple(replace(o, result=others[id(o)]) if id(o) in others else o for o in operations),
    )


def shown(operation: Operation) -> str:
    """An operation as a sentence says it."""
    argument = "" if operation.argument is None else f" {operation.argument!r:.60}"
    return f"the {operation.function}{argument} of {operation.key!r} by process {operation.process}"
