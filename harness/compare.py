"""A comparison's runs: the same workload and faults on every system, repeat by repeat.

Repeat r has the seed of the comparison plus r - 1, for every system: the same calls are drawn, and
the same faults strike at the same moments; each system's own leader is hit where one is aimed at.
Another repeat has another schedule, so that what is found holds for more than one of them. Within
a repeat the systems take turns, each repeat beginning with another of them, so that a
machine that grows slower is slower for all.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from checker.files import is_regular
from harness.catalogue import SYSTEMS
from harness.config import RunConfig
from harness.errors import HarnessError, OptionError, UsageError
from harness.judge import judge, read_json
from harness.nightly.finding import answer_of, no_answer
from harness.nightly.job import limit_of
from harness.store import RunDirectory
from harness.worktrees import Repository

MOST_REPEATS = 1_000


@dataclass(frozen=True, slots=True)
class Contender:
    """What is compared: a system, of the current checkout or at a commit of its repository.

    `written` is how the user named it: SYSTEM, SYSTEM@COMMIT, or either after LABEL=.
    """

    written: str
    label: str
    system: str
    commit: str = ""

    @classmethod
    def read(cls, written: str) -> "Contender":
        """`UsageError` for a label or a commit that is empty."""
        label, equals, rest = written.rpartition("=")
        system, at, commit = rest.partition("@")
        if (equals and not label) or not system or (at and not commit):
            raise UsageError(
                f"{written!r} names nothing to compare; write SYSTEM, SYSTEM@COMMIT or LABEL=SYSTEM"
            )
        return cls(written, label or rest, system, commit)


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of a comparison."""

    repeat: int
    config: RunConfig
    target: Contender


@dataclass
class Carried:
    """What became of the runs: those that can be judged, with their labels, and sentences about
    the others."""

    finished: list[Path] = field(default_factory=list)
    labels: dict[Path, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    interrupted: bool = False


def planned(systems: Sequence[str], base: dict[str, Any], repeats: int) -> list[PlannedRun]:
    """The runs in their order; `UsageError` where a system cannot be run so, or repeats make none.

    `base` are the options of all runs but the system, with the first repeat's seed.
    """
    if not 1 <= repeats <= MOST_REPEATS:
        raise OptionError("repeat", f"cannot be {repeats}; give a number from 1 to {MOST_REPEATS}")
    targets = [Contender.read(system) for system in systems]
    labels = [target.label for target in targets]
    for label in labels:
        if labels.count(label) > 1:
            raise UsageError(f"the system {label!r} is named twice; name each once")
    first = [(RunConfig.from_values({**base, "system": one.system}), one) for one in targets]
    return [
        PlannedRun(repeat + 1, replace(config, seed=config.seed + repeat), target)
        for repeat in range(repeats)
        for config, target in rotated(first, repeat)
    ]


def rotated(
    targets: Sequence[tuple[RunConfig, Contender]], by: int
) -> Iterator[tuple[RunConfig, Contender]]:
    """All of them in turn, beginning `by` places further."""
    for number in range(len(targets)):
        yield targets[(number + by) % len(targets)]


def carry_out(
    runs: Sequence[PlannedRun],
    conduct: Callable[[PlannedRun], Path],
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
            path = conduct(run)
        except KeyboardInterrupt:
            carried.interrupted = True
            return carried
        except HarnessError as error:
            errors.append(error)
            carried.failed.append(
                f"Repeat {run.repeat} of {run.target.label} (seed {run.config.seed}) failed and "
                f"is left out: {error}"
            )
            tell(run, None, str(error))
        else:
            carried.finished.append(path)
            carried.labels[path] = run.target.label
            tell(run, path, "")
    if errors and not carried.finished:
        raise errors[0]
    return carried


class Checkouts:
    """Runs systems as they were at commits of a repository, each in a worktree that is kept until
    the comparison is over."""

    def __init__(self, repository: Repository, store: Path, stack: ExitStack) -> None:
        """`stack` ends with the comparison."""
        self._repository = repository
        self._store = store.resolve()
        self._stack = stack
        self._folder = Path(stack.enter_context(TemporaryDirectory(prefix="labrys-compare-")))
        self._worktrees: dict[str, Path] = {}

    def conduct(self, run: PlannedRun) -> Path:
        """Carry out and judge one run; its directory. Raises `HarnessError` where it failed."""
        worktree = self._worktree(run.target.commit)
        # What the options are stands on the line; a labrys.toml of that commit must not add to it.
        nothing = self._folder / "nothing.toml"
        nothing.touch()
        words = [*shlex.split(run.config.command)[1:], "--config", str(nothing)]
        words += ["--store", str(self._store), "--json"]
        ended = self._repository.labrys(words, self._folder, limit_of(run.config), worktree)
        answer = answer_of(ended)
        if answer is None:
            raise HarnessError(f"{run.target.label}: {no_answer(ended)[1]}")
        return Path(answer["paths"]["run"])

    def _worktree(self, revision: str) -> Path:
        if revision not in self._worktrees:
            commit = self._repository.commit(revision)
            place = self._folder / (commit or "none")
            if place not in self._worktrees.values():
                self._stack.enter_context(self._repository.checked_out(commit, place))
            self._worktrees[revision] = place
        return self._worktrees[revision]


def command(runs: Sequence[PlannedRun]) -> str:
    """The line that asks for the same comparison again."""
    first = [run.config for run in runs if run.repeat == 1]
    # What follows the one system's name in the line of its run are the options that all share.
    _, _, _, *options = shlex.split(first[0].command)
    systems = [run.target.written for run in runs if run.repeat == 1]
    repeat = ["--repeat", str(runs[-1].repeat)]
    return shlex.join(["labrys", "compare", *systems, *repeat, *options])


def stored(paths: Sequence[Path], labels: Mapping[Path, str]) -> list[Path]:
    """Stored runs that can be compared, judged where they were not; `UsageError` where not.

    `labels` are those that the user gave; others are told apart by system and commit.
    """
    unique = list({path.resolve(): path for path in paths}.values())
    runs = {path: read_json(path / "run.json") for path in unique}
    for name in ("workload", "environment"):
        found = list(dict.fromkeys(str(run.get(name)) for run in runs.values()))
        if len(found) > 1:
            raise UsageError(
                f"the runs have different {name}s ({', '.join(found)}), so their figures say "
                f"nothing of their systems; give runs of one {name}"
            )
    kinds = {labels.get(path) or (str(run.get("system")), _commit(run))
             for path, run in runs.items()}  # fmt: skip
    if len(kinds) < 2:
        raise UsageError(
            "all runs are of one system and one commit; give runs of two systems or commits, or "
            "labels, as in old=RUN new=RUN"
        )
    for path in unique:
        if not is_regular(path / "history.jsonl"):
            raise UsageError(f"{path} holds no history.jsonl to take figures from; leave it out")
        if not (path / "result.json").exists():
            judge(RunDirectory(path))
    return unique


def _commit(run: dict[str, Any]) -> str:
    versions = run.get("versions")
    if not isinstance(versions, dict):
        return ""
    return str(versions.get("system_commit") or versions.get("commit"))


def promises(systems: Sequence[str]) -> dict[str, bool]:
    """Whether each system promises to be linearizable; foreign and unknown ones are held to it."""
    return {name: name not in SYSTEMS or SYSTEMS[name].linearizable for name in systems}
