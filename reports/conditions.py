"""What a comparison is to fail for: "recovery.kill > 1.2x", judged by the interval alone.

A condition compares each system with the baseline, in one figure. It fails where the figure is
worse by more than was said with 95 % confidence: the whole interval lies beyond the bound, and the
test withstands Holm's correction for all conditions and systems. A difference that is merely seen
fails nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import exp, log
from random import Random
from typing import Any

from reports.comparison import Comparison
from reports.differences import Spread
from reports.figures import ORDER, Figure, figure_of
from reports.intervals import Bootstrap, Interval, holm, t_of, two_sided
from reports.wording import digits

_FORM = re.compile(r"\s*(?P<key>\S[^<>]*?)\s*(?P<sign>[<>])\s*(?P<bound>-?\d+(?:\.\d+)?)\s*"
                   r"(?P<unit>x|points?)\s*")  # fmt: skip
HOW = 'write it as "recovery.kill > 1.2x", "throughput.overall < 0.9x" or "kept.kill < -5 points"'


class BadCondition(ValueError):
    """A condition that cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class FailIf:
    """Fail where a figure is `above` (or else below) `bound` times that of the baseline; or where
    it differs from it by more than this many `points`, of shares."""

    text: str
    key: str
    above: bool
    bound: float
    points: bool

    @property
    def figure(self) -> Figure:
        return figure_of(self.key)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a condition says of a system: it `fails`, or not; None where it cannot be told."""

    condition: FailIf
    label: str
    fails: bool | None
    sentence: str
    interval: Interval | None = None

    def to_json(self) -> dict[str, Any]:
        interval = self.interval
        return {
            "condition": self.condition.text,
            "system": self.label,
            "fails": self.fails,
            "sentence": self.sentence,
            "estimate": None if interval is None else interval.estimate,
            "low": None if interval is None else interval.low,
            "high": None if interval is None else interval.high,
        }


def read_condition(text: str) -> FailIf:
    """The condition that a text says. Raises `BadCondition`."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise BadCondition(f"{text!r} is not a condition; {HOW}")
    key, unit = found["key"], found["unit"]
    if key.partition(".")[0] not in ORDER or "." not in key:
        raise BadCondition(
            f"there is no figure {key!r}; begin it with one of {', '.join(ORDER)} and a dot, as "
            "comparison.json names it"
        )
    points, bound = unit != "x", float(found["bound"])
    if points and figure_of(key).unit != "share":
        raise BadCondition(f"{key} is no share, so points mean nothing of it; {HOW}")
    if not points and bound <= 0:
        raise BadCondition(f"{text!r} compares with {bound:g} times nothing; give a factor above 0")
    return FailIf(" ".join(text.split()), key, found["sign"] == ">", bound, points)


def judge_conditions(
    comparison: Comparison, conditions: Sequence[FailIf], baseline: str, random: Random
) -> list[Judgement]:
    """What each condition says of each system but the baseline. Raises `BadCondition` for a figure
    that no run has, where others have one of its kind."""
    figures = {one.figure.key: one for one in comparison.compared}
    bootstrap = Bootstrap(random)
    found: list[tuple[Judgement, float]] = []
    for condition in conditions:
        if condition.key not in figures:
            near = get_close_matches(condition.key, figures, n=3, cutoff=0.3) or sorted(figures)[:3]
            raise BadCondition(
                f"no run has the figure {condition.key!r}; the nearest are {', '.join(near)}"
            )
        spreads = figures[condition.key].spreads
        for label in comparison.labels:
            if label != baseline:
                pair = spreads.get(label), spreads.get(baseline)
                found.append(_judged(condition, (label, baseline), pair, bootstrap))
    kept = holm([p for _, p in found], level=0.025)
    return [_final(one, stands, baseline) for (one, _), stands in zip(found, kept, strict=True)]


def _judged(
    condition: FailIf,
    labels: tuple[str, str],
    spreads: tuple[Spread | None, Spread | None],
    bootstrap: Bootstrap,
) -> tuple[Judgement, float]:
    """The interval of the difference from the bound, and how often chance makes it as large."""
    label, baseline = labels
    new, old = spreads
    if new is None or old is None:
        missing = label if new is None else baseline
        why = f"no run of {missing} has it"
        return Judgement(condition, label, None, f"{condition.text}: {why}"), 1.0
    common = [repeat for repeat in new.values if repeat in old.values]
    paired = len(common) >= 2
    one = [new.values[n] for n in common] if paired else list(new.values.values())
    other = [old.values[n] for n in common] if paired else list(old.values.values())
    if not condition.points:
        if min(*one, *other) <= 0:
            why = "some values are zero, of which there is no ratio"
            return Judgement(condition, label, None, f"{condition.text}: {why}"), 1.0
        one, other = list(map(log, one)), list(map(log, other))
    interval = bootstrap.difference(one, other, paired)
    bound = condition.bound / 100 if condition.points else log(condition.bound)
    tested = t_of([value - bound for value in one], other, paired)
    if interval is None or tested is None:
        why = "one repeat says nothing of noise; give --repeat 3 or more"
        return Judgement(condition, label, None, f"{condition.text}: {why}"), 1.0
    t, freedom = tested
    tail = two_sided(t, freedom) / 2
    p = tail if (t > 0) is condition.above else 1 - tail
    beyond = interval.low > bound if condition.above else interval.high < bound
    return Judgement(condition, label, beyond, "", interval), p


def _final(judged: Judgement, stands: bool, baseline: str) -> Judgement:
    """The judgement in words; it fails only where the test stands among all the others."""
    condition, interval = judged.condition, judged.interval
    if interval is None:
        return judged
    if not condition.points:
        interval = Interval(exp(interval.estimate), exp(interval.low), exp(interval.high))
    value, low, high = (
        digits(100 * x) if condition.points else digits(x)
        for x in (interval.estimate, interval.low, interval.high)
    )
    fails = bool(judged.fails) and stands
    by = f"differs by {value} points from" if condition.points else f"is {value} times"
    said = f"{condition.figure.label} of {judged.label} {by} that of {baseline}"
    said += f" (95 % interval {low} to {high})"
    end = "beyond" if fails else "not shown to be beyond"
    return Judgement(condition, judged.label, fails, f"{said}, {end} “{condition.text}”", interval)
