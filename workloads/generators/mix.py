"""Several at once: each call comes from one of them, drawn by weight."""

from dataclasses import dataclass, replace

from workloads.generators.dice import Dice
from workloads.generators.generator import Asker, Due, NotYet, Several, Step


@dataclass(frozen=True)
class Mix(Several):
    """Calls of several generators by their weights; one that has ended is drawn no more."""

    weights: tuple[float, ...]
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
                return replace(step, then=replace(self, parts=tuple(parts), drawn=number))
        if not waits:
            return None
        known = [until_ns for until_ns in waits if until_ns is not None]
        until_ns = min(known) if len(known) == len(waits) else None
        return NotYet(until_ns, replace(self, parts=tuple(parts), drawn=number))

    def check(self) -> None:
        super().check()
        if not sum(self.weights) > 0:
            raise ValueError("the weights of mix sum to zero; give one of them a weight above 0")
