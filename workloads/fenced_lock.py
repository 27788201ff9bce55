"""Locks with fencing tokens, and the resource that they guard.

Who holds a lock may be slow, lose it without knowing, and use what it guards long after somebody
else has begun to. So each holder gets a token greater than those before, and the resource refuses a
token once a later one has been used (Kleppmann, "How to do distributed locking", 2016). Holders
here are slow on purpose: now and then an old token is used.
"""

from random import Random
from typing import Any

from checker.models.catalogue import MODELS
from workloads.locks import LockCalls
from workloads.workload import Call, Shape, Workload

USES = 0.5
"""How often a call uses the resource, where a token of it is known."""

LATE = 0.2
"""How many of these use any of the tokens that there were, instead of the last one."""


class FencedCalls(LockCalls):
    """`acquire`, `release`, and `use` with the tokens that the lock gave."""

    def __init__(self, random: Random, shape: Shape) -> None:
        super().__init__(random, shape, named=True)
        self._tokens: dict[str, list[int]] = {}

    def next(self) -> Call:
        call = super().next()
        tokens = self._tokens.get(call.key)
        if not tokens or call.function == "acquire" or self.random.random() >= USES:
            return call
        fence = self.random.choice(tokens) if self.random.random() < LATE else tokens[-1]
        return Call("use", call.key, {"fence": fence, "value": self.numbers.fresh(call.key)})

    def saw(self, call: Call, result: Any) -> None:
        if call.function == "use":
            return
        super().saw(call, result)
        fence = result.get("fence") if isinstance(result, dict) else result
        if call.function == "acquire" and type(fence) is int:
            self._tokens.setdefault(call.key, []).append(fence)

    def refused(self, call: Call) -> None:
        if call.function != "use":
            super().refused(call)


FENCED_LOCK = Workload(
    name="fenced-lock",
    about="acquire and release locks, and use what they guard with tokens that must grow",
    calls=FencedCalls,
    model=MODELS["fenced-mutex"],
    warm_up=Call("acquire", "warm-up"),
)
