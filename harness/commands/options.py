"""Options that several commands take: each is written once, with what `--help` says of it.

The options of a run are rows here; a command names those it takes (`of_a_run`) and is handed the
ones that were given. All others are annotated types.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from harness.commands import output
from harness.durations import option_s
from harness.errors import OptionError, UsageError
from harness.options_file import OptionsFile, read_options

SECONDS = frozenset({
    "fault_interval", "time_limit", "operation_timeout", "recovery_limit", "check_time_limit",
    "latency",
})  # fmt: skip
"""The options of a run that are durations: "30s" and "2m" are taken, too."""

DURATION = "<duration>"

DEFAULTS = {
    "workload": "register", "environment": "auto", "faults": "partition,kill",
    "fault_interval": "5s", "nodes": "5", "spares": "0", "clients": "10", "time_limit": "30s",
    "rate": "0", "seed": "a fresh one", "values": "counters", "keys": "5",
    "operations_per_key": "200", "reads": "33", "operation_timeout": "2s", "recovery_limit": "30s",
    "check_time_limit": "5m", "check_memory_limit": "4096", "latency": "1ms", "loss": "0",
    "duplicates": "0", "popularity": "even", "mutations": "20", "connections": "0",
}  # fmt: skip
"""What an option is where it is not given, for `--help`; `RunConfig` takes long to import."""

Given: TypeAlias = dict[str, Any]
"""The options of a run that stand on the command line, by the names that `RunConfig` has."""

OF_A_RUN: dict[str, tuple[Any, str]] = {
    "workload": (str, "What clients call: a name, or package.module:Name."),
    "environment": (
        str,
        "auto, docker, namespaces, local, existing, maelstrom, simulated; see `labrys list`.",
    ),
    "faults": (str, "Families, single faults or package.module:Name, with commas; or none."),
    "fault_interval": (float, "From one fault of a family to the next, about."),
    "schedule": (str, "Faults in turn and together, instead: 'wait 1; kill-one 2 & pause-all 1'."),
    "nodes": (int, "Nodes of the cluster."),
    "spares": (int, "Nodes beside them, to be added."),
    "clients": (int, "Concurrent clients."),
    "connections": (int, "Connections to each node that clients share; 0 is each its own."),
    "time_limit": (float, "How long clients call."),
    "rate": (float, "Operations a second; 0 is as fast as they go."),
    "open_loop": (bool, "Calls come at that rate, whether or not earlier ones were answered."),
    "session_calls": (int, "About how many calls a client makes before another comes (open loop)."),
    "load": (str, "Who calls what and when, instead: 'ramp(10, 200, 20, all)'."),
    "seed": (int, "Root of all randomness."),
    "values": (str, "counters, repeated:N, documents, or documents:N of N bytes."),
    "keys": (int, "Keys in use at a time."),
    "operations_per_key": (int, "Calls until a key is retired."),
    "popularity": (str, "Which keys are drawn more often: even, zipf:S or hot:P."),
    "reads": (int, "How many calls of 100 are reads."),
    "operation_timeout": (float, "For one operation."),
    "recovery_limit": (float, "After healing, until every node must serve."),
    "check_time_limit": (float, "For checking."),
    "check_memory_limit": (int, "MiB for checking."),
    "check_online": (bool, "Judge meanwhile; stop at the first violation."),
    "clients_stay": (bool, "Each client keeps to one node, and follows no leader."),
    "mutations": (int, "Mutated copies of the history that must be convicted; 0 is none."),
    "strength": (str, "How strong a history must be, as convicted>=90,overlapped>=5."),
    "require": (
        list[str],
        'What it must keep up, as "ok>=99 during partition"; again for more.',
    ),
    "program": (str, "A command that speaks Maelstrom's protocol, as the system."),
    "latency": (float, "What a message takes on average (maelstrom)."),
    "loss": (float, "How many messages of 100 are lost (maelstrom)."),
    "duplicates": (float, "How many messages of 100 arrive twice (maelstrom)."),
}

MaybeSystem: TypeAlias = Annotated[
    str | None, typer.Argument(help="A name, or package.module:Class; else that of the file.")
]
Config: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Options from a TOML file; else labrys.toml or pyproject.toml, if there."),
]
Store: TypeAlias = Annotated[Path, typer.Option(help="Where runs are kept.")]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print one JSON object a run or file.")
]
Certify: TypeAlias = Annotated[
    bool, typer.Option(help="Verify what supports the verdict by means of its own.")
]
Jobs: TypeAlias = Annotated[int, typer.Option(help="Processes; 0 is one for each core.")]
Executor: TypeAlias = Annotated[
    str | None, typer.Option(help="dask://HOST:PORT sends simulated runs to a Dask cluster.")
]


Verbose: TypeAlias = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show the traceback of an error.")
]


Quiet: TypeAlias = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print the verdict and errors alone.")
]


def with_common(command: Callable[..., None], *, quiet: bool = False) -> Callable[..., None]:
    """Let a command take `-v` after its name as well as before it, which `cli` sees to; and `-q`,
    where it has a verdict."""

    @functools.wraps(command)
    def taking(**arguments: Any) -> None:
        del arguments["verbose"]
        output.asked.quiet = arguments.pop("quiet", False)
        output.asked.as_json = arguments.get("as_json", False)
        command(**arguments)

    kind = inspect.Parameter.KEYWORD_ONLY
    added = {"quiet": Quiet} if quiet else {}
    _declare(
        taking,
        [
            *(one.replace(kind=kind) for one in inspect.signature(command).parameters.values()),
            *(
                inspect.Parameter(name, kind, default=False, annotation=annotation)
                for name, annotation in {**added, "verbose": Verbose}.items()
            ),
        ],
    )
    return taking


def of_a_run(
    *names: str, drawn: Collection[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command these options of a run, in place of its argument `given`.

    Those that are `drawn` for each seed where they are not given say so in the help.
    """

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def taking(**arguments: Any) -> None:
            taken = {name: arguments.pop(name) for name in names}
            command(given=_plain(taken), **arguments)

        parameters = []
        for parameter in inspect.signature(command).parameters.values():
            if parameter.name == "given":
                parameters += [_parameter(name, name in drawn) for name in names]
            else:
                parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
        _declare(taking, parameters)
        return taking

    return decorated


