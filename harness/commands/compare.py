"""`labrys compare`: systems side by side, under the same calls and faults."""

import json
import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from checker.files import regular
from harness.commands import options
from harness.commands.trust import Trust, require_trust
from harness.errors import FAILED, STATUS, HarnessError, UsageError, require_assertions

if TYPE_CHECKING:
    from harness.compare import PlannedRun
    from harness.config import RunConfig
    from reports.comparison_page import Occasion

INTERRUPTED = "The comparison was interrupted: it is of the runs that had ended by then."

REPEATS = 5


@options.of_a_run(*(name for name in options.OF_A_RUN if name != "check_online"))
def compare(
    targets: Annotated[list[str], typer.Argument(help="Systems, or directories of stored runs.")],
    given: options.Given,
    repeat: Annotated[
        int, typer.Option(help="Runs of each system; the seed grows by one.")
    ] = REPEATS,
    config: options.Config = None,
    trust: Trust = False,
    store: options.Store = Path("store"),
    as_json: options.AsJson = False,
) -> None:
    """Put systems side by side: the same calls and faults on each, or runs that are stored."""
    from harness.conduct import new_seed
    from harness.environments.lab import enter_user_namespace
    from harness.options_file import OptionsFile, read_options

    require_assertions()
    if are_runs(targets):
        paths = [Path(target) for target in targets]
        said = [*map(options.flag, given), *["--config"] * bool(config)]
        said += ["--repeat"] * (repeat != REPEATS)
        if said:
            raise UsageError(f"{', '.join(said)} cannot be said of stored runs; leave it out")
        for path in paths:
            require_trust(path, trust)
        raise typer.Exit(_compare_stored(paths, store, as_json))
    found = read_options(config) if config else OptionsFile()
    base = {"seed": new_seed(), **found.values, **given}
    with options.named_as_written({**given, "repeat": repeat}, found):
        runs = _plan(targets, base, repeat)
    if runs[0].config.environment == "namespaces":
        enter_user_namespace()
    raise typer.Exit(_compare_systems(runs, store, as_json))


def are_runs(targets: Sequence[str]) -> bool:
    """Whether stored runs are meant, and not systems; `UsageError` for both at once."""
    paths = [target for target in targets if "/" in target or Path(target).is_dir()]
    if paths and len(paths) < len(targets):
        name = next(target for target in targets if target not in paths)
        raise UsageError(
            f"{paths[0]} is a stored run and {name} is not; give systems or runs, not both"
        )
    if len(targets) < 2:
        raise UsageError("there is only one to compare; give two or more systems or stored runs")
    return bool(paths)


def _plan(systems: Sequence[str], base: dict[str, Any], repeat: int) -> list["PlannedRun"]:
    from harness.compare import planned
    from harness.conduct import settle
    from harness.config import RunConfig

    configs = [RunConfig.asked({**base, "system": system}) for system in systems]
    settled = {settle(config).environment for config in configs}
    # All run in one environment: where docker is for some of them alone, it is for none.
    environment = settled.pop() if len(settled) == 1 else min(settled - {"docker"})
    return planned(systems, {**base, "environment": environment}, repeat)


def _compare_systems(runs: Sequence["PlannedRun"], store: Path, as_json: bool) -> int:
    from harness.compare import carry_out, command
    from harness.store import RunDirectory
    from reports.comparison_page import Occasion

    began = _now()
    teller = _Teller(runs, as_json)
    if not as_json:
        print(command(runs), flush=True)
    carried = carry_out(runs, lambda config: conduct_and_judge(config, store), teller.tell)
    if not carried.finished:
        raise KeyboardInterrupt
    directory = RunDirectory.create(store, "comparison").path
    why = INTERRUPTED * carried.interrupted
    occasion = Occasion(command(runs), began, carried.failed, interrupted=why)
    seed = runs[0].config.seed
    status = _write(carried.finished, occasion, seed, directory, as_json)
    if carried.interrupted:
        # The page is there; what remains is to end as every command that was interrupted does.
        raise KeyboardInterrupt
    return status


