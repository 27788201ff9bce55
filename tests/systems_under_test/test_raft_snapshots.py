"""One test a sentence of §7 of the Raft paper, log compaction; see test_raft_paper.py."""

import json

import pytest

from systems_under_test.kv import joined
from systems_under_test.node import Compact, Message, Received, Send, Started
from systems_under_test.raft.invariants import Invariants
from systems_under_test.raft.log import Log
from systems_under_test.raft.members import Members
from systems_under_test.raft.messages import (
    AppendAnswer,
    AppendConflict,
    Appended,
    AppendEntries,
    Entry,
    InstallSnapshot,
    LogBegins,
    SnapshotAnswer,
    SnapshotPart,
    SnapshotTaken,
    TermAndVote,
)
from systems_under_test.raft.node import Raft
from systems_under_test.requests import Reply, Request
from systems_under_test.wire import Codec
from tests.systems_under_test.raft_cluster import CLIENT, RaftCluster, disk

THREE = Members(("n1", "n2", "n3"))


class Compacting(Raft):
    """A snapshot every four entries, of which one stays; a key in each part."""

    COMPACT_AFTER = 4
    KEEP = 1
    PART_SIZE = 1


def write(cluster: RaftCluster, count: int, *among: str, first: int = 1) -> None:
    for number in range(first, first + count):
        cluster.request("n1", "write", f"k{number % 3}", number)
        cluster.stabilize(*among)


def grown(writes: int = 5, *among: str) -> RaftCluster:
    """A cluster whose leader n1 has taken a snapshot; only those `among` heard of it."""
    cluster = RaftCluster(3, Compacting)
    cluster.elect("n1", *among)
    write(cluster, writes, *among)
    return cluster


def snapshot_parts(last_index: int = 4, last_term: int = 2, term: int = 2) -> list[InstallSnapshot]:
    """A leader's snapshot in two parts: the key `s` has the value 9."""
    data = [{"opened": 7}, {"values": {"s": 9}}]
    return [
        InstallSnapshot(term, last_index, last_term, THREE, part, 2, data[part]) for part in (0, 1)
    ]


# --- taking one -----------------------------------------------------------------------------------


def test_the_entire_state_is_a_snapshot_on_stable_storage_then_the_log_up_to_it_is_gone() -> None:
    """§7: "In snapshotting, the entire current system state is written to a snapshot on stable
    storage, then the entire log up to that point is discarded."
    """
    cluster = grown(3)
    node = cluster.live["n1"]
    assert (node.applied, node.log.base_index, node.log.last_index) == (4, 3, 4)
    parts = [record.data for record in cluster.disks["n1"] if isinstance(record, SnapshotPart)]
    assert joined(parts)["values"] == {"k1": 1, "k2": 2, "k0": 3}
    assert all(not isinstance(r, Appended) or r.first_index == 4 for r in cluster.disks["n1"])


def test_each_server_takes_snapshots_independently_of_committed_entries_alone() -> None:
    """§7: "Each server takes snapshots independently, covering just the committed entries in its
    log."
    """
    cluster = grown(2)
    for value in range(6):
        cluster.request("n1", "write", "late", value)
    assert cluster.live["n1"].snapshot is None, "six entries are not committed"
    cluster.compact("n3")
    assert cluster.live["n3"].snapshot is not None
    assert cluster.live["n2"].snapshot is None


def test_the_snapshot_names_its_last_entry_and_the_latest_members_up_to_it() -> None:
    """§7: "Raft also includes a small amount of metadata in the snapshot: the last included index
    [...] and the last included term". "To enable cluster membership changes, the snapshot also
    includes the latest configuration in the log as of last included index."
    """
    cluster = RaftCluster(3, Compacting, spares=1)
    cluster.elect("n1")
    cluster.request("n1", "add-member", argument="n4")
    cluster.stabilize()
    cluster.fire("n1", "heartbeat")
    cluster.stabilize()
    cluster.compact("n1")
    snapshot = cluster.live["n1"].snapshot
    assert snapshot is not None
    assert (snapshot.last_index, snapshot.last_term) == (cluster.live["n1"].applied, 1)
    assert snapshot.members == Members(("n1", "n2", "n3", "n4"))


def test_the_first_entry_after_the_snapshot_can_still_be_checked() -> None:
    """§7: "These are preserved to support the AppendEntries consistency check for the first log
    entry following the snapshot, since that entry needs a previous log index and term."
    """
    log = Log(5, 2)
    log.append((Entry(3, None),))
    assert log.has(5, 2)
    assert not log.has(5, 1)
    assert log.has(4, 1), "what the snapshot replaced was committed, whatever its term was"
    assert (log.first_index, log.last_index, log.last_term, log.term_at(5)) == (6, 6, 3, 2)
    assert (log.first_index_of(3), log.last_index_of(3), log.last_index_of(2)) == (6, 6, 5)


