"""Raft that trusts its disk too far: flaws of what is beneath the protocol."""

from typing import ClassVar

from systems_under_test.raft.flawed import FORKED
from systems_under_test.raft.node import Raft


class RaftNoFsync(Raft):
    """What is recorded is left to the kernel's cache, and acknowledged.

    Breaks "updated on stable storage before responding to RPCs" (Figure 2). Anomaly: acknowledged
    writes vanish when a majority loses power; a killed process loses nothing, since the kernel has
    it, so that no kill can show this flaw.
    """

    shows = FORKED

    syncs: ClassVar[bool] = False


class RaftCutsDamage(Raft):
    """A journal that was damaged is cut off where the damage begins, as if a crash had torn it.

    Breaks "persistent state on all servers" (Figure 2), as a node that forgets what it voted for
    and accepted is another one; Alagappan et al. ("Protocol-Aware Recovery", FAST 2018) found it in
    systems that are in use. Anomaly: acknowledged writes vanish once a majority lacks them.
    """

    shows = FORKED

    refuses_damage: ClassVar[bool] = False
