"""Keys for calls: several are in use at a time, and each is retired after a number of calls."""

from abc import abstractmethod
from collections.abc import Iterator
from functools import cache
from random import Random

from faker import Faker

from workloads.popularity import weights
from workloads.workload import Call, Calls, Shape

KEYS = frozenset({"keys", "operations_per_key", "popularity"})
"""The options that all calls on keys depend on."""

FINAL_READS = 2_000
"""At most this many keys are read at the end, the youngest ones, to bound the time."""


@cache
def _faker() -> Faker:
    """Made once: that takes as long as simulating a whole second."""
    return Faker()


class KeyedCalls(Calls):
    """Calls on keys that are words and a number: `next_key` draws one that is in use."""

    def __init__(self, random: Random, shape: Shape) -> None:
        super().__init__(random, shape)
        self.used: dict[str, int] = {}
        """How often each key was drawn, the oldest key first."""

        self.numbers = Numbers()
        self._active = [self._fresh_key() for _ in range(shape.keys)]
        self._weights = weights(shape.popularity, shape.keys)

    def next_key(self) -> str:
        if self._weights is None:
            slot = self.random.randrange(len(self._active))
        else:
            (slot,) = self.random.choices(range(len(self._active)), self._weights)
        key = self._active[slot]
        self.used[key] += 1
        if self.used[key] >= self.shape.operations_per_key:
            self._active[slot] = self._fresh_key()
        return key

    def reads(self) -> bool:
        """Whether the next call should be a read: the share of them is an option."""
        return self.random.randrange(100) < self.shape.reads

    def final(self) -> Iterator[Call]:
        for key in self.youngest():
            yield Call("read", key, pure=True)

    def youngest(self) -> list[str]:
        """The keys to look at in the end."""
        return list(self.used)[-FINAL_READS:]

    def fake(self) -> Faker:
        """A generator of words, seeded again, since all runs of a process share it."""
        fake = _faker()
        fake.seed_instance(self.random.getrandbits(64))
        return fake

    def _fresh_key(self) -> str:
        while True:
            key = f"{self.fake().word()}:{self.random.randrange(1000, 10_000)}"
            if key not in self.used:
                self.used[key] = 0
                return key


class ReadsAndChanges(KeyedCalls):
    """Calls that read a key, as often as was asked for, or change it."""

    options = KEYS | {"reads"}

    def next(self) -> Call:
        key = self.next_key()
        return self.look(key) if self.reads() else self.change(key)

    def look(self, key: str) -> Call:
        return Call("read", key, pure=True)

    @abstractmethod
    def change(self, key: str) -> Call:
        """The next call that changes the key."""


class Numbers:
    """Distinct numbers for each key, dense from 1."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def fresh(self, key: str) -> int:
        number = self._last[key] = self._last.get(key, 0) + 1
        return number

    def given(self, key: str) -> int:
        """The last one."""
        return self._last.get(key, 0)
