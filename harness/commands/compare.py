"""`labrys compare`: systems side by side, under the same calls and faults."""

import json
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from checker.files import regular
from harness.commands import options
from harness.commands.output import talks, tell
from harness.commands.trust import Trust, require_trust
from harness.errors import FAILED, STATUS, HarnessError, UsageError, require_assertions

if TYPE_CHECKING:
    from random import Random

    from harness.compare import PlannedRun
    from harness.config import RunConfig
    from reports.comparison import Comparison
    from reports.comparison_page import Occasion
    from reports.conditions import FailIf, Judgement

INTERRUPTED = "The comparison was interrupted: it is of the runs that had ended by then."

REPEATS = 5


@options.of_a_run(*(name for name in options.OF_A_RUN if name != "check_online"))
def compare(
    targets: Annotated[
        list[str],
        typer.Argument(help="Systems, SYSTEM@COMMIT, or directories of stored runs; LABEL=any."),
    ],
    given: options.Given,
    repeat: Annotated[
        int, typer.Option(help="Runs of each system; the seed grows by one.")
    ] = REPEATS,
    baseline: Annotated[
        str, typer.Option(help="The label that conditions compare with; else the first.")
    ] = "",
    fail_if: Annotated[
        list[str] | None,
        typer.Option(help='Exit with 1 where so, as "recovery.kill > 1.2x"; again for more.'),
    ] = None,
    repository: Annotated[Path, typer.Option(help="Where the commits are.")] = Path(),
    config: options.Config = None,
    trust: Trust = False,
    store: options.Store = Path("store"),
    as_json: options.AsJson = False,
) -> None:
    """Put systems side by side: the same calls and faults on each, or runs that are stored."""
    from harness.conduct import new_seed
    from harness.environments.lab import enter_user_namespace

    require_assertions()
    wanted = Wanted(baseline, _conditions(fail_if or []), store, as_json)
    if are_runs(targets):
        said = [*map(options.flag, given), *["--config"] * bool(config)]
        said += ["--repeat"] * (repeat != REPEATS) + ["--repository"] * (repository != Path())
        if said:
            raise UsageError(f"{', '.join(said)} cannot be said of stored runs; leave it out")
        raise typer.Exit(_compare_stored(targets, trust, wanted))
    found = options.found_options(config)
    file = {name: value for name, value in found.values.items() if name != "system"}
    base = {"seed": new_seed(), **file, **given}
    with options.named_as_written({**given, "repeat": repeat}, found):
        runs = _plan(targets, base, repeat)
    wanted.check([run.target.label for run in runs if run.repeat == 1])
    if runs[0].config.environment == "namespaces":
        enter_user_namespace()
    raise typer.Exit(_compare_systems(runs, repository, wanted))


@dataclass(frozen=True)
class Wanted:
    """What a comparison is asked for, beside its runs."""

    baseline: str
    conditions: "Sequence[FailIf]"
    store: Path
    as_json: bool

    def check(self, labels: Sequence[str]) -> None:
        """`UsageError` for a baseline that is not compared."""
        from harness.names import known

        if self.baseline:
            known("label", self.baseline, labels)


def _conditions(texts: Sequence[str]) -> "list[FailIf]":
    from reports.conditions import BadCondition, read_condition

    try:
        return [read_condition(text) for text in texts]
    except BadCondition as error:
        raise UsageError(f"--fail-if: {error}") from error


def _split(target: str) -> tuple[str, str]:
    """The label of a target, "" for none, and what it names."""
    if Path(target).is_dir():
        return "", target
    label, _, named = target.rpartition("=")
    return label, named


def are_runs(targets: Sequence[str]) -> bool:
    """Whether stored runs are meant, and not systems; `UsageError` for both at once."""
    named = {target: _split(target)[1] for target in targets}
    paths = [t for t in targets if "/" in named[t] or Path(named[t]).is_dir()]
    if paths and len(paths) < len(targets):
        name = next(target for target in targets if target not in paths)
        raise UsageError(
            f"{paths[0]} is a stored run and {name} is not; give systems or runs, not both"
        )
    if len(targets) < 2:
        raise UsageError("there is only one to compare; give two or more systems or stored runs")
    return bool(paths)


