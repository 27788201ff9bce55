"""Clusters for tests: a system by its name, some nodes, a folder."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from harness import names
from harness.clock import RealClock
from harness.cluster import Capability
from harness.database import Database, Deployment


def deployment(
    system: str,
    nodes: Sequence[str],
    folder: Path,
    members: Sequence[str] = (),
    needs: Iterable[Capability] = (),
) -> Deployment:
    return deployment_of(names.database(system), nodes, folder, members, needs)


def deployment_of(
    database: Database,
    nodes: Sequence[str],
    folder: Path,
    members: Sequence[str] = (),
    needs: Iterable[Capability] = (),
) -> Deployment:
    return Deployment(
        database=database,
        nodes=tuple(nodes),
        members=tuple(members),
        seed=7,
        folder=folder,
        clock=RealClock(),
        needs=frozenset(needs),
    )
