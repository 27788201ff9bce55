"""`labrys replay`: carries out a stored simulated run again, exactly; or a scenario."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands import options
from harness.commands.explore import Effort, Explored
from harness.commands.output import tell
from harness.commands.trust import Trust, require_trust
from harness.errors import FAILED, UsageError, require_assertions

if TYPE_CHECKING:
    from harness.simulation.scenario import Scenario


def replay(
    path: Annotated[
        Path, typer.Argument(help="The directory of a simulated run, or a scenario.json.")
    ],
    trust: Trust = False,
    shrink: Annotated[bool, typer.Option(help="Shrink what a scenario shows.")] = True,
    store: options.Store = Path("store"),
    as_json: options.AsJson = False,
) -> None:
    """Carry out a stored simulated run again, exactly; or a scenario, and keep it if it fails."""
    from harness.simulation.stored import replay as again

    require_assertions()
    require_trust(path, trust)
    if path.is_file():
        raise typer.Exit(_carry_out(path, store, shrink, as_json))
    if as_json or not shrink or store != Path("store"):
        raise UsageError(
            f"--json, --no-shrink and --store cannot be said of {path}, a run of which nothing "
            f"new is kept; leave them out, or name {path / 'scenario.json'}"
        )
    found = again(path)
    for warning in found.warnings:
        tell(f"? {warning}")
    print(f"{'✔' if found.same else '✘'} {found.sentence}")
    tell(f"  {found.again.kind or 'valid'}{': ' * bool(found.again.reason)}{found.again.reason}")
    if not found.same:
        raise typer.Exit(FAILED)
    raise typer.Exit(1 if found.again.failed else 2 if found.again.kind else 0)


def _carry_out(path: Path, store: Path, shrink: bool, as_json: bool) -> int:
    """Carry out the scenario of a file; tell, shrink and keep what it finds; the exit status."""
    from harness.judge import read_json
    from harness.simulation.scenario import Scenario

    scenario = Scenario.from_json(read_json(path), path)
    explored = Explored(
        scenario.config, partial(_always, scenario), store, shrink, keep=1, as_json=as_json
    )
    return explored.explore(Effort([scenario.config.seed]))


def _always(scenario: "Scenario", seed: int) -> "Scenario":
    return scenario
