"""`labrys check`: judges stored runs again, and histories from anywhere."""

import json
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.commands import options
from harness.commands.ended import judge_and_tell
from harness.commands.output import say, talks
from harness.commands.trust import Trust, require_trust
from harness.errors import STATUS, USAGE, UsageError

if TYPE_CHECKING:
    from checker.history import History
    from harness.checking import Checking

Model = Annotated[
    str | None,
    typer.Option(help="What a file is of: a name, or package.module:Name. Else inferred."),
]
Write = Annotated[
    Path | None,
    typer.Option(help="Write the one history to this new .jsonl, .edn or .json file."),
]
Page = Annotated[
    Path | None, typer.Option("--html", help="Write the page of the one history to this file.")
]
Initial = Annotated[
    str | None, typer.Option(help='JSON: what every key begins with, or {"key": value}.')
]
Rename = Annotated[
    list[str] | None, typer.Option(help="THEIRS=OURS: a function by its name in the model.")
]
NilReads = Annotated[str, typer.Option(help="What a read of null says: absent or unknown.")]
Keyed = Annotated[
    str, typer.Option(help="Whether values of events are pairs of key and value: auto, yes, no.")
]

SECONDS, MIB = 300, 4096


def check(
    paths: Annotated[list[Path], typer.Argument(help="Run directories or histories; - reads one.")],
    model: Model = None,
    format: Annotated[str, typer.Option(help="How a file is written.")] = "auto",  # noqa: A002
    engine: Annotated[str, typer.Option(help="auto, graph, zones or search.")] = "auto",
    initial: Initial = None,
    rename: Rename = None,
    nil_reads: NilReads = "absent",
    keyed: Keyed = "auto",
    time_limit: Annotated[
        float, typer.Option(help="For each file.", **options.duration_option("--time-limit", "5m"))
    ] = SECONDS,
    memory_limit: Annotated[int, typer.Option(help="MiB for each file.")] = MIB,
    write: Write = None,
    html: Page = None,
    executor: Annotated[
        str | None, typer.Option(help="dask://HOST:PORT searches keys of files on a Dask cluster.")
    ] = None,
    jobs: options.Jobs = 0,
    certify: options.Certify = True,
    trust: Trust = False,
    as_json: options.AsJson = False,
) -> None:
    """Judge stored runs again, or histories from anywhere; the exit status is the worst."""
    from harness.checking import Checking, check_file, renames, text_of

    _demand_workers(jobs, executor, engine)
    if not time_limit > 0:
        raise UsageError(f"--time-limit cannot be {time_limit:g}; give a number above 0")
    if memory_limit < 64:
        raise UsageError(f"--memory-limit cannot be {memory_limit}; give 64 or more")
    if write is not None and (len(paths) > 1 or paths[0].is_dir()):
        raise UsageError("--write needs one history file; name the one to write again")
    if html is not None and (len(paths) > 1 or paths[0].is_dir()):
        raise UsageError(
            "--html needs one history file; a run's own page stands in its directory, and "
            "`labrys report` writes it again"
        )
    checking = Checking(
        model=model, form=format, engine=engine, time_limit_s=time_limit, memory_mib=memory_limit,
        initial=initial, renamed=renames(rename or []), nil_reads=nil_reads, keyed=keyed,
        written=write, executor=executor, jobs=jobs, certify=certify,
    )  # fmt: skip
    of_files = _given(
        model=(model, None), format=(format, "auto"), engine=(engine, "auto"),
        initial=(initial, None), rename=(rename or None, None), nil_reads=(nil_reads, "absent"),
        keyed=(keyed, "auto"), time_limit=(time_limit, SECONDS), memory_limit=(memory_limit, MIB),
        executor=(executor, None),
    )  # fmt: skip
    statuses = []
    for path in paths:
        try:
            if (path / "run.json").is_file():
                _refuse(of_files, path)
                require_trust(path, trust)
                statuses.append(judge_and_tell(path, as_json, certify=certify, jobs=jobs))
                continue
            keep = None if html is None else partial(write_page_of, html, path, checking)
            answer = check_file(path, checking, keep)
        except UsageError as error:
            # One bad file does not keep the others from being judged.
            statuses.append(USAGE)
            say(str(error))
            continue
        statuses.append(STATUS[answer["verdict"]])
        said = json.dumps(answer) if as_json else text_of(answer)
        print(said if as_json or talks() else said.partition("\n")[0], flush=True)
    raise typer.Exit(max(statuses, key=[0, 2, 1, USAGE].index))


def write_page_of(
    page: Path, path: Path, checking: "Checking", history: "History", answer: dict[str, Any]
) -> None:
    """Write the page of a judged file; the verdict stands where that cannot be done."""
    from reports.judged_file import write_page

    given = {
        "--model": checking.model, "--initial": checking.initial,
        "--nil-reads": checking.nil_reads if checking.nil_reads != "absent" else None,
        "--keyed": checking.keyed if checking.keyed != "auto" else None,
        "--format": checking.form if checking.form != "auto" else None,
    }  # fmt: skip
    words = [word for name, value in given.items() if value is not None for word in (name, value)]
    words += [word for pair in checking.renamed.items() for word in ("--rename", "=".join(pair))]
    try:
        write_page(page, history, answer, shlex.join(["labrys", "check", str(path), *words]))
    except OSError as error:
        say(f"the verdict stands, and has no page: cannot write {page}: {error.strerror}; "
            "name another file")  # fmt: skip


def _demand_workers(jobs: int, executor: str | None, engine: str) -> None:
    """`UsageError` unless these processes, or the workers of this cluster, have something to do."""
    if not 0 <= jobs <= 256:
        raise UsageError(f"--jobs cannot be {jobs}; give 0 to 256")
    if executor is None:
        return
    from harness.executors import known_executor

    known_executor(executor)
    if engine in ("graph", "zones"):
        raise UsageError(
            f"--executor has no effect with the engine {engine}, which searches nothing; leave it "
            "out"
        )
    options.demand_one_way(jobs, executor)


def _given(**options_: tuple[object, object]) -> list[str]:
    """How those are written that are not as they are by default, which stands beside each."""
    return [options.flag(name) for name, (value, usual) in options_.items() if value != usual]


def _refuse(of_files: list[str], path: Path) -> None:
    """`UsageError` where something is said of a run that can be said only of a file."""
    if of_files:
        raise UsageError(
            f"{', '.join(of_files)} cannot be said of {path}, a run that is judged as it was asked "
            f"for; leave it out, or name {path / 'history.jsonl'}"
        )
