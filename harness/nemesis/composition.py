"""Faults put together by hand: in turn, at the same time, repeated, or one of several by weight.

    wait 1; isolate-leader 2 & pause-one 1; 3 * (kill-one 0.5; wait 0.5)
    {2: kill-all 1 | 1: wait 1}; partition 3

A fault is a name, as the option `faults` takes them, and the seconds that it lasts; a family stands
for one of its faults, drawn by the seed. One that waits for a trigger (`kill-one@election 5`) waits
within these seconds. `;` puts steps one after the other, `&` lets them begin
together, `3 *` repeats one, and braces hold weights and what they weigh. A text is read into
values, checked as a whole before anything starts, and becomes a schedule like any other.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from harness import names
from harness.clock import SECOND_NS
from harness.errors import OptionError
from harness.nemesis.fault import Fault
from harness.nemesis.schedule import PlannedFault, choose_faults
from workloads.generators.tokens import Tokens

TIMES_MAX = 1_000
FAULTS_MAX = 10_000
DEPTH_MAX = 20
SECONDS_MAX = 7 * 24 * 3_600
WEIGHT_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault, or one of a family, that is healed after this many seconds."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Lull:
    """Nothing for this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class InTurn:
    """One step after the other."""

    steps: tuple["Step", ...]


@dataclass(frozen=True, slots=True)
class Together:
    """Steps that begin together; it lasts as long as the longest."""

    steps: tuple["Step", ...]


@dataclass(frozen=True, slots=True)
class Repetition:
    """A step some times, one after the other."""

    times: int
    step: "Step"


@dataclass(frozen=True, slots=True)
class Weighted:
    """One of several steps, drawn by their weights."""

    choices: tuple[tuple[float, "Step"], ...]


Step: TypeAlias = Strike | Lull | InTurn | Together | Repetition | Weighted


def longest_ns(step: Step) -> int:
    """How long a step takes at most."""
    match step:
        case Strike(_, seconds) | Lull(seconds):
            return int(seconds * SECOND_NS)
        case InTurn(steps):
            return sum(map(longest_ns, steps))
        case Together(steps):
            return max(map(longest_ns, steps))
        case Repetition(times, inner):
            return times * longest_ns(inner)
        case Weighted(choices):
            return max(longest_ns(inner) for _, inner in choices)


def faults_of(step: Step, nodes: int) -> dict[str, tuple[Fault, ...]]:
    """All faults that a step may strike with, by family.

    Raises `OptionError` for those that do not exist or make no sense with so few nodes, and for
    those of one family that would overlap.
    """
    named = {name for _, name in _names(step)}
    if names.ALL_FAULTS in {name.partition("@")[0] for name in named}:
        raise OptionError("schedule", "cannot strike with all faults at once; name families")
    families = choose_faults(sorted(named), nodes)
    _check_overlaps(step)
    return families


def draw(step: Step, nodes: int, seed: int) -> list[PlannedFault]:
    """The schedule that a step stands for. What is drawn has dice of its own for each place in it,
    so that a step added at the end leaves those before it what they were."""
    whole = step if isinstance(step, InTurn) else InTurn((step,))
    placed, _ = _place(whole, 0, nodes, f"{seed}:composition")
    placed.sort(key=lambda planned: (planned.at_ns, planned.fault.family))
    return [
        PlannedFault(number, one.fault, one.at_ns, one.until_ns, one.seed)
        for number, one in enumerate(placed, start=1)
    ]


def _place(step: Step, at_ns: int, nodes: int, path: str) -> tuple[list[PlannedFault], int]:
    """The faults of a step that begins at a moment, and the moment when it ends."""
    match step:
        case Lull():
            return [], at_ns + longest_ns(step)
        case Strike(name):
            random = Random(path)
            (faults,) = choose_faults([name], nodes).values()
            until_ns = at_ns + longest_ns(step)
            fault = random.choice(faults)
            return [PlannedFault(0, fault, at_ns, until_ns, random.getrandbits(32))], until_ns
        case Weighted(choices):
            weights = [weight for weight, _ in choices]
            (place,) = Random(path).choices(range(len(choices)), weights)
            return _place(choices[place][1], at_ns, nodes, f"{path}.{place}")
        case Together(steps):
            parts = [
                _place(inner, at_ns, nodes, f"{path}.{place}") for place, inner in enumerate(steps)
            ]
            return [one for placed, _ in parts for one in placed], max(end for _, end in parts)
        case InTurn() | Repetition():
            inners = step.steps if isinstance(step, InTurn) else (step.step,) * step.times
            placed: list[PlannedFault] = []
            for place, inner in enumerate(inners):
                more, at_ns = _place(inner, at_ns, nodes, f"{path}.{place}")
                placed += more
            return placed, at_ns


