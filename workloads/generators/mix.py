"""Several at once: each call comes from one of them, drawn by weight."""

from dataclasses import dataclass, replace

from workloads.generators.dice import Dice
from workloads.generators.generator import Asker, Due, Generator, NotYet, Step


@dataclass(frozen=True)
class Mix(Generator):
    """Calls of several generators by their weights; one that has ended is drawn no more."""

    weights: tuple[float, ...]
    parts: tuple[Generator, ...]
    drawn: int = 0

    def ask(self, asker: Asker, dice: Dice) -> Step:
        weights, parts = list(self.weights), list(self.parts)
        number, waits = self.drawn, []
        while any(weights):
            place = dice.choose(number, tuple(weights))
            number += 1
            step = parts[place].ask(asker, dice.of(place))
            weights[place] = 0.0  # Of those that have nothing now, another one is drawn.
            if isinstance(step, NotYet):
                waits.append(step.until_ns)
            if step is not None:
                parts[place] = step.then
            if isinstance(step, Due):
                return replace(step, then=Mix(self.weights, tuple(parts), number))
        if not waits:
            return None
        known = [until_ns for until_ns in waits if until_ns is not None]
        until_ns = min(known) if len(known) == len(waits) else None
        return NotYet(until_ns, Mix(self.weights, tuple(parts), number))

    def done(self, client: int, ok: bool) -> Generator:
        return replace(self, parts=tuple(part.done(client, ok) for part in self.parts))

    @property
    def inners(self) -> tuple[Generator, ...]:
        return self.parts

    @property
    def finite(self) -> bool:
        return all(part.finite for part in self.parts)

    @property
    def least_ns(self) -> int:
        return max(part.least_ns for part in self.parts)

    def check(self) -> None:
        super().check()
        if not sum(self.weights) > 0:
            raise ValueError("the weights of mix sum to zero; give one of them a weight above 0")
