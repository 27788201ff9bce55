"""A simulated disk: a journal that keeps the contract, and nothing that it does not promise.

What was persisted is durable once its sync has ended. A crash before that loses it wholly, or all
but its first records: the real journal cuts off a torn record by its checksum, so that what
survives is always a beginning of what was being written (systems_under_test/journal.py).
"""

from random import Random

from harness.conditions import Corruption
from systems_under_test.node import Payload


class Disk:
    """One node's journal; it outlives the node."""

    def __init__(self, random: Random, torn: bool, *, syncs: bool = True) -> None:
        """Without `syncs` the node takes for durable what the kernel has: see `Node.syncs`."""
        self._random = random
        self._syncs = syncs
        self._cached = 0
        """How many of the last records the kernel alone has."""

        self._torn = torn
        self.durable: list[Payload] = []
        self.writing: list[Payload] = []
        self.damaged = False
        """Whether something was changed in it, which checksums tell its reader."""

        self._replaces = False

    def write(self, records: list[Payload], *, replaces: bool = False) -> None:
        """Begin to write a group of records, after those that are there or instead of them."""
        self.writing = records
        self._replaces = replaces

    def synced(self) -> None:
        """The group is durable now."""
        if self._replaces:
            self.durable = []
            self._cached = 0
        elif not self._syncs:
            self._cached += len(self.writing)
        self.durable += self.writing
        self.writing = []
        self._replaces = False

    def crash(self) -> None:
        """Lose what was being written, or keep a beginning of it; a replacement wholly or not."""
        if self._replaces:
            if self._torn and self._random.random() < 0.5:
                self.synced()
        elif self._torn and self.writing:
            self.durable += self.writing[: self._random.randint(0, len(self.writing))]
        self.writing = []
        self._replaces = False

    def harm(self, damage: Corruption, *, refused: bool) -> str:
        """Damage the journal of a node that is down; what was done. Records are what checksums tell
        apart, so it is done to one and all that follow; it is `refused`, or cut off there."""
        first = int(min(damage.places) * len(self.durable))
        told = f"damaged at record {first} of {len(self.durable)}"
        self.damaged = refused
        if not refused:
            del self.durable[first:]
        return told

    def opened(self) -> None:
        """A node that opens a journal syncs it first."""
        self._cached = 0

    def lose_power(self) -> None:
        """As `crash`, and lose what the kernel alone had."""
        self.crash()
        if self._cached:
            del self.durable[-self._cached :]
        self._cached = 0
