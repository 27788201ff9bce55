"""`labrys list`: what can be named."""

from typing import Annotated

import typer


def list_names(
    what: Annotated[
        str | None,
        typer.Argument(help="systems, workloads, faults, environments or models; else all."),
    ] = None,
) -> None:
    """List what can be named on the command line, in TOML and in tests."""
    from harness.names import LISTS, known

    if what is not None:
        _print(LISTS[known("list", what, LISTS)]())
        return
    for kind, rows in LISTS.items():
        print(f"{kind}:")
        _print(rows(), "  ")


def _print(rows: list[tuple[str, str]], indent: str = "") -> None:
    for name, about in rows:
        print(f"{indent}{name:<26} {about}".rstrip())
