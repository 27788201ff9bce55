"""Options that several commands take, each with what `--help` says of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

Workload: TypeAlias = Annotated[str | None, typer.Option(help="What clients call.")]
Faults: TypeAlias = Annotated[
    str | None, typer.Option(help="Families or single faults, with commas; or none.")
]
FaultInterval: TypeAlias = Annotated[
    float | None, typer.Option(help="Seconds from one fault of a family to the next, about.")
]
Nodes: TypeAlias = Annotated[int | None, typer.Option(help="Nodes of the cluster.")]
Spares: TypeAlias = Annotated[int | None, typer.Option(help="Nodes beside them, to be added.")]
Clients: TypeAlias = Annotated[int | None, typer.Option(help="Concurrent clients.")]
TimeLimit: TypeAlias = Annotated[float | None, typer.Option(help="Seconds of calls.")]
Rate: TypeAlias = Annotated[
    float | None, typer.Option(help="Operations a second; 0 is as fast as they go.")
]
Reads: TypeAlias = Annotated[int | None, typer.Option(help="How many calls of 100 are reads.")]
Values: TypeAlias = Annotated[str | None, typer.Option(help="counters, repeated:N or documents.")]
Keys: TypeAlias = Annotated[int | None, typer.Option(help="Keys in use at a time.")]
OperationsPerKey: TypeAlias = Annotated[
    int | None, typer.Option(help="Calls until a key is retired.")
]
OperationTimeout: TypeAlias = Annotated[
    float | None, typer.Option(help="Seconds for one operation.")
]
RecoveryLimit: TypeAlias = Annotated[
    float | None, typer.Option(help="Seconds after healing until every node must serve.")
]
CheckTimeLimit: TypeAlias = Annotated[float | None, typer.Option(help="Seconds for checking.")]
Config: TypeAlias = Annotated[Path | None, typer.Option(help="Options from a TOML file.")]
Store: TypeAlias = Annotated[Path, typer.Option(help="Where runs are kept.")]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print one JSON object a run or file.")
]
Executor: TypeAlias = Annotated[
    str | None, typer.Option(help="dask://HOST:PORT sends simulated runs to a Dask cluster.")
]
Drawn: TypeAlias = Annotated[int | None, typer.Option(help="Else drawn for each seed.")]
DrawnFloat: TypeAlias = Annotated[float | None, typer.Option(help="Else drawn for each seed.")]


def chosen(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a run among a command's arguments: those that were given, faults as a list."""
    from harness.config import RunConfig

    names = RunConfig.__dataclass_fields__
    options = {name: given[name] for name in names if given.get(name) is not None}
    if "faults" in options:
        words = options["faults"].split(",")
        options["faults"] = [word for word in words if word not in ("", "none")]
    return options
