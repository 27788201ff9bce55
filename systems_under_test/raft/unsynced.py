"""Raft on a disk that keeps nothing: what the operating system cannot do for a system."""

from typing import ClassVar

from systems_under_test.raft.node import Raft


class RaftNoFsync(Raft):
    """What is recorded is left to the kernel's cache, and acknowledged.

    Breaks "updated on stable storage before responding to RPCs" (Figure 2). Anomaly: acknowledged
    writes vanish when a majority loses power; a killed process loses nothing, since the kernel has
    it, so that no kill can show this flaw.
    """

    syncs: ClassVar[bool] = False
