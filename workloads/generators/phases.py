"""One after the other: a phase begins when the one before has ended, answers and all."""

from dataclasses import dataclass, replace

from workloads.generators.dice import Dice
from workloads.generators.generator import Asker, Due, Generator, NotYet, Several, Step


@dataclass(frozen=True)
class Phases(Several):
    """Generators in turn. Until the last call of one is answered, none of the next is made."""

    at: int = 0
    calling: frozenset[int] = frozenset()
    """The clients whose calls of this phase are not answered yet."""

    def ask(self, asker: Asker, dice: Dice) -> Step:
        if self.at >= len(self.parts):
            return None
        step = self.parts[self.at].ask(asker, dice.of(self.at))
        if isinstance(step, Due):
            calling = self.calling | {asker.client}
            return replace(step, then=self.having(self.at, step.then, calling=calling))
        if step is not None:
            return replace(step, then=self.having(self.at, step.then))
        if self.at + 1 >= len(self.parts):
            return None
        if self.calling:
            return NotYet(None, self)
        return replace(self, at=self.at + 1).ask(asker, dice)

    def done(self, client: int, ok: bool) -> Generator:
        if self.at >= len(self.parts):
            return self
        current = self.parts[self.at].done(client, ok)
        return self.having(self.at, current, calling=self.calling - {client})

    @property
    def finite(self) -> bool:
        return self.parts[-1].finite

    @property
    def least_ns(self) -> int:
        return sum(part.least_ns for part in self.parts)

    def check(self) -> None:
        super().check()
        for number, part in enumerate(self.parts[:-1], start=1):
            if not part.finite:
                raise ValueError(
                    f"phase {number} of {len(self.parts)} never ends, so the next would never "
                    "begin; put limit or time around it"
                )
