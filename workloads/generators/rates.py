"""How fast calls come, all clients together: steadily, in bursts, in a ramp, as day and night.

A profile is a rate at each moment. Between two calls passes the time in which the profile adds up
to a number drawn from 0 to 2, so that on average there are as many calls as it says, and no beat.
A client that is free too late makes up for nothing: that is a closed loop.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from workloads.generators.dice import Dice
from workloads.generators.generator import SECOND_NS, Asker, Due, Step, Wrapping

SLICE_S = 0.02
"""Profiles are added up in steps of so long, at most."""


@dataclass(frozen=True, slots=True)
class Profile(ABC):
    """A rate at each moment from the beginning, which is one of two, or between them."""

    first: float
    second: float

    @abstractmethod
    def at(self, seconds: float) -> float:
        """Calls a second at that moment."""

    @property
    def most(self) -> float:
        """The highest rate there is."""
        return max(self.first, self.second)


@dataclass(frozen=True, slots=True)
class Ramp(Profile):
    """From the first rate to the second, evenly, within `seconds`; then it stays there."""

    seconds: float

    def at(self, seconds: float) -> float:
        return self.first + (self.second - self.first) * min(1.0, seconds / self.seconds)


def steady(rate: float) -> Profile:
    """The same rate all the time."""
    return Ramp(rate, rate, 1.0)


@dataclass(frozen=True, slots=True)
class Bursts(Profile):
    """The first rate, and the second in the last `lasting` of every `period` seconds."""

    period: float
    lasting: float

    def at(self, seconds: float) -> float:
        return self.second if seconds % self.period >= self.period - self.lasting else self.first


@dataclass(frozen=True, slots=True)
class Diurnal(Profile):
    """Night and day: from the first rate to the second and back in `day` seconds, as a cosine."""

    day: float

    def at(self, seconds: float) -> float:
        share = (1 - math.cos(2 * math.pi * seconds / self.day)) / 2
        return self.first + (self.second - self.first) * share


@dataclass(frozen=True)
class Paced(Wrapping):
    """Calls of the inner generator at the rate of a profile."""

    profile: Profile
    drawn: int = 0
    began_ns: int | None = None
    due_ns: int = 0

    def ask(self, asker: Asker, dice: Dice) -> Step:
        began_ns = asker.now_ns if self.began_ns is None else self.began_ns
        due_ns = max(asker.now_ns, self.due_ns)
        if self.began_ns is None:
            due_ns = self._after(due_ns, began_ns, dice)
        step = self.inner.ask(asker.at(due_ns), dice.of("inner"))
        if step is None:
            return None
        if not isinstance(step, Due):
            return self.becomes(step, began_ns=began_ns, due_ns=due_ns)
        next_ns = self._after(step.at_ns, began_ns, dice)
        return self.becomes(step, drawn=self.drawn + 1, began_ns=began_ns, due_ns=next_ns)

    def _after(self, moment_ns: int, began_ns: int, dice: Dice) -> int:
        """When the next call is due after one at that moment."""
        left = 2 * dice.roll(self.drawn)
        at = (moment_ns - began_ns) / SECOND_NS
        while True:
            rate = self.profile.at(at)
            step = min(SLICE_S, left / rate) if rate > 0 else SLICE_S
            left -= step * rate
            at += step
            if left <= 1e-9:
                return began_ns + round(at * SECOND_NS)

    def check(self) -> None:
        super().check()
        if not self.profile.most > 0:
            raise ValueError("a rate that is always 0 never makes a call; give one above 0")
