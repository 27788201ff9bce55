"""`labrys report`: writes the pages of stored runs and nights again."""

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import UsageError


def report(
    paths: Annotated[list[Path], typer.Argument(help="Directories of runs, or of nights.")],
) -> None:
    """Write the page of stored runs, or nights, again."""
    from checker.files import is_regular
    from harness.store import unwritten
    from reports.night import rewrite
    from reports.page import render
    from reports.stored import NotARun

    for path in paths:
        try:
            print(rewrite(path) if is_regular(path / "night.json") else render(path))
        except NotARun as error:
            raise UsageError(str(error)) from error
        except OSError as error:
            raise unwritten(path, error) from error
