"""Systems side by side: each figure's mean and spread, and which differences are more than noise.

Runs of different systems belong together where they had the same seed, and so the same calls and
the same schedule of faults; the differences are then taken pair by pair, which leaves out what the
schedule and the hour of the day did to both alike. Rates, times and counts are compared by their
ratio (the mean difference of logarithms), since a machine that is slower is slower for all in
proportion; shares by their difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import exp, log
from random import Random
from typing import Any

from checker.wording import plural
from reports.figures import Figure, figure_of
from reports.intervals import RESAMPLES, Bootstrap, Interval
from reports.measures import Measured
from reports.stored import find
from reports.wording import digits

LEAST_RATIO = 1.01
LEAST_SHARE = 0.001
"""Smaller differences are not told, however sure they are: nobody chooses a protocol by them."""

DECIDED = (
    "A difference is told only if its 95 % interval leaves out “no difference” and it is at least "
    f"1 % (0.1 points for shares). Intervals are percentile bootstraps of the mean "
    f"({RESAMPLES:,} resamples of the repeats), widened as Student’s t asks for so few repeats."
)


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A measured run, by the name under which it is compared and the repeat it belongs to."""

    label: str
    repeat: int
    measured: Measured


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

    def to_json(self) -> dict[str, Any]:
        return {
            "higher": self.higher,
            "lower": self.lower,
            "kind": "ratio" if self.ratio else "difference",
            "paired": self.paired,
            "estimate": self.interval.estimate,
            "low": self.interval.low,
            "high": self.interval.high,
            "beyond_noise": self.beyond_noise,
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class Compared:
    """One figure of all systems that have it. `best` differs from every other, for the better."""

    figure: Figure
    spreads: dict[str, Spread]
    differences: tuple[Difference, ...]
    best: str = ""

    @property
    def clear(self) -> list[Difference]:
        return [difference for difference in self.differences if difference.beyond_noise]

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.figure.key,
            "label": self.figure.label,
            "unit": self.figure.unit,
            "better": self.figure.better,
            "best": self.best,
            "systems": {label: spread.to_json() for label, spread in self.spreads.items()},
            "differences": [difference.to_json() for difference in self.differences],
        }


@dataclass(frozen=True)
class Comparison:
    """All that a comparison found. `promises` says which systems promise to be linearizable."""

    labels: tuple[str, ...]
    runs: tuple[ComparedRun, ...]
    compared: tuple[Compared, ...]
    promises: dict[str, bool]

    @property
    def repeats(self) -> list[int]:
        return sorted({run.repeat for run in self.runs})

    def of(self, label: str) -> list[ComparedRun]:
        return [run for run in self.runs if run.label == label]

    def counts_against(self, run: ComparedRun) -> bool:
        """Whether a run is a violation: what was never promised cannot be broken."""
        promised = self.promises.get(run.label, True)
        return run.measured.verdict == "invalid" and (
            promised or run.measured.linearizable != "invalid"
        )

    @property
    def verdict(self) -> str:
        """ "invalid" where a promise was broken, "unknown" where one was not shown to be kept."""
        if any(map(self.counts_against, self.runs)):
            return "invalid"
        judged = [run for run in self.runs if self.promises.get(run.label, True)]
        unknown = any(run.measured.verdict == "unknown" for run in judged)
        return "unknown" if unknown or not self.runs else "valid"

    @property
    def virtual(self) -> bool:
        return any(run.measured.run.get("environment") == "simulated" for run in self.runs)


def compare(measured: Sequence[Measured], random: Random, promises: dict[str, bool]) -> Comparison:
    """Compare runs; `promises` is by system, and one that it does not name is taken to promise."""
    runs = _labelled(measured)
    labels = tuple(dict.fromkeys(run.label for run in runs))
    bootstrap = Bootstrap(random)
    keys = dict.fromkeys(key for run in runs for key in run.measured.figures)
    figures = sorted(map(figure_of, keys), key=lambda figure: figure.place)
    compared = tuple(_compared(figure, labels, runs, bootstrap) for figure in figures)
    by_label = {run.label: promises.get(run.measured.system, True) for run in runs}
    return Comparison(labels, runs, compared, by_label)


def _labelled(measured: Sequence[Measured]) -> tuple[ComparedRun, ...]:
    """Runs by system; or, where there is only one, by the commit that they ran from.

    Runs of one seed belong to one repeat. If a system has several of a seed, the first of them goes
    with the first of the others, and so on.
    """
    commits = {run.system: find(run.run, str, "versions", "commit") or "?" for run in measured}
    by_commit = len(commits) == 1
    seen: dict[tuple[str, int], int] = {}
    repeats: dict[tuple[int, int], int] = {}
    runs = []
    for one in measured:
        commit = find(one.run, str, "versions", "commit") or "?"
        label = f"{one.system} @ {commit}" if by_commit else one.system
        nth = seen[label, one.seed] = seen.get((label, one.seed), 0) + 1
        repeat = repeats.setdefault((one.seed, nth), len(repeats) + 1)
        runs.append(ComparedRun(label, repeat, one))
    return tuple(runs)


