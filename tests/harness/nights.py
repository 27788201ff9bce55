"""Nights for tests: a plan, run by the real command, and what is left of it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent

TABLE = """
[[{name}]]
systems = ["{system}"]
faults = ["{faults}"]
environments = ["{environment}"]
{options}
"""


def plan(
    folder: Path,
    system: str | None = "raft",
    canary: str = "raft-commits-alone",
    environment: str = "simulated",
    faults: str = "drawn",
    options: str = "",
) -> Path:
    path = folder / "plan.toml"
    tables = {"canaries": (canary, faults)}
    if system is not None:
        tables["matrix"] = (system, "kill")
    path.write_text(
        "".join(
            TABLE.format(
                name=name, system=tested, faults=hit, environment=environment, options=options
            )
            for name, (tested, hit) in tables.items()
        )
    )
    return path


@dataclass(frozen=True)
class Done:
    """A night that ended."""

    status: int
    errors: str
    folder: Path
    store: Path

    @property
    def night(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads((self.folder / "night.json").read_text())
        return values

    def outcome(self, system: str) -> str:
        return str(next(c["outcome"] for c in self.night["cells"] if c["system"] == system))

    def results(self) -> list[dict[str, Any]]:
        lines = (self.store / "nightly" / "results.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


def environ(**beside: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **beside}


def night(path: Path, budget: str, *words: str, **variables: str) -> Done:
    """Run a night to its end; its store is beside the plan."""
    store = path.parent / "store"
    command = [sys.executable, "-m", "harness", "nightly", str(path), "--budget", budget,
               "--store", str(store), "--jobs", "1", *words]  # fmt: skip
    done = subprocess.run(
        command, env=environ(**variables), capture_output=True, text=True, timeout=400, check=False
    )
    assert "Traceback" not in done.stderr
    folders = sorted((store / "nightly").glob("2*")) or [store]
    return Done(done.returncode, done.stderr, folders[-1], store)
