"""In alternation: one of this, one of that, and so on."""

from dataclasses import dataclass, replace

from workloads.generators.dice import Dice
from workloads.generators.generator import Asker, Due, Generator, Step


@dataclass(frozen=True)
class FlipFlop(Generator):
    """A call of each part in turn; it ends as soon as the part whose turn it is has ended."""

    parts: tuple[Generator, ...]
    turn: int = 0

    def ask(self, asker: Asker, dice: Dice) -> Step:
        step = self.parts[self.turn].ask(asker, dice.of(self.turn))
        if step is None:
            return None
        parts = (*self.parts[: self.turn], step.then, *self.parts[self.turn + 1 :])
        turn = (self.turn + isinstance(step, Due)) % len(parts)
        return replace(step, then=FlipFlop(parts, turn))

    def done(self, client: int, ok: bool) -> Generator:
        return replace(self, parts=tuple(part.done(client, ok) for part in self.parts))

    @property
    def inners(self) -> tuple[Generator, ...]:
        return self.parts

    @property
    def finite(self) -> bool:
        return any(part.finite for part in self.parts)
