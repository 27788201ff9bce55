"""An end to what has none: after a number of calls, or of seconds."""

from dataclasses import dataclass

from workloads.generators.dice import Dice
from workloads.generators.generator import SECOND_NS, Asker, Due, Generator, NotYet, Step, Wrapping


@dataclass(frozen=True)
class Limit(Wrapping):
    """At most `count` calls."""

    count: int
    ends = True

    def ask(self, asker: Asker, dice: Dice) -> Step:
        step = self.inner.ask(asker, dice) if self.count > 0 else None
        if step is None:
            return None
        return self.becomes(step, count=self.count - isinstance(step, Due))


@dataclass(frozen=True)
class TimeLimit(Wrapping):
    """What is due within `seconds` of the first time that it was asked."""

    seconds: float
    until_ns: int | None = None
    ends = True

    def ask(self, asker: Asker, dice: Dice) -> Step:
        until_ns = _end_ns(self, asker)
        if asker.now_ns >= until_ns:
            return None
        step = self.inner.ask(asker, dice)
        if step is None:
            return None
        if isinstance(step, Due) and step.at_ns >= until_ns:
            return NotYet(until_ns, TimeLimit(self.inner, self.seconds, until_ns))
        if isinstance(step, NotYet):
            later_ns = until_ns if step.until_ns is None else min(step.until_ns, until_ns)
            step = NotYet(None if step.until_ns is None else later_ns, step.then)
        return self.becomes(step, until_ns=until_ns)

    @property
    def least_ns(self) -> int:
        return 0 if self.inner.finite else int(self.seconds * SECOND_NS)


@dataclass(frozen=True)
class Rest(Generator):
    """No call within `seconds` of the first time that it was asked."""

    seconds: float
    until_ns: int | None = None
    ends = True

    def ask(self, asker: Asker, dice: Dice) -> Step:
        until_ns = _end_ns(self, asker)
        return None if asker.now_ns >= until_ns else NotYet(until_ns, Rest(self.seconds, until_ns))

    @property
    def least_ns(self) -> int:
        return int(self.seconds * SECOND_NS)


def _end_ns(timed: TimeLimit | Rest, asker: Asker) -> int:
    """When what lasts for some seconds from the first time that it is asked is over."""
    if timed.until_ns is not None:
        return timed.until_ns
    return asker.now_ns + int(timed.seconds * SECOND_NS)