def _declare(command: Callable[..., None], parameters: list[inspect.Parameter]) -> None:
    """Give a command the parameters in which Typer finds its options."""
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}


def _parameter(name: str, drawn: bool) -> inspect.Parameter:
    kind, help_ = OF_A_RUN[name]
    flags = (flag(name),) if kind is bool else ()
    default = "" if drawn else DEFAULTS.get(name, "")
    how: dict[str, Any] = {"show_default": default or False}
    if name in SECONDS:
        how = duration_option(flag(name), default)
    option = typer.Option(*flags, help=help_ + " Else drawn for each seed." * drawn, **how)
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, option],
    )


def duration_option(flag: str, default: str) -> dict[str, Any]:
    """How Typer takes a duration under this name, and tells its default."""
    take = functools.partial(option_s, flag)
    return {"parser": take, "metavar": DURATION, "show_default": default or False}


def _plain(taken: Mapping[str, Any]) -> Given:
    """Those that were given, faults as a list."""
    given = {name: value for name, value in taken.items() if value not in (None, [], ())}
    if "faults" in given:
        words = (word.strip() for word in given["faults"].split(","))
        given["faults"] = [word for word in words if word not in ("", "none")]
    return given


def flag(option: str) -> str:
    """How an option is written on the command line."""
    return f"--{option.replace('_', '-')}"


def demand_one_way(jobs: int, executor: str | None) -> None:
    """`UsageError` where processes are asked for beside a cluster, which has its own."""
    if jobs and executor is not None:
        raise UsageError(
            "--jobs has no effect beside --executor, whose cluster has its own workers; leave it "
            "out"
        )


def found_options(config: Path | None) -> OptionsFile:
    """The options of the file that is named, or else of the one that is found, which is told.

    Raises `UsageError` for a file that cannot be read.
    """
    found = read_options(config)
    if found.path is not None and config is None:
        output.note(f"options come from {found.path}, too")
    return found


@contextlib.contextmanager
def named_as_written(given: Mapping[str, Any], file: OptionsFile | None = None) -> Iterator[None]:
    """Call an option that cannot be what it is by the name under which the user gave it, and by
    its line in the file that holds it."""
    try:
        yield
    except UsageError as error:
        if isinstance(error, OptionError) and error.option in given:
            raise UsageError(f"{flag(error.option)} {error.problem}") from error
        place = file.where(error) if file else ""
        raise UsageError(f"{place}: {error}" if place else str(error)) from error
