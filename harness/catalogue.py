"""What Labrys brings along: systems, workloads and environments as rows of explicit tables.

A system or workload of your own needs no row here: name it as "package.module:Name"
(`harness.names`). The other tables are beside what they list: faults in `harness.nemesis.catalogue`
and models in `checker.models.catalogue`.
"""

from dataclasses import dataclass

from workloads.append import APPEND
from workloads.bank import BANK
from workloads.counter import COUNTER
from workloads.echo import ECHO
from workloads.election import ELECTION
from workloads.eventual import BROADCAST, G_COUNTER, G_SET, PN_COUNTER
from workloads.fenced_lock import FENCED_LOCK
from workloads.kv import KV
from workloads.leader import LEADER
from workloads.lease import LEASE_LOCK
from workloads.locks import LOCK, OWNED_LOCK, SEMAPHORE
from workloads.queues import BAG, QUEUE
from workloads.register import REGISTER
from workloads.sets import GROWING_SET, SET
from workloads.unique_ids import UNIQUE_IDS
from workloads.workload import Workload


@dataclass(frozen=True, slots=True)
class System:
    """A system under test: where its node class is, and what it is in a line."""

    name: str
    path: str
    """The node class, as "package.module:Class"."""

    about: str
    linearizable: bool = True
    """Whether it promises to be; a flawed one promises too, and breaks its promise."""


