"""Generators as a text, for the command line and TOML; docs/generators.md has an example of each.

    phases(time(10, rate(50, append)), ramp(10, 200, 20, mix(3: append, 1: lock)))

A name with brackets is a generator: numbers first, then those that it is made of. A name alone is
what is called. Mix and reserve have a number and a colon before their parts. A text is read and
checked as a whole before anything starts.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from workloads.generators.cycle import Cycle
from workloads.generators.each import Each
from workloads.generators.flip_flop import FlipFlop
from workloads.generators.generator import Calling, Generator
from workloads.generators.limits import Limit, Rest, TimeLimit
from workloads.generators.mix import Mix
from workloads.generators.phases import Phases
from workloads.generators.rates import Bursts, Diurnal, Paced, Ramp, steady
from workloads.generators.reserve import Reserve
from workloads.generators.think import Think
from workloads.generators.tokens import Tokens
from workloads.generators.until_ok import UntilOk

DEPTH_MAX = 20
SECONDS_MAX = 7 * 24 * 3_600.0
RATE_MAX = 1_000_000.0


class MadeOf(Enum):
    """How many generators one is made of."""

    NONE = "nothing more"
    ONE = "one generator"
    SOME = "two generators or more"
    WEIGHTED = "generators with a number and a colon before each"
    COUNTED = "generators with a number and a colon before each but the last"


@dataclass(frozen=True, slots=True)
class Number:
    """What a number is, and its bounds; `above` leaves the lower one out."""

    name: str
    least: float
    most: float
    above: bool = False
    whole: bool = False

    def allows(self, value: float) -> bool:
        high = self.least < value if self.above else self.least <= value
        return high and value <= self.most and (not self.whole or value == int(value))

    @property
    def wanted(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        bound = "above" if self.above else "from"
        return f"{self.name}, {kind} {bound} {self.least:g} and up to {self.most:g}"


@dataclass(frozen=True, slots=True)
class Form:
    """How a generator is written, and made of its numbers and parts."""

    numbers: tuple[Number, ...]
    parts: MadeOf
    make: Callable[[Sequence[float], tuple[float, ...], tuple[Generator, ...]], Generator]
    optional: bool = False
    """Whether the numbers may be left out, all together."""


_SECONDS = Number("seconds", 0, SECONDS_MAX, above=True)
_CALLS = Number("how many calls", 1, 1e9, whole=True)
_TIMES = Number("how many times", 1, 1e6, whole=True)


def _rate(name: str) -> Number:
    return Number(name, 0, RATE_MAX)


FORMS: dict[str, Form] = {
    "mix": Form((), MadeOf.WEIGHTED, lambda n, weights, parts: Mix(parts, weights)),
    "limit": Form((_CALLS,), MadeOf.ONE, lambda n, w, parts: Limit(parts[0], int(n[0]))),
    "time": Form((_SECONDS,), MadeOf.ONE, lambda n, w, parts: TimeLimit(parts[0], n[0])),
    "rest": Form((_SECONDS,), MadeOf.NONE, lambda n, w, parts: Rest(n[0])),
    "stagger": Form((_SECONDS,), MadeOf.ONE, lambda n, w, parts: Paced(parts[0], steady(1 / n[0]))),
    "rate": Form(
        (_rate("the rate"),), MadeOf.ONE, lambda n, w, parts: Paced(parts[0], steady(n[0]))
    ),
    "ramp": Form(
        (_rate("the first rate"), _rate("the last rate"), _SECONDS),
        MadeOf.ONE,
        lambda n, w, parts: Paced(parts[0], Ramp(*n)),
    ),
    "bursts": Form(
        (_rate("the low rate"), _rate("the high rate"), _SECONDS, _SECONDS),
        MadeOf.ONE,
        lambda n, w, parts: Paced(parts[0], Bursts(*n)),
    ),
    "diurnal": Form(
        (_rate("the rate at night"), _rate("the rate at noon"), _SECONDS),
        MadeOf.ONE,
        lambda n, w, parts: Paced(parts[0], Diurnal(*n)),
    ),
    "think": Form(
        (_SECONDS, Number("the deviation", 0, 5)),
        MadeOf.ONE,
        lambda n, w, parts: Think(parts[0], n[0], n[1]),
    ),
    "phases": Form((), MadeOf.SOME, lambda n, w, parts: Phases(parts)),
    "reserve": Form(
        (), MadeOf.COUNTED, lambda n, counts, parts: Reserve(parts, tuple(map(int, counts)))
    ),
    "until-ok": Form((), MadeOf.ONE, lambda n, w, parts: UntilOk(parts[0])),
    "flip-flop": Form((), MadeOf.SOME, lambda n, w, parts: FlipFlop(parts)),
    "each": Form((), MadeOf.ONE, lambda n, w, parts: Each(parts[0])),
    "cycle": Form(
        (_TIMES,), MadeOf.ONE, lambda n, w, parts: Cycle(parts[0], int(n[0]) if n else 0), True
    ),
}
"""All generators that a text may name."""

_WEIGHT = Number("a weight", 0, 1_000_000)
_COUNT = Number("how many clients", 1, 1_000, whole=True)


def read(text: str) -> Generator:
    """The generator that a text stands for; `ValueError` says what is wrong with it, and where."""
    found = _Reader(text).whole()
    found.check()
    return found


_TOKEN = re.compile(r"\s*(?:(-?\d+(?:\.\d+)?)|([A-Za-z_][\w.+-]*)|(.))")


class _Reader:
    """Reads one text from its first token to its last."""

    def __init__(self, text: str) -> None:
        self._tokens = Tokens(text, _TOKEN)
        self._depth = 0

    def whole(self) -> Generator:
        found = self._generator()
        if self._tokens.left:
            raise self._tokens.wrong("its end")
        return found

    def _generator(self) -> Generator:
        name = self._tokens.name()
        if name is None:
            raise self._tokens.wrong("the name of a generator, or of what is called")
        if not self._tokens.take("("):
            if name in FORMS:
                raise self._tokens.wrong(f"the brackets of {name}")
            return Calling(name)
        if name not in FORMS:
            raise self._tokens.wrong(f"one of the generators {', '.join(FORMS)}", back=2)
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self._tokens.wrong(f"no more than {DEPTH_MAX} brackets one inside the other")
        form = FORMS[name]
        numbers = self._numbers(form)
        weights, parts = self._parts(form.parts)
        self._tokens.need(")")
        self._depth -= 1
        return form.make(numbers, weights, parts)

    def _numbers(self, form: Form) -> list[float]:
        if form.optional and not self._tokens.is_number():
            return []
        found = []
        for place, number in enumerate(form.numbers):
            found.append(self._number(number))
            if form.parts is not MadeOf.NONE or place + 1 < len(form.numbers):
                self._tokens.need(",")
        return found

    def _parts(self, parts: MadeOf) -> tuple[tuple[float, ...], tuple[Generator, ...]]:
        numbers: list[float] = []
        found: list[Generator] = []
        while parts is not MadeOf.NONE and (not found or self._tokens.take(",")):
            counted = parts is MadeOf.COUNTED
            if parts is MadeOf.WEIGHTED or (counted and self._tokens.is_number()):
                numbers.append(self._number(_COUNT if counted else _WEIGHT))
                self._tokens.need(":")
            found.append(self._generator())
            if parts is MadeOf.ONE or (counted and len(numbers) < len(found)):
                break
        if parts is MadeOf.COUNTED and (len(numbers) == len(found) or not numbers):
            raise self._tokens.wrong(parts.value)
        if parts is MadeOf.SOME and len(found) < 2:
            raise self._tokens.wrong(parts.value)
        return tuple(numbers), tuple(found)

    def _number(self, wanted: Number) -> float:
        number = self._tokens.number()
        if number is None or not wanted.allows(number):
            raise self._tokens.wrong(wanted.wanted, back=number is not None)
        return number