def _compared(
    figure: Figure, labels: Sequence[str], runs: Sequence[ComparedRun], bootstrap: Bootstrap
) -> Compared:
    spreads: dict[str, Spread] = {}
    for label in labels:
        values = {
            run.repeat: run.measured.figures[figure.key]
            for run in runs
            if run.label == label and figure.key in run.measured.figures
        }
        if values:
            known = list(values.values())
            interval = bootstrap.mean(known)
            if interval is not None:
                interval = figure.bounded(interval)
            spreads[label] = Spread(values, sum(known) / len(known), interval)
    differences = tuple(
        difference
        for one, other in combinations(spreads, 2)
        if (difference := differ(figure, (one, spreads[one]), (other, spreads[other]), bootstrap))
    )
    return Compared(figure, spreads, differences, _best(figure, spreads, differences))


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
    if interval is None:
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
    return Difference(one[0], other[0], ratio, paired, interval, beyond_noise, sentence)


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


def _best(figure: Figure, spreads: dict[str, Spread], differences: Sequence[Difference]) -> str:
    """The system that is better than each of the others, beyond noise; "" where there is none."""
    if not figure.better or len(spreads) < 2:
        return ""
    better = [
        (d.higher, d.lower) if figure.better == "more" else (d.lower, d.higher)
        for d in differences
        if d.beyond_noise
    ]
    for label in spreads:
        if sum(winner == label for winner, _ in better) == len(spreads) - 1:
            return label
    return ""


def headline(comparison: Comparison) -> str:
    """The verdicts of all systems in a sentence."""
    broken = [_broken(comparison, label) for label in comparison.labels]
    told = [sentence for sentence in broken if sentence]
    if told:
        return "; ".join(told)
    if not comparison.runs:
        return "No run was finished"
    if comparison.verdict == "unknown":
        return "No violation, but not every run could show one"
    kept = [label for label in comparison.labels if comparison.promises[label]]
    if not kept:
        return "No system here promises to be linearizable"
    count = sum(len(comparison.of(label)) for label in kept)
    return f"{listed(kept)}: linearizable in all {plural(count, 'run')}"


def _broken(comparison: Comparison, label: str) -> str:
    runs = comparison.of(label)
    against = [run for run in runs if comparison.counts_against(run)]
    if not against:
        return ""
    violated = any(run.measured.linearizable == "invalid" for run in against)
    what = "was not linearizable" if violated else "failed"
    return f"{label} {what} in {len(against)} of {plural(len(runs), 'run')}"


def unpromised(comparison: Comparison) -> list[str]:
    """A sentence about each system that promises less."""
    told = []
    for label in comparison.labels:
        if not comparison.promises[label]:
            runs = comparison.of(label)
            broke = sum(run.measured.linearizable == "invalid" for run in runs)
            told.append(
                f"{label} does not promise to be linearizable, and was not in {broke} of "
                f"{plural(len(runs), 'run')}."
            )
    return told


def chance(comparison: Comparison) -> str:
    """How many of the differences that are told may be chance."""
    tried = sum(len(compared.differences) for compared in comparison.compared)
    told = sum(len(compared.clear) for compared in comparison.compared)
    if not tried:
        return (
            "One repeat says nothing of noise, so no difference is told; give --repeat 3 or more."
        )
    return (
        f"Of {tried} differences {told} {'is' if told == 1 else 'are'} told; were there none at "
        f"all, about {max(round(tried * 0.05), 1)} would be told by chance."
    )


def listed(names: Sequence[str]) -> str:
    """ "raft, paxos and ring"."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def caveats(comparison: Comparison) -> list[str]:
    """What a reader must know before trusting the figures: how runs differ beside the system."""
    told = []
    if comparison.virtual:
        told.append(
            "Simulated: all times are virtual. They compare the rounds and waits of the protocols "
            "in the same drawn worlds, not the speed of code or machines."
        )
    configs = [run.measured.config for run in comparison.runs]
    names = dict.fromkeys(name for config in configs for name in config)
    for name in names:
        values = list(dict.fromkeys(str(config.get(name)) for config in configs))
        if name not in ("system", "seed") and len(values) > 1:
            told.append(f"The runs do not share {name}: {', '.join(values[:5])}.")
    for what, path in {"commit": ("versions", "commit"), "machine": ("machine",)}.items():
        values = list(dict.fromkeys(str(_at(run.measured.run, path)) for run in comparison.runs))
        if len(values) > 1 and not (what == "commit" and "@" in "".join(comparison.labels)):
            told.append(f"The runs do not share the {what}: {', '.join(values[:5])}.")
    for repeat in comparison.repeats:
        own = [run.measured for run in comparison.runs if run.repeat == repeat]
        worlds = [one.world for one in own if one.world]
        differing = sorted({name for world in worlds for name in world
                            if world.get(name) != worlds[0].get(name)})  # fmt: skip
        if differing:
            told.append(
                f"The simulated worlds of seed {own[0].seed} differ in {listed(differing)}: "
                "a system that tolerates fewer failures was spared some."
            )
        if len({one.schedule for one in own}) > 1:
            told.append(f"The schedules of seed {own[0].seed} differ between systems.")
    return told


def _at(data: Any, path: Sequence[str]) -> Any:
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data
