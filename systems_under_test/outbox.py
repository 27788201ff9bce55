"""The rule of effects, under every driver: a `Persist` is durable before any later effect is seen.

A driver hands the effects of a node's steps to an outbox in their order. It collects what is to be
persisted, and holds every message back behind the records that it may depend on. The driver syncs
the records of many steps as one group, at its own pace; while that is under way further steps go
on, and what they persist and send waits for the next group. A compaction is such a group as well:
one that replaces all that was ever persisted, and with it the records that wait to be written.

Timers are invisible outside the node, and no business of an outbox: a timer that was set again must
not fire because the disk is slow. Nothing here reads a clock, or touches a disk or a network.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from systems_under_test.node import Compact, Effect, Message, Payload, Persist, Send, new_tuple


class Group(NamedTuple):
    """Records to make durable at once, behind all others or, if it `replaces` them, instead."""

    records: list[Payload]
    replaces: bool


class Outbox:
    """What one life of a node has persisted and sent that is not durable, or not sent, yet."""

    __slots__ = ("_behind_group", "_behind_records", "_records", "_replaces", "_syncing", "busy")

    def __init__(self) -> None:
        self.busy = False
        """Whether something that was persisted is not durable yet; while nothing is, no message is
        held."""

        self._records: list[Payload] = []
        self._replaces = False
        self._behind_records: list[Message] = []
        self._syncing = False
        self._behind_group: list[Message] = []

    @property
    def waiting(self) -> int:
        """How many records wait for the next group."""
        return len(self._records)

    def persist(self, record: Payload) -> None:
        """Take a record for the next group."""
        self._records.append(record)
        self.busy = True

    def compact(self, records: Iterable[Payload]) -> None:
        """Take the records that replace all others with the next group."""
        self._records = list(records)
        self._replaces = self.busy = True

    def holds(self, message: Message) -> bool:
        """Hold a message back if it may depend on what is not durable; else it may leave now."""
        if self._records or self._replaces:
            self._behind_records.append(message)
        elif self._syncing:
            self._behind_group.append(message)
        else:
            return False
        return True

    def release(self, effects: Iterable[Effect]) -> Iterator[Effect]:
        """Take what a step persists, and yield what to do now, in order: to send the messages that
        wait for nothing, and to set and cancel timers."""
        for effect in effects:
            match effect:
                case Persist(record):
                    self.persist(record)
                case Compact(records):
                    self.compact(records)
                case Send(message) if self.holds(message):
                    pass
                case _:
                    yield effect

    def begin_sync(self) -> Group | None:
        """The records to make durable next, as one group; None while there is nothing to sync, or
        another group is under way."""
        if self._syncing or not (self._records or self._replaces):
            return None
        group = new_tuple(Group, (self._records, self._replaces))
        self._records, self._replaces, self._syncing = [], False, True
        self._behind_group, self._behind_records = self._behind_records, []
        return group

    def synced(self) -> list[Message]:
        """The group under way is durable: the messages that waited for it, in order."""
        ready, self._behind_group = self._behind_group, []
        self._syncing = False
        self.busy = bool(self._records) or self._replaces
        return ready
