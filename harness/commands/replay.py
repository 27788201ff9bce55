"""`labrys replay`: carries out a stored simulated run again, exactly."""

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import FAILED


def replay(
    path: Annotated[Path, typer.Argument(help="The directory of a simulated run.")],
) -> None:
    """Carry out a stored simulated run again, exactly."""
    from harness.simulation.stored import replay as again

    found = again(path)
    for warning in found.warnings:
        print(f"? {warning}")
    print(f"{'✔' if found.same else '✘'} {found.sentence}")
    print(f"  {found.again.kind or 'valid'}{': ' * bool(found.again.reason)}{found.again.reason}")
    if not found.same:
        raise typer.Exit(FAILED)
    raise typer.Exit(1 if found.again.failed else 2 if found.again.kind else 0)
