"""Raft that waits so long before it elects that clients notice: sound, and not available."""

from systems_under_test.raft.node import Raft


class SlowElections(Raft):
    ELECTION_TIMEOUT_NS = 8_000_000_000
