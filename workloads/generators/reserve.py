"""Clients for a purpose: so many for this, so many for that, the others for the rest."""

from dataclasses import dataclass, replace

from workloads.generators.dice import Dice
from workloads.generators.generator import Asker, Generator, NotYet, Several, Step


@dataclass(frozen=True)
class Reserve(Several):
    """The first `counts[0]` clients ask the first part, and so on; those left ask the last."""

    counts: tuple[int, ...]
    ended: frozenset[int] = frozenset()

    def ask(self, asker: Asker, dice: Dice) -> Step:
        place, first = self._place(asker.client)
        count = self.counts[place] if place < len(self.counts) else asker.clients - first
        own = replace(asker, client=asker.client - first, clients=count)
        step = self.parts[place].ask(own, dice.of(place))
        if step is not None:
            return replace(step, then=self.having(place, step.then))
        ended = self.ended | {place}
        if len(ended) == len(self.parts):
            return None
        return NotYet(None, replace(self, ended=ended))

    def done(self, client: int, ok: bool) -> Generator:
        place, first = self._place(client)
        return self.having(place, self.parts[place].done(client - first, ok))

    def _place(self, client: int) -> tuple[int, int]:
        """The part that a client asks, and the first client that does."""
        first = 0
        for place, count in enumerate(self.counts):
            if client < first + count:
                return place, first
            first += count
        return len(self.parts) - 1, first

    @property
    def reserved(self) -> int:
        return sum(self.counts) + 1