def _plan(systems: Sequence[str], base: dict[str, Any], repeat: int) -> list["PlannedRun"]:
    from harness.compare import Contender, planned
    from harness.conduct import settle
    from harness.config import RunConfig

    named = [Contender.read(system).system for system in systems]
    configs = [RunConfig.asked({**base, "system": system}) for system in named]
    settled = {settle(config).environment for config in configs}
    # All run in one environment: where docker is for some of them alone, it is for none.
    environment = settled.pop() if len(settled) == 1 else min(settled - {"docker"})
    return planned(systems, {**base, "environment": environment}, repeat)


def _compare_systems(runs: Sequence["PlannedRun"], repository: Path, wanted: Wanted) -> int:
    from contextlib import ExitStack

    from harness.compare import Checkouts, carry_out, command
    from harness.store import RunDirectory
    from harness.worktrees import Repository
    from reports.comparison_page import Occasion

    began = _now()
    line = command(runs) + _asked(wanted, repository)
    teller = _Teller(runs)
    with ExitStack() as stack:
        checkouts = None
        if any(run.target.commit for run in runs):
            within = Repository(repository)
            for run in runs:
                if run.target.commit and not within.commit(run.target.commit):
                    raise UsageError(
                        f"{run.target.commit!r} is not a commit of {repository}; name another"
                    )
            checkouts = Checkouts(within, wanted.store, stack)
        tell(line)

        def conduct(run: "PlannedRun") -> Path:
            if run.target.commit and checkouts is not None:
                return checkouts.conduct(run)
            return conduct_and_judge(run.config, wanted.store)

        carried = carry_out(runs, conduct, teller.tell)
    if not carried.finished:
        raise KeyboardInterrupt
    why = INTERRUPTED * carried.interrupted
    occasion = Occasion(line, began, carried.failed, interrupted=why)
    directory = RunDirectory.create(wanted.store, "comparison").path
    seed = runs[0].config.seed
    status = _write((carried.finished, carried.labels), occasion, seed, directory, wanted)
    if carried.interrupted:
        # The page is there; what remains is to end as every command that was interrupted does.
        raise KeyboardInterrupt
    return status


def _asked(wanted: Wanted, repository: Path) -> str:
    """The options of a comparison itself, as they stand at the end of its line."""
    words = ["--repository", str(repository)] * (repository != Path())
    words += ["--baseline", wanted.baseline] * bool(wanted.baseline)
    words += [word for one in wanted.conditions for word in ("--fail-if", one.text)]
    return f" {shlex.join(words)}" if words else ""


def _compare_stored(targets: Sequence[str], trust: bool, wanted: Wanted) -> int:
    from checker.history import MalformedHistory
    from harness.compare import stored
    from harness.store import RunDirectory
    from reports.comparison_page import Occasion

    named = [_split(target) for target in targets]
    for _, path in named:
        require_trust(Path(path), trust)
    labels = {Path(path): label for label, path in named if label}
    try:
        runs = stored([Path(path) for _, path in named], labels)
    except MalformedHistory as error:
        raise UsageError(f"a history is damaged: {error}; leave its run out") from error
    line = shlex.join(["labrys", "compare", *targets]) + _asked(wanted, Path())
    directory = RunDirectory.create(wanted.store, "comparison").path
    return _write((runs, labels), Occasion(line, _now()), 0, directory, wanted)


