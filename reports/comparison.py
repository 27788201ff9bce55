"""Systems side by side: each figure's mean and spread, and which differences are more than noise.

Runs of different systems belong together where they had the same seed, and so the same calls and
the same schedule of faults; the differences are then taken pair by pair, which leaves out what the
schedule and the hour of the day did to both alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

from checker.wording import plural
from reports.differences import Difference, Spread, corrected, differ
from reports.figures import Figure, figure_of, first_six
from reports.intervals import Bootstrap
from reports.measures import Measured
from reports.stored import find


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A measured run, by the name under which it is compared and the repeat it belongs to."""

    label: str
    repeat: int
    measured: Measured


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

    @property
    def picture(self) -> list[Compared]:
        """The six figures that are shown first, or as many of them as there are."""
        by_key = {one.figure.key: one for one in self.compared}
        return [by_key[key] for key in first_six(list(by_key))]

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


def compare(
    measured: Sequence[Measured],
    random: Random,
    promises: dict[str, bool],
    names: Mapping[Path, str] | None = None,
) -> Comparison:
    """Compare runs; `promises` is by system, and one that it does not name is taken to promise.

    `names` are the labels that the user gave, by the runs' directories.
    """
    runs = _labelled(measured, names or {})
    labels = tuple(dict.fromkeys(run.label for run in runs))
    bootstrap = Bootstrap(random)
    keys = dict.fromkeys(key for run in runs for key in run.measured.figures)
    figures = sorted(map(figure_of, keys), key=lambda figure: figure.place)
    compared = _corrected([_compared(figure, labels, runs, bootstrap) for figure in figures])
    by_label = {run.label: promises.get(run.measured.system, True) for run in runs}
    return Comparison(labels, runs, compared, by_label)


def commit_of(run: Mapping[str, Any]) -> str:
    """The commit that a run's system was of: that of its own repository, or of Labrys."""
    versions = find(run, dict, "versions") or {}
    return str(versions.get("system_commit") or versions.get("commit") or "?")


def _labelled(measured: Sequence[Measured], names: Mapping[Path, str]) -> tuple[ComparedRun, ...]:
    """Runs by the names that were given; else by system; or, where there is only one, by the
    commit that they ran from.

    Runs of one seed belong to one repeat. If a system has several of a seed, the first of them goes
    with the first of the others, and so on.
    """
    by_commit = len({run.system for run in measured}) == 1
    seen: dict[tuple[str, int], int] = {}
    repeats: dict[tuple[int, int], int] = {}
    runs = []
    for one in measured:
        usual = f"{one.system} @ {commit_of(one.run)}" if by_commit else one.system
        label = names.get(one.directory, usual)
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
    return Compared(figure, spreads, differences)


def _corrected(compared: Sequence[Compared]) -> tuple[Compared, ...]:
    """The same with their differences corrected for how many were tried, and the best systems."""
    six = first_six([one.figure.key for one in compared])
    families = [
        [d for one in compared if (one.figure.key in six) is first for d in one.differences]
        for first in (True, False)
    ]
    kept = corrected(families)
    found = []
    for one in compared:
        differences = tuple(kept[id(d)] for d in one.differences)
        best = _best(one.figure, one.spreads, differences)
        found.append(replace(one, differences=differences, best=best))
    return tuple(found)


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
    """How many differences were tried, and how many are told."""
    tried = sum(len(compared.differences) for compared in comparison.compared)
    told = sum(len(compared.clear) for compared in comparison.compared)
    if not tried:
        return (
            "One repeat says nothing of noise, so no difference is told; give --repeat 3 or more."
        )
    return f"Of {plural(tried, 'difference')} that were tried {told} {_is(told)} told."


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


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
    closed = [run for run in comparison.runs if not run.measured.config.get("open_loop")]
    if closed:
        told.append(
            "Clients wait for their answers, so latencies leave out the calls that would have come "
            "while nothing was served (coordinated omission): read them beside silence. --rate R "
            "--open-loop lets calls come all the same, and counts from when they were due."
        )
    configs = [run.measured.config for run in comparison.runs]
    names = dict.fromkeys(name for config in configs for name in config)
    for name in names:
        values = list(dict.fromkeys(str(config.get(name)) for config in configs))
        if name not in ("system", "seed") and len(values) > 1:
            told.append(f"The runs do not share {name}: {', '.join(values[:5])}.")
    same = {(run.label, commit_of(run.measured.run)) for run in comparison.runs}
    several = len({label for label, _ in same}) < len(same)
    one = len({run.measured.system for run in comparison.runs}) == 1
    for what, path in {"commit": ("versions", "commit"), "machine": ("machine",)}.items():
        values = list(dict.fromkeys(str(_at(run.measured.run, path)) for run in comparison.runs))
        if len(values) > 1 and (what == "machine" or several or not one):
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
