"""Dice without a state: what is rolled depends on the seed and on a number, and on nothing else.

A generator is a value, so it cannot hold a `random.Random`, which changes with each draw. It counts
its draws instead, and asks for the one of that number. Each generator has dice of its own, by its
place among others; so one that is added beside it changes none of its draws.
"""

from dataclasses import dataclass
from hashlib import blake2b
from statistics import NormalDist

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Dice:
    """The dice of one place."""

    seed: str

    def of(self, place: object) -> "Dice":
        """Those of a place within this one."""
        return Dice(f"{self.seed}/{place}")

    def roll(self, number: int) -> float:
        """The roll of that number, above 0 and below 1, all alike."""
        digest = blake2b(f"{self.seed}#{number}".encode(), digest_size=6).digest()
        return (int.from_bytes(digest) + 0.5) / 2**48

    def normal(self, number: int) -> float:
        """The roll of that number, normally distributed about 0 with a deviation of 1."""
        return _NORMAL.inv_cdf(self.roll(number))

    def choose(self, number: int, weights: tuple[float, ...]) -> int:
        """A place among weights, drawn by them; their sum must be above 0."""
        left = self.roll(number) * sum(weights)
        for place, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return place
        return max(place for place, weight in enumerate(weights) if weight)