def test_a_snapshot_is_taken_when_the_log_has_grown_by_a_fixed_size() -> None:
    """§7: "One simple strategy is to take a snapshot when the log reaches a fixed size in bytes" -
    here in entries, and not before there are as many as there were keys the last time, so that
    writing snapshots is never more work than writing the log.
    """
    cluster = RaftCluster(1, Compacting)
    cluster.elect("n1")
    for number in range(40):
        cluster.request("n1", "write", f"key {number}", number)
    taken = [line for line in cluster.trace if line.startswith("n1 compacts")]
    sizes = [line.count("SnapshotPart") for line in taken]
    assert sizes == [4, 8, 16, 32], "each about twice as large as the one before"


@pytest.mark.parametrize("effects", range(3))
def test_a_crash_around_a_compaction_loses_nothing(effects: int) -> None:
    cluster = grown(2, "n1", "n2")
    cluster.request("n1", "write", "k", "last")
    (batch,) = cluster.take("n1", "n2")
    cluster.hand_over(batch)
    (answer,) = cluster.take("n2", "n1")
    cluster.step("n1", Received(answer), effects)
    node = cluster.restart("n1")
    assert node.log.last_index == 4
    cluster.elect("n1", "n1", "n2")
    assert node.machine.values == {"k1": 1, "k2": 2, "k": "last"}


def test_a_restart_begins_with_the_snapshot() -> None:
    """Figure 13: "Reset state machine using snapshot contents": what it holds was committed."""
    cluster = grown(5)
    cluster.crash("n1")
    node = cluster.restart("n1")
    assert (node.commit_index, node.applied, node.log.base_index) == (4, 4, 3)
    assert node.machine.values == {"k1": 1, "k2": 2, "k0": 3}
    cluster.elect("n2")
    cluster.fire("n2", "heartbeat")
    cluster.stabilize()
    assert node.machine.values == {"k1": 4, "k2": 5, "k0": 3}


def test_a_snapshot_keeps_the_sessions() -> None:
    """Dissertation §6.3: what was carried out before the snapshot is not carried out again."""
    cluster = RaftCluster(3, Compacting)
    cluster.elect("n1")
    cluster.request("n1", "open")
    cluster.stabilize()
    cluster.request("n1", "write", "k", "once", session=1, sequence=1)
    cluster.stabilize()
    write(cluster, 6)
    cluster.crash("n1")
    cluster.restart("n1")
    cluster.elect("n1")
    cluster.request("n1", "write", "k", "twice", session=1, sequence=1)
    cluster.stabilize()
    assert cluster.answers[-1] == (CLIENT, Reply(1, "once"))


# --- sending one ----------------------------------------------------------------------------------


def lagging() -> RaftCluster:
    """n3 needs entries that n1, the leader, has discarded; n1 has just heard it again."""
    cluster = grown(8, "n1", "n2")
    cluster.in_flight.clear()
    for _ in range(2):
        cluster.fire("n1", "heartbeat")
    return cluster


def test_a_follower_that_lacks_discarded_entries_is_sent_the_snapshot_in_parts() -> None:
    """§7: "the leader must occasionally send snapshots to followers that lag behind. This happens
    when the leader has already discarded the next log entry that it needs to send to a follower."
    Figure 13: "Invoked by leader to send chunks of a snapshot to a follower. Leaders always send
    chunks in order."
    """
    cluster = lagging()
    cluster.trace.clear()
    cluster.stabilize()
    sent = [
        (line.split("last_index=")[1][0], line.split(" part=")[1][0])
        for line in cluster.trace
        if "sends n3 InstallSnapshot" in line
    ]
    newer = [("8", part) for part in "0123"]
    assert sent == [("4", part) for part in "123"] + newer, "the leader took another one meanwhile"
    assert cluster.live["n3"].machine.values == cluster.live["n1"].machine.values
    assert cluster.live["n3"].log.last_index == cluster.live["n1"].log.last_index


def test_a_part_that_was_lost_is_sent_again() -> None:
    cluster = lagging()
    cluster.exchange("n1", "n3")
    for _ in range(6):
        cluster.take("n1", "n3")
        cluster.fire("n1", "heartbeat")
        cluster.fire("n1", "heartbeat")
        cluster.exchange("n1", "n3")
    cluster.stabilize()
    assert cluster.live["n3"].machine.values == cluster.live["n1"].machine.values


def test_a_follower_that_restarts_meanwhile_is_sent_all_parts_anew() -> None:
    cluster = lagging()
    for _ in range(3):
        cluster.exchange("n1", "n3")
    assert cluster.live["n1"].progress["n3"].next_part > 0
    cluster.crash("n3")
    cluster.restart("n3")
    for _ in range(3):
        cluster.fire("n1", "heartbeat")
    cluster.stabilize()
    assert cluster.live["n3"].machine.values == cluster.live["n1"].machine.values


# --- installing one -------------------------------------------------------------------------------