def _compare_stored(paths: Sequence[Path], store: Path, as_json: bool) -> int:
    from checker.history import MalformedHistory
    from harness.compare import stored
    from harness.store import RunDirectory
    from reports.comparison_page import Occasion

    try:
        runs = stored(paths)
    except MalformedHistory as error:
        raise UsageError(f"a history is damaged: {error}; leave its run out") from error
    directory = RunDirectory.create(store, "comparison").path
    line = shlex.join(["labrys", "compare", *map(str, paths)])
    return _write(runs, Occasion(line, _now()), 0, directory, as_json)


def conduct_and_judge(config: "RunConfig", store: Path) -> Path:
    """One run as `labrys run` does it: its directory, with verdict and report."""
    from harness.commands.ended import judge_and_render
    from harness.conduct import conduct
    from harness.progress import shown

    directory = conduct(config, store, shown)
    judge_and_render(directory, fresh=True)
    return directory.path


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _write(
    runs: Sequence[Path], occasion: "Occasion", seed: int, directory: Path, as_json: bool
) -> int:
    """Measure the runs, write the page and the figures, say what was found; the exit status."""
    from random import Random

    from harness.compare import promises
    from reports.comparison import compare as put_side_by_side
    from reports.comparison_page import render_comparison, to_json
    from reports.measures import measure
    from reports.stored import read_run

    measured, notes = [], []
    for path in runs:  # One after the other: a history may be large.
        run = read_run(path)
        measured.append(measure(run, _world(path)))
        notes += [f"{path}: {problem}" for problem in run.problems]
    random = Random(f"{seed}:comparison")
    comparison = put_side_by_side(measured, random, promises([one.system for one in measured]))
    occasion = replace(occasion, notes=notes)
    try:
        page = render_comparison(comparison, occasion, directory)
    except OSError as error:
        raise HarnessError(
            f"cannot write to {directory}: {error.strerror}; make room, and compare the stored runs"
        ) from error
    if as_json:
        paths = {"page": str(page), "json": str(directory / "comparison.json")}
        print(json.dumps({**to_json(comparison, occasion, directory), "paths": paths}))
    else:
        from reports.comparison_summary import summarize_comparison

        print(summarize_comparison(comparison, occasion, page))
    failed = FAILED if occasion.failed else 0
    status = STATUS[comparison.verdict]
    return status if status == 1 else failed or status


def _world(path: Path) -> dict[str, Any] | None:
    """What a simulated run's world was."""
    from harness.judge import read_json

    file = path / "scenario.json"
    world = read_json(file).get("world") if file.exists() else None
    return world if isinstance(world, dict) else None


class _Teller:
    """Says how each run ended, and how long the others will take."""

    def __init__(self, runs: Sequence["PlannedRun"], silent: bool) -> None:
        self._total = len(runs)
        self._width = max(len(run.config.system) for run in runs)
        self._silent = silent
        self._done = 0
        self._began = time.monotonic()

    def tell(self, run: "PlannedRun", path: Path | None, reason: str) -> None:
        self._done += 1
        if self._silent:
            return
        took_s = (time.monotonic() - self._began) / self._done
        left = f"{took_s * (self._total - self._done) / 60:.1f} min left"
        head = (
            f"{self._done}/{self._total}  repeat {run.repeat}  {run.config.system:<{self._width}}"
        )
        print(f"{head} {_ending(path, reason)}   {left}", flush=True)


def _ending(path: Path | None, reason: str) -> str:
    if path is None:
        return f"– left out: {reason}"
    result = json.loads(regular(path / "result.json").read_bytes())
    glyph = {"valid": "✔", "invalid": "✘"}.get(result["verdict"], "?")
    rate = result["statistics"]["throughput"]["per_second"] or 0.0
    return f"{glyph} {result['verdict']:<8} {rate:7,.0f} ok/s   {path}"
