"""How far two systems lie apart in one figure, and how sure that is.

Rates, times and counts are compared by their ratio (the mean difference of logarithms), since a
machine that is slower is slower for all in proportion; shares by their difference. Where many
differences are tried, Holm's correction (Scandinavian Journal of Statistics 6, 1979) keeps the
chance that any is told which does not exist at 5 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, log
from typing import Any

from reports.figures import Figure
from reports.intervals import RESAMPLES, Bootstrap, Interval, holm, p_value
from reports.wording import digits

LEAST_RATIO = 1.01
LEAST_SHARE = 0.001
"""Smaller differences are not told, however sure they are: nobody chooses a protocol by them."""

DECIDED = (
    "A difference is told only if its 95 % interval leaves out “no difference”, it is at least "
    "1 % (0.1 points for shares), and it withstands Holm’s correction: of all differences that are "
    "tried, those of the picture in one family and all others in a second, with a probability of "
    "95 % none is told that does not exist. Intervals are percentile bootstraps of the mean "
    f"({RESAMPLES:,} resamples of the repeats), widened as Student’s t asks for so few repeats; "
    "they hold for one figure at a time."
)


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure of one system: values by repeat, their mean, and its interval if it has one."""

    values: dict[int, float]
    mean: float
    interval: Interval | None

    def to_json(self) -> dict[str, Any]:
        return {
            "mean": self.mean,
            "low": None if self.interval is None else self.interval.low,
            "high": None if self.interval is None else self.interval.high,
            "values": {str(repeat): value for repeat, value in self.values.items()},
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """Two systems in one figure. `interval` is of the ratio higher / lower, or of the difference
    where `ratio` is false; `beyond_noise` is one larger than noise, and than what matters."""

    higher: str
    lower: str
    ratio: bool
    paired: bool
    interval: Interval
    beyond_noise: bool
    sentence: str
    p: float = 0.0
    """How often chance alone would show as much, by Student's t."""

    def to_json(self) -> dict[str, Any]:
        return {
            "higher": self.higher,
            "lower": self.lower,
            "kind": "ratio" if self.ratio else "difference",
            "paired": self.paired,
            "estimate": self.interval.estimate,
            "low": self.interval.low,
            "high": self.interval.high,
            "p": self.p,
            "beyond_noise": self.beyond_noise,
            "sentence": self.sentence,
        }


def differ(
    figure: Figure, one: tuple[str, Spread], other: tuple[str, Spread], bootstrap: Bootstrap
) -> Difference | None:
    """How far two systems lie apart in a figure; None where too few repeats can tell."""
    common = [repeat for repeat in one[1].values if repeat in other[1].values]
    paired = len(common) >= 2
    left = [one[1].values[n] for n in common] if paired else list(one[1].values.values())
    right = [other[1].values[n] for n in common] if paired else list(other[1].values.values())
    ratio = figure.unit != "share" and min(*left, *right) > 0
    if ratio:
        left, right = list(map(log, left)), list(map(log, right))
    interval = bootstrap.difference(left, right, paired)
    p = p_value(left, right, paired)
    if interval is None or p is None:
        return None
    if interval.estimate < 0:
        one, other = other, one
        interval = Interval(-interval.estimate, -interval.high, -interval.low)
    clear = interval.excludes_zero
    if ratio:
        interval = Interval(exp(interval.estimate), exp(interval.low), exp(interval.high))
    least = LEAST_RATIO if ratio else LEAST_SHARE if figure.unit == "share" else 0.0
    beyond_noise = clear and interval.estimate >= least
    sentence = _sentence(figure, one, other, ratio, interval)
    return Difference(one[0], other[0], ratio, paired, interval, beyond_noise, sentence, p)


def _sentence(
    figure: Figure,
    higher: tuple[str, Spread],
    lower: tuple[str, Spread],
    ratio: bool,
    interval: Interval,
) -> str:
    """ "ring 7.10 ms, 2.20 times raft’s 3.23 ms (95 % interval 2.01 to 2.43)"."""
    high, low = figure.in_words(higher[1].mean), figure.in_words(lower[1].mean)
    if ratio:
        factor, *bounds = map(_factor, _three(interval))
        by = f"{factor} times {lower[0]}’s {low}"
    else:
        factor, *bounds = (figure.difference_in_words(x) for x in _three(interval))
        by = f"{factor} more than {lower[0]}’s {low}"
    return f"{higher[0]} {high}, {by} (95 % interval {bounds[0]} to {bounds[1]})"


def _factor(x: float) -> str:
    """A ratio in words; one that is close to 1 with a digit more, so that its side is seen."""
    return digits(x) if x >= 100 else f"{x:.3f}" if abs(x - 1) < 0.01 else f"{x:.2f}"


def _three(interval: Interval) -> tuple[float, float, float]:
    return interval.estimate, interval.low, interval.high


def corrected(families: Sequence[Sequence[Difference]]) -> dict[int, Difference]:
    """Every difference, by its `id`, beyond noise only where Holm's correction of its family
    leaves it so."""
    found = {}
    for family in families:
        for one, kept in zip(family, holm([one.p for one in family]), strict=True):
            found[id(one)] = replace(one, beyond_noise=one.beyond_noise and kept)
    return found