def conduct_and_judge(config: "RunConfig", store: Path) -> Path:
    """One run as `labrys run` does it: its directory, with verdict and report."""
    from harness.commands.ended import judge_and_render
    from harness.commands.progress import shown
    from harness.conduct import conduct

    directory = conduct(config, store, shown)
    judge_and_render(directory, fresh=True)
    return directory.path


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _write(
    runs: tuple[Sequence[Path], Mapping[Path, str]], occasion: "Occasion", seed: int,
    directory: Path, wanted: Wanted,
) -> int:  # fmt: skip
    """Measure the runs, which have these labels, write the page and the figures, say what was
    found; the exit status."""
    from random import Random

    from harness.compare import promises
    from reports.comparison import compare as put_side_by_side
    from reports.comparison_page import render_comparison, to_json
    from reports.measures import measure
    from reports.stored import read_run

    measured, notes = [], []
    for path in runs[0]:  # One after the other: a history may be large.
        run = read_run(path)
        measured.append(measure(run, _world(path)))
        notes += [f"{path}: {problem}" for problem in run.problems]
    random = Random(f"{seed}:comparison")
    promised = promises([one.system for one in measured])
    comparison = put_side_by_side(measured, random, promised, runs[1])
    judged = _judged(comparison, wanted, Random(f"{seed}:conditions"))
    occasion = replace(occasion, notes=notes, judged=judged)
    try:
        page = render_comparison(comparison, occasion, directory)
    except OSError as error:
        raise HarnessError(
            f"cannot write to {directory}: {error.strerror}; make room, and compare the stored runs"
        ) from error
    if wanted.as_json:
        paths = {name: str(directory / f"comparison.{name}") for name in ("json", "csv")}
        paths["page"] = str(page)
        print(json.dumps({**to_json(comparison, occasion, directory), "paths": paths}))
    else:
        from reports.comparison_summary import summarize_comparison

        said = summarize_comparison(comparison, occasion, page)
        print(said if talks() else "\n".join(filter(_decides, said.splitlines())))
    if any(one.fails for one in judged):
        return STATUS["invalid"]
    failed = FAILED if occasion.failed else 0
    status = STATUS[comparison.verdict]
    untold = STATUS["unknown"] if any(one.fails is None for one in judged) else 0
    return status if status == 1 else failed or status or untold


def _decides(line: str) -> bool:
    """Whether a line is the verdict, or that of a condition."""
    return not line.startswith(" ")


def _judged(comparison: "Comparison", wanted: Wanted, random: "Random") -> "list[Judgement]":
    """What the conditions say; `UsageError` for what is not compared."""
    from reports.conditions import BadCondition, judge_conditions

    wanted.check(comparison.labels)
    baseline = wanted.baseline or comparison.labels[0]
    try:
        return judge_conditions(comparison, wanted.conditions, baseline, random)
    except BadCondition as error:
        raise UsageError(f"--fail-if: {error}") from error


def _world(path: Path) -> dict[str, Any] | None:
    """What a simulated run's world was."""
    from harness.judge import read_json

    file = path / "scenario.json"
    world = read_json(file).get("world") if file.exists() else None
    return world if isinstance(world, dict) else None


class _Teller:
    """Says how each run ended, and how long the others will take."""

    def __init__(self, runs: Sequence["PlannedRun"]) -> None:
        self._total = len(runs)
        self._width = max(len(run.target.label) for run in runs)
        self._done = 0
        self._began = time.monotonic()

    def tell(self, run: "PlannedRun", path: Path | None, reason: str) -> None:
        self._done += 1
        took_s = (time.monotonic() - self._began) / self._done
        left = f"{took_s * (self._total - self._done) / 60:.1f} min left"
        head = f"{self._done}/{self._total}  repeat {run.repeat}  {run.target.label:<{self._width}}"
        tell(f"{head} {_ending(path, reason)}   {left}")


def _ending(path: Path | None, reason: str) -> str:
    if path is None:
        return f"– left out: {reason}"
    result = json.loads(regular(path / "result.json").read_bytes())
    glyph = {"valid": "✔", "invalid": "✘"}.get(result["verdict"], "?")
    rate = result["statistics"]["throughput"]["per_second"] or 0.0
    return f"{glyph} {result['verdict']:<8} {rate:7,.0f} ok/s   {path}"
