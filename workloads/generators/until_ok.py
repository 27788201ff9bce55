"""Again and again, until one of the calls succeeds."""

from dataclasses import dataclass, replace

from workloads.generators.dice import Dice
from workloads.generators.generator import Asker, Due, Generator, Step, Wrapping


@dataclass(frozen=True)
class UntilOk(Wrapping):
    """Calls of the inner generator until one of them is ok; calls already made go on."""

    calling: frozenset[int] = frozenset()
    happened: bool = False
    ends = True

    def ask(self, asker: Asker, dice: Dice) -> Step:
        step = None if self.happened else self.inner.ask(asker, dice)
        if step is None:
            return None
        calling = self.calling | {asker.client} if isinstance(step, Due) else self.calling
        return self.becomes(step, calling=calling)

    def done(self, client: int, ok: bool) -> Generator:
        own = client in self.calling
        return replace(
            self,
            inner=self.inner.done(client, ok),
            calling=self.calling - {client},
            happened=self.happened or (ok and own),
        )
