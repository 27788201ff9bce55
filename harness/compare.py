"""A comparison's runs: the same workload and faults on every system, repeat by repeat.

Repeat r has the seed of the comparison plus r - 1, for every system: the same calls are drawn, and
the same faults strike at the same moments; each system's own leader is hit where one is aimed at.
Another repeat has another schedule, so that what is found holds for more than one of them. Within
a repeat the systems take turns, each repeat beginning with another of them, so that a
machine that grows slower is slower for all.
"""

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from checker.files import is_regular
from harness.catalogue import SYSTEMS
from harness.config import RunConfig
from harness.errors import HarnessError, OptionError, UsageError
from harness.judge import judge, read_json
from harness.store import RunDirectory

MOST_REPEATS = 1_000


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of a comparison."""

    repeat: int
    config: RunConfig


@dataclass
class Carried:
    """What became of the runs: those that can be judged, and sentences about the others."""

    finished: list[Path] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    interrupted: bool = False


def planned(systems: Sequence[str], base: dict[str, Any], repeats: int) -> list[PlannedRun]:
    """The runs in their order; `UsageError` where a system cannot be run so, or repeats make none.

    `base` are the options of all runs but the system, with the first repeat's seed.
    """
    if not 1 <= repeats <= MOST_REPEATS:
        raise OptionError("repeat", f"cannot be {repeats}; give a number from 1 to {MOST_REPEATS}")
    for system in systems:
        if systems.count(system) > 1:
            raise UsageError(f"the system {system!r} is named twice; name each once")
    first = [RunConfig.from_values({**base, "system": system}) for system in systems]
    return [
        PlannedRun(repeat + 1, replace(config, seed=config.seed + repeat))
        for repeat in range(repeats)
        for config in rotated(first, repeat)
    ]


def rotated(configs: Sequence[RunConfig], by: int) -> Iterator[RunConfig]:
    """All of them in turn, beginning `by` places further."""
    for number in range(len(configs)):
        yield configs[(number + by) % len(configs)]


def carry_out(
    runs: Sequence[PlannedRun],
    conduct: Callable[[RunConfig], Path],
    tell: Callable[[PlannedRun, Path | None, str], None],
) -> Carried:
    """Carry out run after run; one that fails is told and left out, an interruption ends them all.

    `conduct` carries out one run and returns its directory, judged. Raises the first `HarnessError`
    where all runs of the first repeat failed, since the others will too.
    """
    carried = Carried()
    errors: list[HarnessError] = []
    for run in runs:
        if errors and not carried.finished and run.repeat > 1:
            raise errors[0]
        try:
            path = conduct(run.config)
        except KeyboardInterrupt:
            carried.interrupted = True
            return carried
        except HarnessError as error:
            errors.append(error)
            carried.failed.append(
                f"Repeat {run.repeat} of {run.config.system} (seed {run.config.seed}) failed and "
                f"is left out: {error}"
            )
            tell(run, None, str(error))
        else:
            carried.finished.append(path)
            tell(run, path, "")
    if errors and not carried.finished:
        raise errors[0]
    return carried


def command(runs: Sequence[PlannedRun]) -> str:
    """The line that asks for the same comparison again."""
    first = [run.config for run in runs if run.repeat == 1]
    # What follows the one system's name in the line of its run are the options that all share.
    _, _, _, *options = shlex.split(first[0].command)
    systems = [config.system for config in first]
    repeat = ["--repeat", str(runs[-1].repeat)]
    return shlex.join(["labrys", "compare", *systems, *repeat, *options])


def stored(paths: Sequence[Path]) -> list[Path]:
    """Stored runs that can be compared, judged where they were not; `UsageError` where not."""
    unique = list({path.resolve(): path for path in paths}.values())
    runs = {path: read_json(path / "run.json") for path in unique}
    for name in ("workload", "environment"):
        found = list(dict.fromkeys(str(run.get(name)) for run in runs.values()))
        if len(found) > 1:
            raise UsageError(
                f"the runs have different {name}s ({', '.join(found)}), so their figures say "
                f"nothing of their systems; give runs of one {name}"
            )
    kinds = {(str(run.get("system")), _commit(run)) for run in runs.values()}
    if len(kinds) < 2:
        raise UsageError(
            "all runs are of one system and one commit; give runs of two systems, or of two commits"
        )
    for path in unique:
        if not is_regular(path / "history.jsonl"):
            raise UsageError(f"{path} holds no history.jsonl to take figures from; leave it out")
        if not (path / "result.json").exists():
            judge(RunDirectory(path))
    return unique


def _commit(run: dict[str, Any]) -> str:
    versions = run.get("versions")
    return str(versions.get("commit")) if isinstance(versions, dict) else ""


def promises(systems: Sequence[str]) -> dict[str, bool]:
    """Whether each system promises to be linearizable; foreign and unknown ones are held to it."""
    return {name: name not in SYSTEMS or SYSTEMS[name].linearizable for name in systems}