_SYSTEMS = (
    System("raft", "systems_under_test.raft.node:Raft", "Raft: replicated log, one leader"),
    System(
        "raft-compacts-often",
        "systems_under_test.raft.node:RaftCompactsOften",
        "Raft with a snapshot every few entries, so that short runs are full of them",
    ),
    System("paxos", "systems_under_test.paxos.node:Paxos", "Multi-Paxos: a log, one leader"),
    System(
        "ring",
        "systems_under_test.ring.node:Ring",
        "a consistent-hash ring: ABD for reads and writes, CASPaxos for changes, no leader",
    ),
    System(
        "ring-quorum",
        "systems_under_test.ring.node:RingQuorum",
        "the ring at consistency quorum: last write wins, not linearizable",
        linearizable=False,
    ),
    System(
        "ring-one",
        "systems_under_test.ring.node:RingOne",
        "the ring at consistency one: one replica answers, not linearizable",
        linearizable=False,
    ),
    System("single", "systems_under_test.single:Single", "one unreplicated node: the control"),
    System(
        "raft-stale-reads",
        "systems_under_test.raft.flawed:RaftStaleReads",
        "flawed: a leader answers reads without asking whether it still leads",
    ),
    System(
        "raft-forgets-vote",
        "systems_under_test.raft.flawed:RaftForgetsVote",
        "flawed: term and vote do not survive a restart",
    ),
    System(
        "raft-no-sync",
        "systems_under_test.raft.flawed:RaftNoSync",
        "flawed: entries are acknowledged before they are durable",
    ),
    System(
        "raft-no-fsync",
        "systems_under_test.raft.unsynced:RaftNoFsync",
        "flawed: what is recorded is left to the kernel's cache, which a loss of power empties",
    ),
    System(
        "raft-cuts-damage",
        "systems_under_test.raft.unsynced:RaftCutsDamage",
        "flawed: a damaged journal is cut off where the damage begins, as if a crash had torn it",
    ),
    System(
        "raft-commits-earlier-terms",
        "systems_under_test.raft.flawed:RaftCommitsEarlierTerms",
        "flawed: entries of earlier terms are committed by counting (Figure 8)",
    ),
    System(
        "raft-ignores-logs",
        "systems_under_test.raft.flawed:RaftIgnoresLogs",
        "flawed: votes are given whatever the candidate's log holds",
    ),
    System(
        "raft-commits-alone",
        "systems_under_test.raft.flawed:RaftCommitsAlone",
        "flawed: a leader acknowledges before a majority holds the entry",
    ),
    System(
        "raft-forgets-sessions",
        "systems_under_test.raft.flawed:RaftForgetsSessions",
        "flawed: a request that is sent again takes effect again",
    ),
    System(
        "raft-never-truncates",
        "systems_under_test.raft.flawed:RaftNeverTruncates",
        "flawed: entries that conflict with the leader's stay",
    ),
    System(
        "raft-snapshots-without-sessions",
        "systems_under_test.raft.flawed:RaftSnapshotsWithoutSessions",
        "flawed: a snapshot holds the values and not the clients' sessions",
    ),
    System(
        "raft-one-step-change",
        "systems_under_test.raft.flawed:RaftOneStepChange",
        "flawed: members change in one step, and several changes at once",
    ),
    System(
        "raft-no-pre-vote",
        "systems_under_test.raft.flawed:RaftNoPreVote",
        "flawed: no Pre-Vote and no Check-Quorum; it stops serving after a one-way cut",
    ),
    System(
        "paxos-forgotten-promise",
        "systems_under_test.paxos.flawed:PaxosForgottenPromise",
        "flawed: a promise does not survive a restart",
    ),
    System(
        "paxos-accepts-lower-ballots",
        "systems_under_test.paxos.flawed:PaxosAcceptsLowerBallots",
        "flawed: acceptors accept whatever they are asked to",
    ),
    System(
        "paxos-ignores-accepted",
        "systems_under_test.paxos.flawed:PaxosIgnoresAccepted",
        "flawed: a new leader ignores what was accepted before",
    ),
    System(
        "paxos-half-quorum",
        "systems_under_test.paxos.flawed:PaxosHalfQuorum",
        "flawed: half of the acceptors count as a quorum",
    ),
    System(
        "paxos-learns-from-one",
        "systems_under_test.paxos.flawed:PaxosLearnsFromOne",
        "flawed: one acceptor's vote counts as chosen",
    ),
    System(
        "paxos-shared-ballots",
        "systems_under_test.paxos.flawed:PaxosSharedBallots",
        "flawed: two proposers may use the same ballot",
    ),
    System(
        "paxos-stale-reads",
        "systems_under_test.paxos.flawed:PaxosStaleReads",
        "flawed: a leader answers reads without asking a quorum",
    ),
    System(
        "ring-small-quorums",
        "systems_under_test.ring.flawed:RingSmallQuorums",
        "flawed: a query asks one replica, so R + W <= N",
    ),
    System(
        "ring-no-write-back",
        "systems_under_test.ring.flawed:RingNoWriteBack",
        "flawed: a read leaves the newest value where it found it",
    ),
    System(
        "ring-skewed-clock",
        "systems_under_test.ring.flawed:RingSkewedClock",
        "flawed: the last write wins, by the coordinators' clocks",
    ),
    System(
        "ring-sloppy-quorum",
        "systems_under_test.ring.flawed:RingSloppyQuorum",
        "flawed: stand-ins for replicas that are down make a quorum",
    ),
    System(
        "ring-lost-hint",
        "systems_under_test.ring.flawed:RingLostHint",
        "flawed: a hint counts as an answer, and is lost",
    ),
    System(
        "ring-serves-early",
        "systems_under_test.ring.flawed:RingServesEarly",
        "flawed: shards are served before their transfer ended",
    ),
    System(
        "ring-old-epoch",
        "systems_under_test.ring.flawed:RingOldEpoch",
        "flawed: questions of an earlier epoch are answered",
    ),
    System(
        "ring-trusts-hearsay",
        "systems_under_test.ring.flawed:RingTrustsHearsay",
        "flawed: a transferred copy counts as a vote",
    ),
    System(
        "primary-backup",
        "systems_under_test.classics.primary_backup:PrimaryBackup",
        "flawed: a primary acknowledges before its backups have it",
    ),
    System(
        "two-phase-commit",
        "systems_under_test.classics.two_phase_commit:TwoPhaseCommit",
        "flawed: two-phase commit without recovery",
    ),
    System(
        "overwriting",
        "systems_under_test.classics.overwriting:Overwriting",
        "flawed: a proposer overwrites nodes of no higher ballot, without a quorum",
    ),
    System(
        "overwriting-if-not-higher",
        "systems_under_test.classics.overwriting:OverwritingIfNotHigher",
        "flawed: the same, where the nodes compare the ballots",
    ),
)

SYSTEMS: dict[str, System] = {system.name: system for system in _SYSTEMS}
WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        REGISTER, APPEND, SET, GROWING_SET, COUNTER, QUEUE, BAG, UNIQUE_IDS, LOCK, OWNED_LOCK,
        FENCED_LOCK, LEASE_LOCK, SEMAPHORE, BANK, KV, ELECTION, LEADER, ECHO, BROADCAST, G_SET,
        G_COUNTER, PN_COUNTER,
    )
}  # fmt: skip
ENVIRONMENTS: dict[str, str] = {
    "auto": "docker where an engine answers, else namespaces where they can be made, else local",
    "docker": "containers: real kernels and a real network",
    "namespaces": "processes in network namespaces of Linux: as root, or as anyone where allowed",
    "local": "processes on loopback, with a proxy on every link; needs no rights",
    "existing": "a store that runs already, at addresses that its class gives",
    "maelstrom": "programs on stdin and stdout that speak Maelstrom's protocol; we are the network",
    "simulated": "virtual time in this process: exactly repeatable, a thousand times faster",
}
