"""Clusters for tests: a system by its name, some nodes, a folder."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from harness import names
from harness.clock import RealClock
from harness.cluster import Capability
from harness.database import Database, Deployment


def deployment(
    system: str | Database,
    nodes: Sequence[str],
    folder: Path,
    members: Sequence[str] = (),
    needs: Iterable[Capability] = (),
) -> Deployment:
    return Deployment(
        database=names.database(system) if isinstance(system, str) else system,
        nodes=tuple(nodes),
        members=tuple(members),
        seed=7,
        folder=folder,
        clock=RealClock(),
        needs=frozenset(needs),
    )
