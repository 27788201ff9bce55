"""What a generator is: a pure value that says what a client calls next, and when.

A client that is free asks; the answer is a call that is due at some moment, or to wait, or that
there is nothing more. With the answer comes the generator as it is afterwards, so nothing ever
changes, and a generator can be asked twice. After Jepsen's generators, which are values as well.

Chance comes from the dice that are handed down (dice.py): the same seed, the same calls.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Self, TypeAlias

from workloads.generators.dice import Dice

SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Asker:
    """The client that asks, of so many, at a moment counted from the beginning of the calls."""

    now_ns: int
    client: int = 0
    clients: int = 1

    def at(self, now_ns: int) -> "Asker":
        """The same client at another moment."""
        return replace(self, now_ns=now_ns)


@dataclass(frozen=True, slots=True)
class Due:
    """A call of what `source` names is due at `at_ns`, which is now or later."""

    source: str
    at_ns: int
    then: "Generator"


@dataclass(frozen=True, slots=True)
class NotYet:
    """Nothing yet for this client: ask again at `until_ns`, or, where that is None, soon."""

    until_ns: int | None
    then: "Generator"


Step: TypeAlias = Due | NotYet | None
"""None where there is nothing more, for any client, now and for ever."""


class Generator(ABC):
    """A generator, alone or made of others."""

    ends: ClassVar[bool] = False
    """Whether one of this kind ends at some time, or may end."""

    @abstractmethod
    def ask(self, asker: Asker, dice: Dice) -> Step:
        """What that client is to do."""

    def done(self, client: int, ok: bool) -> "Generator":
        """The generator once the client's last call was answered, or never will be."""
        return self

    @property
    def inners(self) -> tuple["Generator", ...]:
        """Those that it is made of."""
        return ()

    @property
    def finite(self) -> bool:
        """Whether it ends at some time."""
        return self.ends

    @property
    def least_ns(self) -> int:
        """How long it takes at least, as far as can be said before."""
        return 0

    @property
    def reserved(self) -> int:
        """How many clients it takes."""
        return max((inner.reserved for inner in self.inners), default=1)

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of all that is called."""
        return tuple(dict.fromkeys(name for inner in self.inners for name in inner.sources))

    def check(self) -> None:
        """Raise `ValueError`, with what to do instead, where it makes no sense."""
        for inner in self.inners:
            inner.check()


@dataclass(frozen=True, slots=True)
class Calling(Generator):
    """Calls of one kind, as fast as clients ask: `append`, `read`, or `append.read`."""

    name: str

    def ask(self, asker: Asker, dice: Dice) -> Step:
        return Due(self.name, asker.now_ns, self)

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.name,)


@dataclass(frozen=True)
class Wrapping(Generator):
    """A generator around another one, of which it is a part of the answers."""

    inner: Generator

    @property
    def inners(self) -> tuple[Generator, ...]:
        return (self.inner,)

    @property
    def finite(self) -> bool:
        return self.ends or self.inner.finite

    @property
    def least_ns(self) -> int:
        return self.inner.least_ns

    def done(self, client: int, ok: bool) -> Generator:
        return replace(self, inner=self.inner.done(client, ok))

    def becomes(self, step: Due | NotYet, **more: object) -> Due | NotYet:
        """The step, after which this is around what the inner one has become."""
        return replace(step, then=replace(self, inner=step.then, **more))


@dataclass(frozen=True)
class Several(Generator):
    """A generator made of several others, each with its place."""

    parts: tuple[Generator, ...]

    @property
    def inners(self) -> tuple[Generator, ...]:
        return self.parts

    @property
    def finite(self) -> bool:
        return all(part.finite for part in self.parts)

    @property
    def least_ns(self) -> int:
        return max(part.least_ns for part in self.parts)

    def done(self, client: int, ok: bool) -> Generator:
        return replace(self, parts=tuple(part.done(client, ok) for part in self.parts))

    def having(self, place: int, part: Generator, **more: object) -> Self:
        """The same with another part at that place."""
        return replace(self, parts=(*self.parts[:place], part, *self.parts[place + 1 :]), **more)
