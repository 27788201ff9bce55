"""The plan of a night: which systems meet which workloads and faults in which environments.

A plan is TOML; `plan.toml` beside this file is the one that is used where none is given, and says
what may stand in it. Everything in a plan is validated before anything starts.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.conduct import settle
from harness.config import RunConfig
from harness.errors import UsageError
from harness.names import known, shown_by
from harness.options_file import read_options

DEFAULT = Path(__file__).with_name("plan.toml")

DRAWN = "drawn"
"""As the faults of simulated cells: every seed draws its own."""

SCHEDULED = "scheduled"
"""As the faults of cells with a schedule among their options, which says them."""

PINNABLE = (
    "nodes", "clients", "time_limit", "fault_interval", "rate", "load", "values", "keys",
    "popularity", "require",
)  # fmt: skip
"""The options that a simulated cell may fix; all else is drawn from each seed."""

MOST_CELLS = 1_000

_FIELDS = ("systems", "workloads", "faults", "environments", "weight", "options", "shows")
_WEIGHTS = {"matrix": 1.0, "canaries": 4.0}


@dataclass(frozen=True)
class Cell:
    """One combination of a plan, to be run at least once a night.

    `options` are those of a run, beside the seed. A canary is flawed and must be caught.
    """

    system: str
    workload: str
    faults: str
    environment: str
    weight: float = 1.0
    canary: bool = False
    options: tuple[tuple[str, Any], ...] = ()
    shows: tuple[str, ...] = ()
    """Of a canary: the anomalies, or words of the invariants, by one of which it is caught; by any
    failure, where nothing says."""

    @property
    def name(self) -> str:
        """What tells the cell from all others of its plan."""
        parts = [self.system, self.workload, self.faults, self.environment]
        parts += [f"{name}={_told(value)}" for name, value in self.options]
        return " · ".join(parts)

    @property
    def simulated(self) -> bool:
        return self.environment == "simulated"

    @cached_property
    def pinned(self) -> dict[str, Any]:
        """The options that the cell fixes, its faults among them; `UsageError` for an unknown."""
        values = dict(self.options)
        if self.faults not in (DRAWN, SCHEDULED):
            values["faults"] = [name for name in self.faults.split(",") if name not in ("", "none")]
        return values

    def config(self, seed: int) -> RunConfig:
        """The options of a run with this seed; `UsageError` for what makes no sense."""
        if self.simulated:
            for name in dict(self.options):
                known("option of simulated cell", name, PINNABLE)
        elif self.faults == DRAWN:
            raise UsageError(
                f"only the simulator draws its faults for each seed; name those of {self.name!r}"
            )
        given = {"workload": self.workload, "environment": self.environment, "seed": seed}
        if self.canary and not self.simulated:
            given["check_online"] = True  # A canary has been caught at the first violation.
        return RunConfig.asked({"system": self.system, **given, **self.pinned})


@dataclass(frozen=True)
class Plan:
    """The cells of a night, canaries first; `source` is where they were read."""

    cells: tuple[Cell, ...]
    source: str


def read_plan(path: Path | None, environments: Sequence[str] = ()) -> Plan:
    """Read and validate a plan, or the default one.

    `environments` leaves only the cells of these. Raises `UsageError` for anything unknown, twice
    there or senseless, and for an environment without a canary: its silence would mean nothing.
    """
    source = path or DEFAULT
    file = read_options(source)
    values = file.values
    for name in values:
        known("table of a plan", name, _WEIGHTS)
    cells: list[Cell] = []
    for table in ("canaries", "matrix"):
        entries = values.get(table, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise UsageError(f"{source}: write {table} as [[{table}]]; see --print-plan")
        for number, entry in enumerate(entries, start=1):
            try:
                cells += _cells(table, entry)
            except UsageError as error:
                raise UsageError(f"{file.where(error, table, number)}: {error}") from error
    if environments:
        for name in environments:
            known("environment in this plan", name, {cell.environment for cell in cells})
        cells = [cell for cell in cells if cell.environment in environments]
    _check_all(cells, source)
    return Plan(tuple(cells), "the default plan" if path is None else str(path))


def _cells(table: str, entry: Mapping[str, Any]) -> Iterable[Cell]:
    """The cells that one entry stands for, each validated."""
    for name in entry:
        known("option of a plan", name, _FIELDS)
    systems = _names(entry, "systems", None)
    workloads = _names(entry, "workloads", ["register"])
    environments = _names(entry, "environments", ["simulated"])
    weight = entry.get("weight", _WEIGHTS[table])
    if type(weight) not in (int, float) or not 0 < weight <= 1_000:
        raise UsageError(f"'weight' cannot be {weight!r}; give a number above 0, 1000 at most")
    options = entry.get("options", {})
    if not isinstance(options, dict):
        raise UsageError("'options' must be a table, such as { time_limit = 10 }")
    for name in ("system", "workload", "faults", "environment", "seed"):
        if name in options:
            raise UsageError(f"{name!r} cannot stand in 'options'; the cells say it")
    if "schedule" in options and "faults" in entry:
        raise UsageError("'faults' cannot stand beside a schedule; leave one of the two out")
    if "shows" in entry and table != "canaries":
        raise UsageError("'shows' stands in [[canaries]] alone; leave it out")
    shows = tuple(_names(entry, "shows", None)) if "shows" in entry else None
    usual = SCHEDULED if "schedule" in options else "partition,kill"
    faults = _names(entry, "faults", [usual])
    for combination in itertools.product(environments, systems, workloads, faults):
        environment, system, workload, chosen = combination
        cell = Cell(
            system, workload, ",".join(part.strip() for part in chosen.split(",")), environment,
            float(weight), table == "canaries", tuple(sorted(_hashable(options))),
            () if table != "canaries" else shows or shown_by(system),
        )  # fmt: skip
        yield replace(cell, environment=settle(cell.config(seed=0)).environment)


def _hashable(options: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    return ((n, tuple(v) if isinstance(v, list) else v) for n, v in options.items())


def _told(value: Any) -> str:
    told = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return " ".join(told.split())


def _names(entry: Mapping[str, Any], name: str, default: list[str] | None) -> list[str]:
    found = entry.get(name, default)
    if not isinstance(found, list) or not found or not all(isinstance(x, str) for x in found):
        raise UsageError(f"{name!r} must be a list of names, one at least")
    return found


def _check_all(cells: Sequence[Cell], source: Path) -> None:
    if not cells:
        raise UsageError(f"{source} names no cell; give it a [[matrix]]; see --print-plan")
    if len(cells) > MOST_CELLS:
        raise UsageError(f"{source} has {len(cells)} cells; make do with {MOST_CELLS}")
    names = [cell.name for cell in cells]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"{source} has the cell {twice!r} twice; leave one out")
    guarded = {cell.environment for cell in cells if cell.canary}
    for cell in cells:
        if cell.environment not in guarded:
            raise UsageError(
                f"{source} has no canary in the environment {cell.environment!r}; add one to "
                "[[canaries]], since without it a green night would prove nothing there"
            )
