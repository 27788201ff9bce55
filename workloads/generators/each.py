"""To each client its own."""

from dataclasses import dataclass, field, replace

from workloads.generators.dice import Dice
from workloads.generators.generator import Asker, Generator, NotYet, Step, Wrapping


@dataclass(frozen=True)
class Each(Wrapping):
    """Each client has the generator for itself, from the beginning, with dice of its own. It ends
    once those of all clients have ended."""

    own: dict[int, Generator] = field(default_factory=dict)
    ended: frozenset[int] = frozenset()

    def ask(self, asker: Asker, dice: Dice) -> Step:
        mine = self.own.get(asker.client, self.inner)
        alone = replace(asker, client=0, clients=1)
        step = mine.ask(alone, dice.of(asker.client))
        if step is not None:
            return replace(step, then=self._with(asker.client, step.then))
        ended = self.ended | {asker.client}
        return None if len(ended) == asker.clients else NotYet(None, replace(self, ended=ended))

    def done(self, client: int, ok: bool) -> Generator:
        return self._with(client, self.own.get(client, self.inner).done(0, ok))

    def _with(self, client: int, mine: Generator) -> "Each":
        return replace(self, own={**self.own, client: mine})