def test_a_follower_without_its_last_entry_discards_its_entire_log() -> None:
    """§7: "Usually the snapshot will contain new information not already in the recipient's log. In
    this case, the follower discards its entire log; it is all superseded by the snapshot".
    """
    cluster = RaftCluster()
    node = cluster.start("n1", disk(1, [1, 1, 1, 1, 1, 1]))
    cluster.invariants = Invariants()
    first, second = snapshot_parts()
    assert cluster.receive("n1", "n2", first) == [SnapshotAnswer(2, 4, 1)]
    assert node.log.last_index == 6, "nothing happens before all of it is there"
    watched, cluster.invariants = cluster.invariants, _Blind()
    assert cluster.receive("n1", "n2", second) == [AppendAnswer(2, 4, 0)]
    cluster.invariants = watched
    assert (node.log.base_index, node.log.base_term, node.log.last_index) == (4, 2, 4)
    assert (node.commit_index, node.applied, node.machine.values) == (4, 4, {"s": 9})
    assert cluster.disks["n1"] == [
        TermAndVote(2, None),
        SnapshotPart({"opened": 7}),
        SnapshotPart({"values": {"s": 9}}),
        SnapshotTaken(4, 2, THREE),
        LogBegins(4, 2, THREE),
    ]


def test_a_follower_that_has_its_last_entry_retains_what_follows() -> None:
    """§7: "If instead the follower receives a snapshot that describes a prefix of its log (due to
    retransmission or by mistake), then log entries covered by the snapshot are deleted but entries
    following the snapshot are still valid and must be retained."
    """
    cluster = RaftCluster()
    node = cluster.start("n1", disk(2, [1, 1, 2, 2, 2, 2]))
    cluster.invariants = _Blind()
    for part in snapshot_parts():
        cluster.receive("n1", "n2", part)
    assert (node.log.base_index, node.log.last_index, node.commit_index) == (4, 6, 4)


def test_a_snapshot_of_what_is_committed_already_changes_nothing() -> None:
    cluster = grown(5)
    node = cluster.live["n2"]
    before = list(cluster.disks["n2"])
    values = dict(node.machine.values)
    old = InstallSnapshot(1, 2, 1, THREE, 0, 1, {"values": {"k1": 0}})
    assert cluster.receive("n2", "n1", old) == [AppendAnswer(1, 2, 0)]
    assert (cluster.disks["n2"], node.machine.values) == (before, values)


def test_an_earlier_leader_s_snapshot_is_refused_at_once() -> None:
    """Figure 13: "Reply immediately if term < currentTerm"."""
    cluster = RaftCluster()
    cluster.start("n1", disk(5, [1]))
    assert cluster.receive("n1", "n2", snapshot_parts()[0]) == [SnapshotAnswer(5, 4, 0)]


def test_parts_of_different_snapshots_are_never_mixed() -> None:
    cluster = RaftCluster()
    node = cluster.live["n1"]
    cluster.invariants = _Blind()
    cluster.receive("n1", "n2", snapshot_parts(4)[0])
    assert cluster.receive("n1", "n2", snapshot_parts(5)[1]) == [SnapshotAnswer(2, 5, 0)]
    cluster.receive("n1", "n2", snapshot_parts(4)[1])
    cluster.receive("n1", "n3", snapshot_parts(4, term=3)[1])
    assert node.snapshot is None


def test_the_answer_comes_after_the_snapshot_is_durable() -> None:
    node = Raft("n1", ["n2", "n3"], RaftCluster().live["n1"].random)
    node.step(Started(()), 0)
    for part in snapshot_parts():
        effects = node.step(Received(Message("n2", "n1", part)), 0)
    kinds = [type(effect) for effect in effects]
    assert kinds.index(Compact) < kinds.index(Send)


def test_entries_that_the_snapshot_holds_are_not_taken_again() -> None:
    cluster = RaftCluster()
    node = cluster.live["n1"]
    cluster.invariants = _Blind()
    for part in snapshot_parts():
        cluster.receive("n1", "n2", part)
    entries = tuple(Entry(2, Request(0, 1, "write", "s", index)) for index in (3, 4, 5, 6))
    late = AppendEntries(2, 2, 1, entries, 6, 0)
    assert cluster.receive("n1", "n2", late) == [AppendAnswer(2, 6, 0)]
    assert (node.log.base_index, node.log.last_index, node.machine.values) == (4, 6, {"s": 6})
    conflict = AppendEntries(2, 7, 2, (), 6, 0)
    assert cluster.receive("n1", "n2", conflict) == [AppendConflict(2, 0, 7, 0)]


def test_a_snapshot_on_the_wire_and_in_the_journal_is_read_back_equal() -> None:
    codec = Codec(Raft.payloads)
    cluster = grown(5)
    for record in [*cluster.disks["n1"], *snapshot_parts()]:
        assert codec.decode(codec.encode(record)) == record
        json.loads(codec.encode(record))


class _Blind(Invariants):
    """For entries and snapshots that a test made up, and no leader ever sent."""

    def check(self, nodes: object) -> None:
        pass
