"""The `labrys` command: the composition root.

Exit status: 0 valid, 1 invalid, 2 unknown, 254 wrong arguments or files, 255 the harness or its
environment failed. Whatever is heavy is imported inside the command that needs it, so that help and
mistakes are answered at once.
"""

import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from harness import options
from harness.compare_command import compare
from harness.errors import FAILED, STATUS, USAGE, HarnessError, UsageError
from harness.nightly.options import nightly
from harness.options import AsJson, Store
from harness.serve_command import serve

INTERRUPTED = 130
"""What Typer makes of a `KeyboardInterrupt`; to the caller it is one more run without a verdict."""

_ENVIRONMENT_TOLD = {
    "docker": "a Docker engine answers, so nodes run in containers",
    "local": "no Docker engine answers, so nodes run as local processes",
}

app = typer.Typer(
    name="labrys",
    help="Test replicated stores for linearizability, under faults.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def run(
    system: Annotated[str | None, typer.Argument(help="A name, or package.module:Class.")] = None,
    workload: options.Workload = None,
    environment: Annotated[
        str | None, typer.Option(help="auto, docker or local; auto takes docker if it answers.")
    ] = None,
    faults: options.Faults = None,
    fault_interval: options.FaultInterval = None,
    nodes: options.Nodes = None,
    spares: options.Spares = None,
    clients: options.Clients = None,
    time_limit: options.TimeLimit = None,
    rate: options.Rate = None,
    seed: Annotated[int | None, typer.Option(help="Root of all randomness.")] = None,
    values: options.Values = None,
    keys: options.Keys = None,
    operations_per_key: options.OperationsPerKey = None,
    reads: options.Reads = None,
    operation_timeout: options.OperationTimeout = None,
    recovery_limit: options.RecoveryLimit = None,
    check_time_limit: options.CheckTimeLimit = None,
    check_memory_limit: Annotated[int | None, typer.Option(help="MiB for checking.")] = None,
    check_online: Annotated[
        bool | None,
        typer.Option("--check-online", help="Judge meanwhile; stop at the first violation."),
    ] = None,
    config: options.Config = None,
    store: Store = Path("store"),
    as_json: AsJson = False,
) -> None:
    """Start a cluster, drive clients and faults, judge the history, write the report."""
    given = options.chosen(locals())
    from harness.conduct import conduct, new_seed, settle
    from harness.config import RunConfig
    from harness.progress import shown

    base = RunConfig.read_toml(config) if config is not None else {}
    asked = RunConfig.from_values({"seed": new_seed(), **base, **given})
    settled = settle(asked)
    if settled.environment != asked.environment and not as_json:
        _say(_ENVIRONMENT_TOLD[settled.environment])
    directory = conduct(settled, store, shown)
    raise typer.Exit(_judge_and_tell(directory.path, as_json, fresh=True))


def _judge_and_tell(path: Path, as_json: bool, *, fresh: bool = False) -> int:
    """Judge a stored run, write its report, print the outcome, and return the exit status."""
    from checker.history import MalformedHistory
    from harness.judge_command import judge_and_render
    from harness.store import RunDirectory

    try:
        result = judge_and_render(RunDirectory(path), fresh=fresh)
    except MalformedHistory as error:
        raise UsageError(f"{path / 'history.jsonl'}: {error}") from error
    if as_json:
        print(json.dumps(_outcome(path, result)))
    else:
        _tell(path)
    return STATUS[result["verdict"]]


def _outcome(path: Path, result: dict[str, Any]) -> dict[str, Any]:
    """What a program is told of a run."""
    from harness.judge import read_json

    described = read_json(path / "run.json")
    statistics = result["statistics"]
    return {
        "verdict": result["verdict"],
        "reason": result["reason"],
        **{name: described[name] for name in ("name", "system", "workload", "environment", "seed")},
        "reproduce": described["reproduce"],
        "algorithm": result["linearizability"]["algorithm"],
        "statistics": statistics,
        "gates": result["gates"],
        "liveness": result["liveness"],
        "findings": result["findings"],
        "faults": sorted({fault["name"] for fault in described["schedule"]}),
        "seconds": result["seconds"],
        "paths": {
            "run": str(path),
            "history": str(path / "history.jsonl"),
            "report": str(path / "report.html"),
        },
    }


