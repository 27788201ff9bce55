"""In alternation: one of this, one of that, and so on."""

from dataclasses import dataclass, replace

from workloads.generators.dice import Dice
from workloads.generators.generator import Asker, Due, Several, Step


@dataclass(frozen=True)
class FlipFlop(Several):
    """A call of each part in turn; it ends as soon as the part whose turn it is has ended."""

    turn: int = 0

    def ask(self, asker: Asker, dice: Dice) -> Step:
        step = self.parts[self.turn].ask(asker, dice.of(self.turn))
        if step is None:
            return None
        turn = (self.turn + isinstance(step, Due)) % len(self.parts)
        return replace(step, then=self.having(self.turn, step.then, turn=turn))

    @property
    def finite(self) -> bool:
        return any(part.finite for part in self.parts)
