"""`labrys check`: judges stored runs again, and histories from anywhere."""

import contextlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.commands import options
from harness.commands.ended import judge_and_tell
from harness.commands.output import say
from harness.errors import STATUS, USAGE, UsageError

if TYPE_CHECKING:
    from checker.history import History

MODEL = "cas-register"
"""The model of a file for which none is named."""

Model = Annotated[
    str | None,
    typer.Option(help=f"What a file is a history of: a name, or package.module:Name. [{MODEL}]"),
]


def check(
    paths: Annotated[list[Path], typer.Argument(help="Run directories or history files.")],
    model: Model = None,
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
    as_json: options.AsJson = False,
) -> None:
    """Judge stored runs again, or histories from anywhere; the exit status is the worst."""
    from harness.executors import known_executor

    if executor is not None:
        known_executor(executor)
    if not time_limit > 0:
        raise UsageError(f"--time-limit cannot be {time_limit:g}; give a number above 0")
    if memory_limit < 64:
        raise UsageError(f"--memory-limit cannot be {memory_limit}; give 64 or more")
    if write is not None and (len(paths) > 1 or paths[0].is_dir()):
        raise UsageError("--write needs one history file; name the one to write again")
    statuses = []
    for path in paths:
        try:
            if path.is_dir():
                statuses.append(judge_and_tell(path, as_json))
                continue
            answer = check_file(
                path, model or MODEL, format, engine, time_limit, memory_limit, write, executor
            )
        except UsageError as error:
            # One bad file does not keep the others from being judged.
            statuses.append(USAGE)
            say(str(error))
            continue
        statuses.append(STATUS[answer["verdict"]])
        print(json.dumps(answer) if as_json else _line(answer), flush=True)
    raise typer.Exit(max(statuses, key=[0, 2, 1, USAGE].index))


def check_file(
    path: Path,
    model: str,
    form: str,
    engine: str,
    time_limit_s: float,
    memory_mib: int,
    written: Path | None = None,
    executor: str | None = None,
) -> dict[str, Any]:
    """Read and judge a file; the answer is plain JSON values. It may be `written` again as well.
    Keys that must be searched go to the `executor`, the address of a Dask cluster, if there is one.

    Raises `UsageError` for unknown names and for files that cannot be read or are no history.
    """
    from checker.formats import read
    from checker.history import MalformedHistory
    from checker.linearizability.check import ENGINES
    from checker.linearizability.check import check as judge
    from harness import names
    from harness.executors import OwnClocks, dask_executor
    from harness.judge import MIB

    makes_model = names.model(model)
    names.known("engine", engine, ENGINES)
    try:
        history = read(path, format=form, model=model)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; check the path") from error
    except MalformedHistory as error:
        raise UsageError(f"{path}: {error}") from error
    except ValueError as error:
        raise UsageError(f"{path}: {error}; see `labrys check --help`") from error
    began = time.monotonic()
    try:
        with contextlib.ExitStack() as stack:
            pool = executor and OwnClocks(stack.enter_context(dask_executor(executor))[0])
            result = judge(
                history,
                makes_model(),
                engine=engine,
                time_limit_s=time_limit_s,
                memory_limit_bytes=memory_mib * MIB,
                executor=pool or None,
            )
    except MalformedHistory as error:
        raise UsageError(f"{path}: {error}") from error
    if written is not None:
        _write(history, written)
    instead = result.weaker() if result.weaker else None
    return {
        "file": str(path),
        "model": model,
        "operations": len(history),
        "seconds": round(time.monotonic() - began, 4),
        "cut": history.cut,
        **result.to_json(),
        "instead": None if instead is None else instead.to_json(),
    }


def _write(history: "History", path: Path) -> None:
    """Write the history in the format that the name asks for; an existing file is not touched."""
    from checker.formats.writing import write

    if path.exists():
        raise UsageError(f"{path} is there already; name a file that is not")
    try:
        write(history, path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; check the path") from error
    except ValueError as error:
        raise UsageError(f"--write: {error}") from error


def _line(answer: dict[str, Any]) -> str:
    glyph = {"valid": "✔", "invalid": "✘", "unknown": "?"}[answer["verdict"]]
    line = (
        f"{glyph} {answer['verdict']:<8} {answer['file']}  {answer['operations']:,} operations, "
        f"{answer['seconds']:.2f} s by {answer['algorithm']}"
    )
    instead = answer["instead"]["sentences"] if answer["instead"] else ()
    for sentence in (answer["cut"], answer["reason"], *answer["explanation"], *instead):
        line += f"\n    {sentence}" if sentence else ""
    return line
