"""A simulated disk: a journal that keeps the contract, and nothing that it does not promise.

What was persisted is durable once its sync has ended. A crash before that loses it wholly, or all
but its first records: the real journal cuts off a torn record by its checksum, so that what
survives is always a beginning of what was being written (systems_under_test/journal.py). A
group that replaces the journal survives wholly or not at all.
"""

from random import Random

from systems_under_test.node import Payload


class Disk:
    """One node's journal; it outlives the node."""

    def __init__(self, random: Random, torn: bool) -> None:
        self._random = random
        self._torn = torn
        self.durable: list[Payload] = []
        self.writing: list[Payload] = []
        self._replaces = False

    def write(self, records: list[Payload], replaces: bool = False) -> None:
        """Begin to write a group of records, behind all others or in their place."""
        self.writing = records
        self._replaces = replaces

    def synced(self) -> None:
        """The group is durable now."""
        if self._replaces:
            self.durable = []
        self.durable += self.writing
        self.writing = []

    def crash(self) -> None:
        """Lose what was being written, or keep a beginning of it."""
        if self._torn and self.writing:
            kept = self._random.randint(0, len(self.writing))
            if self._replaces:
                self.durable = self.writing if kept == len(self.writing) else self.durable
            else:
                self.durable += self.writing[:kept]
        self.writing = []
