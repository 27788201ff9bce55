"""How far a mean can be trusted after a few repeats: bootstrap intervals, widened for few values.

The percentile bootstrap (Efron and Tibshirani, *An Introduction to the Bootstrap*, ch. 13) draws
the repeats again with replacement and takes the middle 95 % of the means. With three or five
repeats it is too narrow: no resample can leave the range of what was seen. So both halves of an
interval are stretched by t(n-1) / z * sqrt(n / (n-1)), which makes it about as wide as Student's
where values are normal (after Hesterberg, "What Teachers Should Know about the Bootstrap", 2015,
which adjusts the percentiles instead) and keeps its skew where they are not. Of one repeat nothing
is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan, cos, inf, pi, sin, sqrt
from random import Random
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from checker.columns import Ints

Floats: TypeAlias = NDArray[np.float64]

RESAMPLES = 4_000
Z = 1.960
T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t at 97.5 % for 1, 2, 3 … degrees of freedom; beyond these it is taken as normal."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the 95 % interval around it."""

    estimate: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


class Bootstrap:
    """Intervals of means. Equal numbers of values are resampled alike, in whatever order they come,
    so that a figure more or less changes no other's interval."""

    def __init__(self, random: Random) -> None:
        self._seed = random.getrandbits(64)
        self._drawn: dict[tuple[int, str], Ints] = {}

    def mean(self, values: Sequence[float]) -> Interval | None:
        """The mean of a few values; None for fewer than two."""
        if len(values) < 2:
            return None
        return _interval(float(np.mean(values)), self._means(values, "left"), len(values))

    def difference(
        self, left: Sequence[float], right: Sequence[float], paired: bool
    ) -> Interval | None:
        """The mean of `left` less that of `right`, whose values belong together where `paired`."""
        if paired:
            return self.mean([one - other for one, other in zip(left, right, strict=True)])
        fewest = min(len(left), len(right))
        if fewest < 2:
            return None
        means = self._means(left, "left") - self._means(right, "right")
        return _interval(float(np.mean(left) - np.mean(right)), means, fewest)

    def _means(self, values: Sequence[float], side: str) -> Floats:
        """The means of all resamples; the two sides of a difference are resampled apart."""
        count = len(values)
        if (count, side) not in self._drawn:
            random = Random(f"{self._seed}:{count}:{side}")
            rows = [random.choices(range(count), k=count) for _ in range(RESAMPLES)]
            self._drawn[count, side] = np.array(rows, np.int64)
        means: Floats = np.asarray(values, np.float64)[self._drawn[count, side]].mean(axis=1)
        return means


def stretch(count: int) -> float:
    """By how much an interval from this many values is widened: 2.69 for three, 1.58 for five."""
    t = T[count - 2] if count - 2 < len(T) else Z
    return t / Z * sqrt(count / (count - 1))


def _interval(estimate: float, means: Floats, count: int) -> Interval:
    low, high = (float(bound) for bound in np.quantile(means, (0.025, 0.975)))
    by = stretch(count)
    return Interval(estimate, estimate - (estimate - low) * by, estimate + (high - estimate) * by)


def t_of(left: Sequence[float], right: Sequence[float], paired: bool) -> tuple[float, int] | None:
    """Student's t of the difference of two means, and its degrees of freedom; of values that do
    not belong together the smaller number's, which errs on the side of no difference."""
    if paired:
        left = [one - other for one, other in zip(left, right, strict=True)]
        right = []
    fewest = min(len(part) for part in (left, right) if part or not paired)
    if fewest < 2:
        return None
    error = sqrt(sum(float(np.var(part, ddof=1)) / len(part) for part in (left, right) if part))
    apart = float(np.mean(left)) - (float(np.mean(right)) if right else 0.0)
    t = apart / error if error > abs(apart) * 1e-12 else inf if apart > 0 else -inf
    return (0.0 if apart == 0 else t), fewest - 1


def p_value(left: Sequence[float], right: Sequence[float], paired: bool) -> float | None:
    """How often chance alone would make the means differ as much, in either direction; None for
    fewer than two values."""
    found = t_of(left, right, paired)
    return None if found is None else two_sided(*found)


def two_sided(t: float, freedom: int) -> float:
    """The probability of a Student's t as far from zero as this one (Abramowitz and Stegun,
    26.7.3 and 26.7.4)."""
    angle = atan(abs(t) / sqrt(freedom))
    odd = freedom % 2
    term, total = (cos(angle), 0.0) if odd else (1.0, 0.0)
    for n in range(2 + odd, freedom + 1, 2):
        total += term
        term *= cos(angle) ** 2 * (n - 1) / n
    within = 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
    return min(max(1.0 - within, 0.0), 1.0)


def holm(ps: Sequence[float], level: float = 0.05) -> list[bool]:
    """Which of these tests stand if any false one is to be among them in 5 % of all cases."""
    kept = [False] * len(ps)
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda n: ps[n])):
        if ps[place] > level / (len(ps) - rank):
            break
        kept[place] = True
    return kept
