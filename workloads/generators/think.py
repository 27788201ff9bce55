"""Time to think: what a client waits between an answer and its next call."""

import math
from dataclasses import dataclass, field

from workloads.generators.dice import Dice
from workloads.generators.generator import SECOND_NS, Asker, Due, Step, Wrapping


@dataclass(frozen=True)
class Think(Wrapping):
    """Each client waits for a log-normal time, of that median in seconds and that deviation of its
    logarithm: mostly short and now and then long, as people think (and as web sessions show)."""

    median: float
    deviation: float
    drawn: tuple[tuple[int, int], ...] = ()
    due_ns: dict[int, int] = field(default_factory=dict)
    """When each client that is thinking will have done so."""

    def ask(self, asker: Asker, dice: Dice) -> Step:
        drawn = dict(self.drawn)
        number = drawn.get(asker.client, 0)
        due_ns = self.due_ns.get(asker.client)
        if due_ns is None:
            normal = dice.of(asker.client).normal(number)
            seconds = self.median * math.exp(self.deviation * normal)
            due_ns = asker.now_ns + int(seconds * SECOND_NS)
            drawn[asker.client] = number + 1
        at_ns = max(asker.now_ns, due_ns)
        step = self.inner.ask(asker.at(at_ns), dice.of("inner"))
        if step is None:
            return None
        others = {c: at for c, at in self.due_ns.items() if c != asker.client}
        if not isinstance(step, Due):
            others[asker.client] = due_ns
        return self.becomes(step, drawn=tuple(drawn.items()), due_ns=others)
