"""Scripts of Paxos with golden output: `tests/scenarios/paxos/*.txt`, as `scripts.py` has them.

    cluster 3 [SYSTEM]            start three nodes; SYSTEM is one of `SYSTEMS` below
    elect n1 [n1 n2 ...]          have it lead with these nodes alone; show the outcome
    forget n1 ...                 let these nodes hear no leader, until they know none
    timeout n1 election           fire a timer: silence, election, heartbeat or quorum
    stabilize [n1 n2 ...]         as everywhere, but messages between nodes are not shown
    log n1 ...                    show what is chosen and accepted there

In a flawed system the invariants are not watched, so that a script goes on to what clients see.
"""

from typing import Any

from systems_under_test.paxos import flawed
from systems_under_test.paxos.node import Paxos
from tests.systems_under_test.paxos_cluster import PaxosCluster
from tests.systems_under_test.scripts import FOLDER, quietly, scripts, with_leader


class OneValueAMessage(Paxos):
    """So that a script can stop between any two slots."""

    MAX_BATCH = 1


class EarlySnapshots(Paxos):
    """So that a script sees some."""

    SNAPSHOT_SLOTS = 3
    KEPT_SLOTS = 1


SYSTEMS: dict[str, type[Paxos]] = {
    "paxos": Paxos,
    "one-value-a-message": OneValueAMessage,
    "early-snapshots": EarlySnapshots,
    "forgotten-promise": flawed.PaxosForgottenPromise,
    "accepts-lower-ballots": flawed.PaxosAcceptsLowerBallots,
    "ignores-accepted": flawed.PaxosIgnoresAccepted,
    "half-quorum": flawed.PaxosHalfQuorum,
    "learns-from-one": flawed.PaxosLearnsFromOne,
    "shared-ballots": flawed.PaxosSharedBallots,
    "stale-reads": flawed.PaxosStaleReads,
}


def carry_out(cluster: Any, words: list[str]) -> PaxosCluster:
    match words:
        case ["cluster", size, *system]:
            chosen = SYSTEMS[system[0] if system else "paxos"]
            return PaxosCluster(int(size), chosen, watched=chosen.__module__ != flawed.__name__)
        case ["elect", name, *names]:
            before = len(cluster.trace)
            cluster.elect(name, *names)
            cluster.trace[before:] = [f"{name} leads in ballot {cluster.live[name].ballot}"]
        case ["forget", *names]:
            quietly(cluster, lambda: cluster.forget_leader(*names))
        case ["log", *names]:
            for name in names:
                chosen_there = ", ".join(cluster.chosen_by(name)) or "nothing"
                accepted = ", ".join(cluster.accepted_by(name)) or "nothing"
                promised = cluster.live[name].promised
                cluster.trace.append(
                    f"{name} has promised {promised}, knows {chosen_there} to be chosen, "
                    f"and has accepted {accepted} beyond"
                )
        case _:
            with_leader(cluster, words)
    return cluster


test_scenario = scripts("paxos", carry_out)


def test_every_flaw_has_its_demonstration() -> None:
    shown = {
        path.stem.removeprefix("flawed_").replace("_", "-")
        for path in (FOLDER / "paxos").glob("flawed_*")
    }
    assert shown == SYSTEMS.keys() - {"paxos", "one-value-a-message", "early-snapshots"}
