"""Reads, writes and compare-and-sets on several keys, each of which is a register.

Values are distinct within a key unless asked otherwise, because that makes every stale read visible
and checking fast. A CAS mostly expects the value last seen, so that a fair share of them succeeds.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

from faker import Faker

from checker.models.catalogue import MODELS
from workloads.workload import Call, Calls, Shape, Workload

FINAL_READS = 2_000
"""At most so many keys are read at the end, the youngest ones, to bound the time that it takes."""

_DOCUMENTS = 64


@cache
def _faker() -> Faker:
    """Made once: that takes as long as simulating a whole second."""
    return Faker()


class RegisterCalls(Calls):
    """Draws calls: the share of reads that was asked for, and as many writes as CAS."""

    def __init__(self, random: Random, shape: Shape) -> None:
        super().__init__(random, shape)
        self._used: dict[str, int] = {}
        self._counters: dict[str, int] = {}
        self._seen: dict[str, Any] = {}
        self._active = [self._fresh_key() for _ in range(shape.keys)]
        documents = shape.values == "documents"
        self._documents = [self._document() for _ in range(_DOCUMENTS)] if documents else []

    def next(self) -> Call:
        slot = self.random.randrange(len(self._active))
        key = self._active[slot]
        self._used[key] += 1
        if self._used[key] >= self.shape.operations_per_key:
            self._active[slot] = self._fresh_key()
        if self.random.randrange(100) < self.shape.reads:
            return Call("read", key, pure=True)
        if self.random.random() < 0.5:
            return Call("write", key, self._fresh_value(key))
        return Call("cas", key, [self._expected(key), self._fresh_value(key)])

    def saw(self, call: Call, result: Any) -> None:
        if call.function == "cas" and result == call.argument[0]:
            self._seen[call.key] = call.argument[1]
        else:
            self._seen[call.key] = result

    def final(self) -> Iterator[Call]:
        for key in list(self._used)[-FINAL_READS:]:
            yield Call("read", key, pure=True)

    def _expected(self, key: str) -> Any:
        """The value last seen, and now and then a fresh one, which cannot be there."""
        if self.random.randrange(8) == 0:
            return self._fresh_value(key)
        return self._seen.get(key)

    def _fresh_key(self) -> str:
        while True:
            key = f"{self._fake().word()}:{self.random.randrange(1000, 10_000)}"
            if key not in self._used:
                self._used[key] = 0
                return key

    def _fresh_value(self, key: str) -> Any:
        kind, _, count = self.shape.values.partition(":")
        if kind == "repeated":
            return self.random.randrange(int(count))
        counter = self._counters[key] = self._counters.get(key, 0) + 1
        if kind == "documents":
            return {"version": counter, **self.random.choice(self._documents)}
        return counter

    def _fake(self) -> Faker:
        """A generator of words, seeded anew, since all runs of a process share it."""
        fake = _faker()
        fake.seed_instance(self.random.getrandbits(64))
        return fake

    def _document(self) -> dict[str, Any]:
        fake = self._fake()
        return {"name": fake.name(), "city": fake.city(), "email": fake.email()}


def _simpler(call: Call) -> Call | None:
    """A plain write in the place of a compare-and-set, which then needs no call before it."""
    return (
        replace(call, function="write", argument=call.argument[1])
        if call.function == "cas"
        else None
    )


REGISTER = Workload(
    name="register",
    about="read, write and cas on several keys; each key is linearizable on its own",
    functions=("read", "write", "cas"),
    calls=RegisterCalls,
    model=MODELS["cas-register"],
    simpler=_simpler,
)
