"""Clusters for tests: a system by its name, some nodes, a folder."""

from collections.abc import Sequence
from pathlib import Path

from harness import names
from harness.clock import RealClock
from harness.database import Database, Deployment


def deployment(
    system: str, nodes: Sequence[str], folder: Path, members: Sequence[str] = ()
) -> Deployment:
    return deployment_of(names.database(system), nodes, folder, members)


def deployment_of(
    database: Database, nodes: Sequence[str], folder: Path, members: Sequence[str] = ()
) -> Deployment:
    return Deployment(
        database=database,
        nodes=tuple(nodes),
        members=tuple(members),
        seed=7,
        folder=folder,
        clock=RealClock(),
    )
