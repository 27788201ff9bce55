"""What a run will need of this machine, seen to before anything starts."""

import resource

from harness.config import RunConfig
from harness.errors import UsageError

SPARE_DESCRIPTORS = 128
"""Open files beside those of clients and nodes: libraries, logs, pipes, and some to be safe."""


def descriptors_needed(config: RunConfig) -> int:
    """The most files that one process of this run has open at once.

    The harness has a connection of each client to each node. A node has one of each client, and
    two of each peer; the proxy of the local environment has three files for each link.
    """
    nodes = config.nodes + config.spares
    harness = nodes * (config.clients + 8)
    proxy = 3 * nodes * (nodes - 1)
    return SPARE_DESCRIPTORS + max(harness, config.clients + 2 * nodes, proxy)


def make_room(config: RunConfig) -> None:
    """Raise this process's limit of open files, which its nodes inherit, to what the run needs.

    Raises `UsageError` where the hard limit is lower: that is known before anything starts.
    """
    needed = descriptors_needed(config)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise UsageError(
            f"{config.clients} clients and {config.nodes + config.spares} nodes need {needed} open "
            f"files, and this process may have {hard}: give fewer clients or nodes, or raise "
            "the hard limit with `ulimit -Hn`"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
