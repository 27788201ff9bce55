"""From the beginning again, for ever or so many times."""

from dataclasses import dataclass, replace

from workloads.generators.dice import Dice
from workloads.generators.generator import Asker, Generator, Step, Wrapping


@dataclass(frozen=True)
class Cycle(Wrapping):
    """The inner generator, and when it ends, the same from its beginning; `times` 0 is for ever."""

    times: int = 0
    round: int = 0
    current: Generator | None = None

    def ask(self, asker: Asker, dice: Dice) -> Step:
        if self.times and self.round >= self.times:
            return None
        current = self.inner if self.current is None else self.current
        step = current.ask(asker, dice.of(self.round))
        if step is not None:
            return replace(step, then=replace(self, current=step.then))
        if current is self.inner:
            return None  # It ended before it had begun, and would again.
        return replace(self, round=self.round + 1, current=None).ask(asker, dice)

    def done(self, client: int, ok: bool) -> Generator:
        return (
            self if self.current is None else replace(self, current=self.current.done(client, ok))
        )

    @property
    def finite(self) -> bool:
        return self.times > 0

    @property
    def least_ns(self) -> int:
        return self.times * self.inner.least_ns

    def check(self) -> None:
        super().check()
        if not self.inner.finite:
            raise ValueError(
                "cycle is around what never ends, so it would never begin again; put limit or time "
                "around that, or leave cycle out"
            )
