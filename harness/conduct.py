"""Conducts one run: from its options to a directory in the store that can be judged."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from harness.clock import SECOND_NS, RealClock
from harness.cluster import Cluster
from harness.config import RunConfig
from harness.database import Deployment
from harness.databases.driver import threads_noted
from harness.environments.docker import DockerCluster, engine_answers, in_containers
from harness.environments.existing import ExistingCluster
from harness.environments.lab import namespaces_work
from harness.environments.local import LocalCluster
from harness.environments.maelstrom import MaelstromCluster
from harness.environments.message_log import MESSAGES
from harness.environments.namespaces import NamespaceCluster
from harness.environments.switchboard import Weather
from harness.errors import HarnessError
from harness.preflight import make_room
from harness.provenance import system_commit
from harness.recorder import Recorder
from harness.run import Run, RunPlan, plan
from harness.shortage import shortage
from harness.simulation.run import SimulatedRun, plan_of
from harness.simulation.scenario import scenario_of
from harness.simulation.simulate import cluster_of
from harness.store import FORMAT_VERSION, RunDirectory, machine, run_name, versions

Watch: TypeAlias = Callable[[RunConfig, Recorder], AbstractContextManager[None]]
"""Shows a run's progress while the context is open."""


def new_seed() -> int:
    """A seed for a run that was given none; it is kept with the run, and so repeats it."""
    return secrets.randbelow(1_000_000_000)


def settle(config: RunConfig) -> RunConfig:
    """Decide what "auto" stands for: docker where an engine answers, else namespaces where they can
    be made, else local. Docker is for systems that say what their containers are made of."""
    if config.environment != "auto":
        return config
    if in_containers(config.database) and engine_answers():
        return replace(config, environment="docker")
    return replace(config, environment="namespaces" if namespaces_work() else "local")


def conduct(config: RunConfig, store: Path, watch: Watch) -> RunDirectory:
    """Carry out one run and return the directory that holds its history and observations.

    Raises `HarnessError` where the environment failed; what there is stays in the directory. A
    `KeyboardInterrupt` passes through once the cluster is gone.
    """
    make_room(config)
    label = f"{config.system}-{config.workload}".replace(":", ".").replace("/", ".")
    directory = RunDirectory.create(store, label)
    if config.environment == "simulated":
        scenario = scenario_of(config)
        simulated = cluster_of(scenario)
        cluster: Cluster = simulated
        planned = plan_of(scenario)
        make_run: Callable[..., Run] = partial(SimulatedRun, scenario, simulated)
        directory.write_json("scenario.json", scenario.to_json())
    else:
        cluster = _cluster(config, directory)
        planned = plan(config, cluster)
        make_run = partial(Run, planned, cluster)
    directory.write("config.toml", config.to_toml())
    description = described(planned, cluster.clock.now_ns())
    directory.write_json("run.json", description)
    recorder = Recorder(directory.history, cluster.clock)
    try:
        with watch(config, recorder), _errors_kept(directory), threads_noted(cluster.doubts):
            run = make_run(recorder, directory.logs)
            observed = cluster.clock.run(run.perform())
            description |= _scheduled(run.plan)
    finally:
        recorder.close()
    directory.write_json("run.json", {**description, "cluster": observed.cluster})
    directory.write_json(
        "observations.json",
        {"labrys": "observations", "version": FORMAT_VERSION, **observed.to_json()},
    )
    return directory


_KINDS: dict[str, Callable[[Deployment], Cluster]] = {
    "docker": DockerCluster,
    "namespaces": NamespaceCluster,
    "local": LocalCluster,
    "existing": ExistingCluster,
}


def _cluster(config: RunConfig, directory: RunDirectory) -> Cluster:
    deployment = Deployment(
        database=config.database,
        nodes=config.node_names,
        members=config.member_names,
        seed=config.seed,
        folder=directory.logs,
        clock=RealClock(),
        needs=frozenset(
            need for own in config.families.values() for fault in own for need in fault.needs
        ),
        connections=config.connections,
    )
    if config.environment == "maelstrom":
        weather = Weather(int(config.latency * SECOND_NS), config.loss, config.duplicates)
        messages = directory.path / MESSAGES
        return MaelstromCluster(deployment, config.protocol, weather, messages)
    return _KINDS[config.environment](deployment)


def described(planned: RunPlan, passed_ns: int = 0) -> dict[str, Any]:
    """What run.json says of a run before it begins; its clock began `passed_ns` ago."""
    began = datetime.now(UTC) - timedelta(microseconds=passed_ns / 1000)
    config = planned.config
    own = system_commit(config.system)
    return {
        "labrys": "run",
        "version": FORMAT_VERSION,
        "name": run_name(config.seed),
        "system": config.system,
        "workload": config.workload,
        "environment": config.environment,
        "seed": config.seed,
        "began": began.isoformat(timespec="milliseconds"),
        "reproduce": config.command,
        "versions": versions() | ({"system_commit": own} if own else {}),
        "machine": machine(),
        "config": asdict(config),
        "cluster": {},
        **_scheduled(planned),
    }


def _scheduled(planned: RunPlan) -> dict[str, Any]:
    """Which faults are to come when, and which cannot be; an open cluster may know of more."""
    return {
        "schedule": [fault.to_json() for fault in planned.schedule],
        "refused": list(planned.refused),
    }


@contextlib.contextmanager
def _errors_kept(directory: RunDirectory) -> Iterator[None]:
    """Leave the reason why a run failed in its directory."""
    try:
        try:
            yield
        except (OSError, MemoryError) as error:
            raise shortage(error) or HarnessError(f"the harness failed: {error}") from error
    except (HarnessError, KeyboardInterrupt, asyncio.CancelledError) as error:
        reason = str(error) or "interrupted"
        with contextlib.suppress(HarnessError):
            directory.write("failed.txt", reason + "\n")
        raise
