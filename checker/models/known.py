"""What kind of object a model describes: that alone says which rules may decide it.

A model is searched, which is right for every model but slow for some histories. One that says in
an attribute `behaves_as` what object it describes is judged by the rules of that object as well,
which are faster. The attribute is a claim: the model does exactly what the object does, from the
same beginning. What a model is called decides nothing.

    class Cell:
        name = "cell"
        behaves_as = KnownObject("register", initial=0)
        ...
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, TypeGuard

from checker.columns import canonical
from checker.models.model import Model, State


class ObjectKind(StrEnum):
    """The objects that have rules of their own, with the functions that the rules know.

    What each function does is said where the bundled model of that kind is. Operations of other
    functions are allowed: their keys are searched.
    """

    REGISTER = "register"
    """`read`, `write`, `cas`, `cas-mismatch`; it begins with a value."""

    QUEUE = "queue"
    """`enqueue`, `dequeue`, first in, first out; it begins with a list, its oldest value first."""

    UNORDERED_QUEUE = "unordered-queue"
    """`enqueue`, `dequeue` of any value; it begins with a list of values."""

    LIST = "list"
    """`append`, `read` of all; it begins with a list."""

    SET = "set"
    """`add`, `remove`, `contains`, `read` of all; it begins with a list of elements."""

    COUNTER = "counter"
    """`add` of an amount, `read`; it begins with an integer."""

    PRIORITY_QUEUE = "priority-queue"
    """`enqueue`, `dequeue` of the least value; it begins with a list of values."""

    STACK = "stack"
    """`push`, `pop`, last in, first out; it begins with a list, its oldest value first."""

    LOCK = "lock"
    """`acquire`, `release` by anyone, of one of `permits`; it begins with some of them taken."""

    UNIQUE_IDS = "unique-ids"
    """`generate`; it begins with a list of the ids that are taken."""


@dataclass(frozen=True, slots=True)
class KnownObject:
    """An object of a kind, for each key one, and with what each begins, as JSON would have it.

    `initial` is null where nothing else is said: no value, nothing in it, or a count of 0. Raises
    `ValueError` where the kind is none or cannot begin so.
    """

    kind: ObjectKind
    initial: Any = None
    permits: int = 1

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "kind", ObjectKind(self.kind))
        except ValueError:
            kinds = ", ".join(ObjectKind)
            raise ValueError(f"{self.kind!r} is no known object; choose one of {kinds}") from None
        if self.initial is None or self.kind is ObjectKind.REGISTER:
            return
        if self.kind is ObjectKind.LOCK:
            if not isinstance(self.initial, int) or not 0 <= self.initial <= self.permits:
                raise ValueError(f"a lock begins held or not, not with {self.initial!r:.60}")
        elif self.kind is ObjectKind.COUNTER:
            if type(self.initial) is not int:
                raise ValueError(f"a counter begins with an integer, not with {self.initial!r:.60}")
        elif not isinstance(self.initial, list | tuple):
            raise ValueError(f"a {self.kind} begins with a list, not with {self.initial!r:.60}")


class KnownModel:
    """A model that behaves as an object of that kind, and begins with its attribute `start`."""

    kind: ClassVar[ObjectKind]
    start: Any

    @property
    def behaves_as(self) -> KnownObject:
        return KnownObject(self.kind, self.start)


class InOrder(KnownModel):
    """Values in an order, of which `start` are there at first."""

    start: Sequence[Any]

    def initial(self) -> State:
        return tuple(map(canonical, self.start))


def known_object(model: Model) -> KnownObject | None:
    """What the model says that it behaves as; None where it says nothing, so that it is searched.

    Raises `ValueError` where it says something else.
    """
    said: object = getattr(model, "behaves_as", None)
    if said is None or isinstance(said, KnownObject):
        return said
    raise ValueError(
        f"the model {model.name} says that it behaves as {said!r:.60}; say it as a KnownObject"
    )


def is_register(thing: KnownObject | None) -> TypeGuard[KnownObject]:
    """Whether each key is a register."""
    return thing is not None and thing.kind is ObjectKind.REGISTER
