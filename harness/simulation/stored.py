"""Simulated runs as directories of the store, and their replay."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checker.files import regular
from harness import names
from harness.conduct import described
from harness.errors import UsageError
from harness.judge import read_json
from harness.simulation.run import plan_of
from harness.simulation.scenario import Scenario
from harness.simulation.simulate import MOST_EVENTS, Simulated, simulate
from harness.store import FORMAT_VERSION, RunDirectory, versions


def store_run(
    store: Path, simulated: Simulated, label: str, *, beside: dict[str, Any] | None = None
) -> RunDirectory:
    """Keep a simulated run; `beside` says more of it in run.json (of which run it is the shrunk
    form, say)."""
    directory = RunDirectory.create(store, label)
    scenario = simulated.scenario
    directory.write("config.toml", scenario.config.to_toml())
    directory.write_json("scenario.json", scenario.to_json())
    cluster = {**simulated.observed.cluster, "fingerprint": simulated.fingerprint}
    reproduce = names.replay_line(directory.path, scenario.config.names)
    description = described(plan_of(scenario))
    directory.write_json(
        "run.json",
        {
            **description,
            "reproduce": reproduce,
            "cluster": cluster,
            "most_events": MOST_EVENTS,
            **(beside or {}),
        },
    )
    directory.history.write_bytes(b"".join(simulated.lines))
    observations = {"labrys": "observations", "version": FORMAT_VERSION}
    directory.write_json("observations.json", {**observations, **simulated.observed.to_json()})
    return directory


@dataclass(frozen=True)
class Replay:
    """A stored run and the same scenario carried out again."""

    again: Simulated
    same: bool
    warnings: tuple[str, ...]
    directory: Path

    @property
    def sentence(self) -> str:
        if self.same:
            return f"repeated exactly: fingerprint {self.again.fingerprint}"
        return "NOT repeated exactly: " + (
            "; ".join(self.warnings) or "this is a mistake in Labrys"
        )


def replay(directory: Path) -> Replay:
    """Carry out a stored run again; `UsageError` where it is not a simulated one."""
    run = read_json(directory / "run.json")
    path = directory / "scenario.json"
    if not path.exists():
        raise UsageError(
            f"{directory} is no simulated run, and only those repeat exactly; "
            f"this asks for the same again: {run.get('reproduce', 'labrys run')}"
        )
    scenario = Scenario.from_json(read_json(path), path)
    # What a campaign stopped is stopped again; a single run was given all the time it took.
    most_events, before = run.get("most_events"), run.get("versions")
    again = simulate(scenario, most_events=most_events if isinstance(most_events, int) else None)
    cluster = run.get("cluster")
    fingerprint = cluster.get("fingerprint") if isinstance(cluster, dict) else None
    try:
        history = regular(directory / "history.jsonl").read_bytes()
    except OSError as error:
        path = directory / "history.jsonl"
        raise UsageError(f"cannot read {path}: {error.strerror}; name another run") from error
    same = fingerprint == again.fingerprint and history == b"".join(again.lines)
    return Replay(
        again, same, tuple(_changed(before if isinstance(before, dict) else {})), directory
    )


def _changed(before: dict[str, str]) -> list[str]:
    now = versions()
    return [
        f"{name} was {before.get(name, 'unknown')} then and is {now[name]} now, "
        "so the run may differ"
        for name in ("commit", "python")
        if before.get(name) != now[name] or now[name].endswith("+")
    ]
