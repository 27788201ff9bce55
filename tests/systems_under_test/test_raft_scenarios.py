"""Scripts of Raft with golden output: `tests/scenarios/raft/*.txt`, as `scripts.py` has them.

cluster 3 [SYSTEM]            start three nodes; SYSTEM is one of `SYSTEMS` below
elect n1 [n1 n2 ...]          have it win an election among these nodes; show the outcome
timeout n1 election           fire a timer: silence, election, heartbeat or quorum
stabilize [n1 n2 ...]         as everywhere, but messages between nodes are not shown
log n1 ...                    show logs
"""

from typing import Any

from systems_under_test.raft.flawed import RaftStaleReads
from systems_under_test.raft.node import Raft
from tests.systems_under_test.raft_cluster import RaftCluster
from tests.systems_under_test.scripts import scripts, with_leader


class OneEntryAMessage(Raft):
    """So that a script can stop replication between any two entries."""

    MAX_BATCH = 1
    MAX_IN_FLIGHT = 1


SYSTEMS = {"raft": Raft, "one-entry-a-message": OneEntryAMessage, "stale-reads": RaftStaleReads}


def carry_out(cluster: Any, words: list[str]) -> RaftCluster:
    match words:
        case ["cluster", size, *system]:
            return RaftCluster(int(size), SYSTEMS[system[0] if system else "raft"])
        case ["elect", name, *names]:
            before = len(cluster.trace)
            cluster.elect(name, *names)
            cluster.trace[before:] = [f"{name} leads in term {cluster.live[name].term}"]
        case ["log", *names]:
            for name in names:
                node = cluster.live[name]
                entries = ", ".join(cluster.log_of(name))
                cluster.trace.append(f"{name} holds {entries}; {node.commit_index} committed")
        case _:
            with_leader(cluster, words)
    return cluster


test_scenario = scripts("raft", carry_out)
