"""A system that kills the harness's process, as the kernel does when memory is short."""

import os
import signal
from collections.abc import Iterable
from random import Random

from systems_under_test.node import NodeId
from systems_under_test.single import Single


class KillsTheHarness(Single):
    """Kills the process that started the simulation's workers."""

    def __init__(self, node_id: NodeId, peers: Iterable[NodeId], random: Random) -> None:
        super().__init__(node_id, peers, random)
        os.kill(os.getppid(), signal.SIGKILL)


class KillsItself(Single):
    """Kills the worker that simulates it."""

    def __init__(self, node_id: NodeId, peers: Iterable[NodeId], random: Random) -> None:
        super().__init__(node_id, peers, random)
        os.kill(os.getpid(), signal.SIGKILL)
