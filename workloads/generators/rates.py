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


class Profile(ABC):
    """A rate at each moment from the beginning."""

    @abstractmethod
    def at(self, seconds: float) -> float:
        """Calls a second at that moment."""

    @property
    @abstractmethod
    def most(self) -> float:
        """The highest rate there is."""


@dataclass(frozen=True, slots=True)
class Steady(Profile):
    rate: float

    def at(self, seconds: float) -> float:
        return self.rate

    @property
    def most(self) -> float:
        return self.rate


@dataclass(frozen=True, slots=True)
class Ramp(Profile):
    """From one rate to another, evenly, within `seconds`; then it stays there."""

    begin: float
    end: float
    seconds: float

    def at(self, seconds: float) -> float:
        return self.begin + (self.end - self.begin) * min(1.0, seconds / self.seconds)

    @property
    def most(self) -> float:
        return max(self.begin, self.end)


@dataclass(frozen=True, slots=True)
class Bursts(Profile):
    """A low rate, and a high one in the last `lasting` of every `period` seconds."""

    low: float
    high: float
    period: float
    lasting: float

    def at(self, seconds: float) -> float:
        return self.high if seconds % self.period >= self.period - self.lasting else self.low

    @property
    def most(self) -> float:
        return max(self.low, self.high)


@dataclass(frozen=True, slots=True)
class Diurnal(Profile):
    """Night and day: from the low rate to the high one and back in so many seconds, as a cosine."""

    low: float
    high: float
    day: float

    def at(self, seconds: float) -> float:
        share = (1 - math.cos(2 * math.pi * seconds / self.day)) / 2
        return self.low + (self.high - self.low) * share

    @property
    def most(self) -> float:
        return max(self.low, self.high)


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
