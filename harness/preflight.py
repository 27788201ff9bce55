"""What a run will need of this machine, seen to before anything starts."""

import contextlib
import resource
from pathlib import Path

from checker.wording import plural
from harness.config import RunConfig
from harness.errors import UsageError

SPARE_DESCRIPTORS = 128
"""Open files beside those of clients and nodes: libraries, logs, pipes, and some to be safe."""

CLIENT_BYTES = 20_000
"""Memory of a client: what was measured with its request under way, twice over."""

CONNECTION_BYTES = 40_000
"""Memory of a connection, at both its ends and in the kernel: twice what was measured."""

_MEMINFO = Path("/proc/meminfo")


def connections_needed(config: RunConfig) -> int:
    """The most connections that clients have to one node at once."""
    return config.connections or config.clients


def descriptors_needed(config: RunConfig) -> int:
    """The most files that one process of this run has open at once.

    The harness has the connections of clients to each node. A node has those to itself, and two of
    each peer; the proxy of the local environment has three files for each link.
    """
    nodes, connections = len(config.node_names), connections_needed(config)
    harness = nodes * (connections + 8)
    proxy = 3 * nodes * (nodes - 1)
    return SPARE_DESCRIPTORS + max(harness, connections + 2 * nodes, proxy)


def memory_needed(config: RunConfig) -> int:
    """Bytes that the clients of this run take, on both sides."""
    connections = len(config.node_names) * connections_needed(config)
    return config.clients * CLIENT_BYTES + connections * CONNECTION_BYTES


def memory_available() -> int | None:
    """Bytes that this machine can still give without swapping; None where it does not say."""
    with contextlib.suppress(OSError):
        for line in _MEMINFO.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    return None


def make_room(config: RunConfig) -> None:
    """Raise this process's limit of open files, which its nodes inherit, to what the run needs.

    Raises `UsageError` where the hard limit is lower, or where there is too little memory: that is
    known before anything starts. Simulated clients have no connections.
    """
    simulated = config.environment == "simulated"
    memory = config.clients * CLIENT_BYTES if simulated else memory_needed(config)
    available = memory_available()
    if available is not None and memory > available:
        raise UsageError(
            f"{_cluster(config)} need {memory >> 20:,} MiB of memory, and {available >> 20:,} are "
            f"free: {_less(config)}"
        )
    if not simulated:
        _open_files(config)


def _open_files(config: RunConfig) -> None:
    needed = descriptors_needed(config)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise UsageError(
            f"{_cluster(config)} need {needed} open files, and this process may have {hard}: "
            f"{_less(config)}, or raise the hard limit with `ulimit -Hn`"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _cluster(config: RunConfig) -> str:
    return f"{plural(config.clients, 'client')} and {plural(len(config.node_names), 'node')}"


def _less(config: RunConfig) -> str:
    """What to ask for less of."""
    shareable = config.database.python is not None and config.environment != "simulated"
    if shareable and not config.connections:
        return "give fewer clients or nodes, or let clients share --connections"
    return "give fewer clients or nodes"