def _names(step: Step) -> Iterator[tuple[str, str]]:
    """The family and the name of each fault of a step."""
    match step:
        case Strike(name):
            yield names.faults(name)[0].family, name
        case InTurn(steps) | Together(steps):
            for inner in steps:
                yield from _names(inner)
        case Repetition(_, inner):
            yield from _names(inner)
        case Weighted(choices):
            for _, inner in choices:
                yield from _names(inner)


def _check_overlaps(step: Step) -> None:
    match step:
        case Together(steps):
            met: dict[str, str] = {}
            for inner in steps:
                own = dict(_names(inner))
                for family in own.keys() & met.keys():
                    raise OptionError(
                        "schedule",
                        f"lets {met[family]} and {own[family]} strike together, and faults of one "
                        f"family ({family}) exclude each other; put them in turn",
                    )
                met |= own
                _check_overlaps(inner)
        case InTurn(steps):
            for inner in steps:
                _check_overlaps(inner)
        case Repetition(_, inner):
            _check_overlaps(inner)
        case Weighted(choices):
            for _, inner in choices:
                _check_overlaps(inner)


# --- reading --------------------------------------------------------------------------------------

_NAME = r"""[A-Za-z_][\w.:-]*(?:=[\w+-]*)?(?:@(?:"[^"]*"|[\w.=-]+))?"""
_TOKEN = re.compile(rf"""\s*(?:(\d+(?:\.\d+)?)|({_NAME})|(.))""")


def read(text: str) -> Step:
    """The step that a text stands for; `OptionError` says what is wrong with it, and where."""
    try:
        step = _Reader(text).whole()
    except ValueError as error:
        raise OptionError("schedule", f"cannot be {text!r}: {error}") from None
    if _most(step) > FAULTS_MAX:
        raise OptionError("schedule", f"has more than {FAULTS_MAX} faults; repeat them less often")
    return step


def _most(step: Step) -> int:
    """How many faults a step strikes with at most."""
    match step:
        case Strike():
            return 1
        case Lull():
            return 0
        case InTurn(steps) | Together(steps):
            return sum(map(_most, steps))
        case Repetition(times, inner):
            return times * _most(inner)
        case Weighted(choices):
            return max(_most(inner) for _, inner in choices)


class _Reader:
    """Reads one text from its first token to its last."""

    def __init__(self, text: str) -> None:
        self._tokens = Tokens(text, _TOKEN)
        self._depth = 0

    def whole(self) -> Step:
        step = self._in_turn()
        if self._tokens.left:
            raise self._tokens.wrong("a ; or & before it, or the end")
        return step

    def _in_turn(self) -> Step:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self._tokens.wrong(f"no more than {DEPTH_MAX} brackets one inside the other")
        steps = [self._together()]
        while self._tokens.take(";"):
            steps.append(self._together())
        self._depth -= 1
        return steps[0] if len(steps) == 1 else InTurn(tuple(steps))

    def _together(self) -> Step:
        steps = [self._repeated()]
        while self._tokens.take("&"):
            steps.append(self._repeated())
        return steps[0] if len(steps) == 1 else Together(tuple(steps))

    def _repeated(self) -> Step:
        times = self._tokens.number()
        if times is None:
            return self._single()
        if not 1 <= times <= TIMES_MAX or times != int(times):
            raise self._tokens.wrong(f"a whole number of times from 1 to {TIMES_MAX}", back=1)
        self._tokens.need("*")
        return Repetition(int(times), self._single())

    def _single(self) -> Step:
        if self._tokens.take("("):
            step = self._in_turn()
            self._tokens.need(")")
            return step
        if self._tokens.take("{"):
            choices = [self._choice()]
            while self._tokens.take("|"):
                choices.append(self._choice())
            self._tokens.need("}")
            return Weighted(tuple(choices))
        name = self._tokens.name()
        if name is None:
            raise self._tokens.wrong("the name of a fault, wait, ( or {")
        seconds = self._tokens.number()
        if seconds is None or not 0 < seconds <= SECONDS_MAX:
            wanted = f"how many seconds {name} lasts, above 0 and {SECONDS_MAX:,} at most"
            raise self._tokens.wrong(wanted, back=seconds is not None)
        return Lull(seconds) if name == "wait" else Strike(name, seconds)

    def _choice(self) -> tuple[float, Step]:
        weight = self._tokens.number()
        if weight is None or not 0 < weight <= WEIGHT_MAX:
            wanted = f"a weight above 0, {WEIGHT_MAX:,} at most"
            raise self._tokens.wrong(wanted, back=weight is not None)
        self._tokens.need(":")
        return weight, self._in_turn()
