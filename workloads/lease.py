"""Leases: a lock is acquired for a time, renewed, and lost when the time is over.

A replica looks at no clock, or replicas would differ; so each call says what time it is, and the
time of a key is the latest that was said. The clock here ticks with every call that is drawn for
a key, so that leases run out at any rate of calls, and are renewed just in time or just too late.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

from checker.models.catalogue import MODELS
from workloads.keys import KEYS, KeyedCalls
from workloads.workload import Call, Shape, Workload

LEASE = 8
"""Ticks for which a lock is acquired or renewed."""

BEHIND = 3
"""How many ticks a clock may be behind."""


class LeaseCalls(KeyedCalls):
    options = KEYS

    def __init__(self, random: Random, shape: Shape) -> None:
        super().__init__(random, shape)
        self._clients = 0
        self._holder: dict[str, str] = {}

    def next(self) -> Call:
        key = self.next_key()
        holder = self._holder.get(key)
        if holder is not None and self.random.random() < 0.6:
            return self._call("renew" if self.random.random() < 0.6 else "release", key, holder)
        self._clients += 1
        return self._call("acquire", key, f"c{self._clients}")

    def saw(self, call: Call, result: Any) -> None:
        client = call.argument["client"]
        if call.function == "acquire":
            self._holder[call.key] = client
        elif call.function == "release":
            self._forget(call)

    def refused(self, call: Call) -> None:
        """Whoever cannot renew or release it holds it no longer."""
        if call.function != "acquire":
            self._forget(call)

    def final(self) -> Iterator[Call]:
        """Once the last lease has run out, the lock can be had again."""
        for key in self.youngest():
            self.used[key] += LEASE + BEHIND
            self._clients += 1
            yield self._call("acquire", key, f"c{self._clients}")

    def _call(self, function: str, key: str, client: str) -> Call:
        now = max(0, self.used[key] - self.random.randint(0, BEHIND))
        return Call(function, key, {"client": client, "now": now, "lease": LEASE})

    def _forget(self, call: Call) -> None:
        if self._holder.get(call.key) == call.argument["client"]:
            del self._holder[call.key]


LEASE_LOCK = Workload(
    name="lease",
    about="acquire locks for a time, renew and release them",
    calls=LeaseCalls,
    model=MODELS["leased-mutex"],
    warm_up=Call("acquire", "warm-up", {"client": "c0", "now": 0, "lease": 1}),
)