def _tell(path: Path) -> None:
    """Print what a run says last, in colour on a terminal."""
    from rich.console import Console
    from rich.text import Text

    from reports.summary import summarize_run

    colours = {"✔": "green", "✘": "red", "?": "yellow"}
    console = Console(highlight=False, soft_wrap=True)
    for line in summarize_run(path).splitlines():
        console.print(Text(line, style=colours.get(line[:1], "")))


@app.command()
def check(
    paths: Annotated[list[Path], typer.Argument(help="Run directories or history files.")],
    model: Annotated[
        str | None, typer.Option(help="The sequential specification of a history file.")
    ] = None,
    format: Annotated[str, typer.Option(help="How a file is written.")] = "auto",  # noqa: A002
    engine: Annotated[str, typer.Option(help="auto, graph, zones or search.")] = "auto",
    time_limit: Annotated[float, typer.Option(help="Seconds for each file.")] = 300,
    memory_limit: Annotated[int, typer.Option(help="MiB for each file.")] = 4096,
    write: Annotated[
        Path | None, typer.Option(help="Write the one history to this new .jsonl or .edn file.")
    ] = None,
    executor: Annotated[
        str | None, typer.Option(help="dask://HOST:PORT searches keys of files on a Dask cluster.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge stored runs again, or histories from anywhere; the exit status is the worst."""
    from harness.check_command import check_file
    from harness.executors import known_executor

    if executor is not None:
        known_executor(executor)
    if not time_limit > 0:
        raise UsageError(f"--time-limit cannot be {time_limit:g}; give a number above 0")
    if memory_limit < 64:
        raise UsageError(f"--memory-limit cannot be {memory_limit}; give 64 or more")
    if write is not None and (len(paths) > 1 or paths[0].is_dir()):
        raise UsageError("--write needs one history file; name the one to write anew")
    statuses = []
    for path in paths:
        try:
            if path.is_dir():
                statuses.append(_judge_and_tell(path, as_json))
                continue
            answer = check_file(
                path, model, format, engine, time_limit, memory_limit, write, executor
            )
        except UsageError as error:
            # One bad file does not keep the others from being judged.
            statuses.append(USAGE)
            _say(str(error))
            continue
        statuses.append(STATUS[answer["verdict"]])
        print(json.dumps(answer) if as_json else _file_line(answer), flush=True)
    raise typer.Exit(max(statuses, key=[0, 2, 1, USAGE].index))


def _file_line(answer: dict[str, Any]) -> str:
    glyph = {"valid": "✔", "invalid": "✘", "unknown": "?"}[answer["verdict"]]
    line = (
        f"{glyph} {answer['verdict']:<8} {answer['file']}  {answer['operations']:,} operations, "
        f"{answer['seconds']:.2f} s by {answer['algorithm']}"
    )
    instead = answer["instead"]["sentences"] if answer["instead"] else ()
    for sentence in (answer["cut"], answer["reason"], *answer["explanation"], *instead):
        line += f"\n    {sentence}" if sentence else ""
    return line


@app.command()
def explore(
    system: Annotated[str, typer.Argument(help="A name, or package.module:Class.")],
    seeds: Annotated[int, typer.Option(help="How many seeds to try.")] = 1_000,
    first_seed: Annotated[int, typer.Option(help="The first of them.")] = 1,
    jobs: Annotated[int, typer.Option(help="Processes; 0 is one for each core.")] = 0,
    until_found: Annotated[bool, typer.Option("--until-found", help="Stop at a failure.")] = False,
    seconds: Annotated[float, typer.Option(help="Stop after so long.")] = 3_600,
    shrink: Annotated[bool, typer.Option(help="Shrink what fails.")] = True,
    keep: Annotated[int, typer.Option(help="Failing seeds to store, of each kind.")] = 3,
    nodes: options.Drawn = None,
    spares: Annotated[int | None, typer.Option(help="Else drawn where members change.")] = None,
    clients: options.Drawn = None,
    time_limit: options.DrawnFloat = None,
    faults: Annotated[str | None, typer.Option(help="Else drawn for each seed.")] = None,
    fault_interval: options.DrawnFloat = None,
    rate: options.DrawnFloat = None,
    values: options.Values = None,
    keys: options.Drawn = None,
    workload: options.Workload = None,
    executor: options.Executor = None,
    store: Store = Path("store"),
    as_json: AsJson = False,
) -> None:
    """Try many seeds in the simulator; store, shrink and explain what fails."""
    given = options.chosen(locals())
    from harness.config import RunConfig
    from harness.executors import known_executor
    from harness.simulation.commands import explore as run_explore

    if not (seeds >= 1 and 0 <= first_seed < 2**62 and 0 <= jobs <= 256 and seconds > 0):
        raise UsageError("--seeds and --seconds must be above 0, --jobs from 0 to 256")
    if not 0 <= keep <= 1_000:
        raise UsageError(f"--keep cannot be {keep}; give a number from 0 to 1000")
    base = RunConfig.from_values({"environment": "simulated", **given})
    status = run_explore(
        base, frozenset(given), range(first_seed, first_seed + seeds),
        jobs or os.cpu_count() or 1, store,
        until_found=until_found, seconds=seconds, shrinking=shrink, keep=keep,
        as_json=as_json,
        executor=known_executor(executor) if executor else None,
    )  # fmt: skip
    raise typer.Exit(status)


app.command()(compare)


@app.command()
def replay(
    path: Annotated[Path, typer.Argument(help="The directory of a simulated run.")],
) -> None:
    """Carry out a stored simulated run again, exactly."""
    from harness.simulation.commands import again

    raise typer.Exit(again(path))


app.command()(nightly)


app.command()(serve)


@app.command()
def report(
    paths: Annotated[list[Path], typer.Argument(help="Directories of runs, or of nights.")],
) -> None:
    """Write the page of stored runs, or nights, anew."""
    from reports.night import rewrite
    from reports.page import render
    from reports.stored import NotARun

    for path in paths:
        try:
            print(rewrite(path) if (path / "night.json").is_file() else render(path))
        except NotARun as error:
            raise UsageError(str(error)) from error


@app.command(name="list")
def list_names(
    what: Annotated[str, typer.Argument(help="systems, workloads, environments, faults, models")],
) -> None:
    """List what can be named on the command line."""
    from harness.registry import catalogue

    for name, about in catalogue(what):
        print(f"{name:<26} {about}".rstrip())


@app.command()
def clean() -> None:
    """Remove what dead runs left: containers, networks, volumes, rules, processes."""
    from harness.environments.leftovers import remove_leftovers

    removed = remove_leftovers()
    for leftover in removed:
        print(f"removed {leftover.kind} {leftover.name}")
    if not removed:
        print("nothing to remove")


def main() -> NoReturn:
    """Run the command and exit with its status; every failure is a sentence, none a traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    status = FAILED
    try:
        answered = int(app(standalone_mode=False) or 0)
        if answered == INTERRUPTED:
            raise KeyboardInterrupt
        status = answered
    except typer.TyperException as error:
        _say(error.format_message())
        status = USAGE
    except UsageError as error:
        _say(str(error))
        status = USAGE
    except HarnessError as error:
        _say(str(error))
    except (KeyboardInterrupt, typer.Abort):
        _say("interrupted; nothing is left running, and `labrys check` judges what was recorded")
    except BrokenPipeError:
        # Whoever read the output has gone; Python must not try to flush into the pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """A request to end is answered as Ctrl-C is: by cleaning up first."""
    raise KeyboardInterrupt


def _say(sentence: str) -> None:
    print(f"labrys: {sentence}", file=sys.stderr)
