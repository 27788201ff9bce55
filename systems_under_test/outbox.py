"""The rule of effects, under every driver: a `Persist` is durable before any later effect is seen.

An outbox takes the effects of a node's steps in their order. It collects what is to be persisted,
and holds every message back behind the records that it may depend on. The driver syncs the records
of many steps as one group, at its own pace; while that is under way further steps go on, and what
they persist and send waits for the next group. A compaction is such a group as well: one that
replaces all that was ever persisted, and with it the records that wait to be written.

Timers are invisible outside the node and pass at once: a timer that was set again must not fire
because the disk is slow. Nothing here reads a clock, or touches a disk or a network.
"""

from collections.abc import Iterable
from typing import NamedTuple

from systems_under_test.node import (
    CancelTimer,
    Compact,
    Effect,
    Message,
    Payload,
    Persist,
    Send,
    SetTimer,
)


class Group(NamedTuple):
    """Records to make durable at once, behind all others or, if it `replaces` them, instead."""

    records: list[Payload]
    replaces: bool


class Outbox:
    """What one life of a node has persisted and sent that is not durable, or not sent, yet."""

    __slots__ = ("_behind_group", "_behind_records", "_records", "_replaces", "_syncing")

    def __init__(self) -> None:
        self._records: list[Payload] = []
        self._replaces = False
        self._behind_records: list[Message] = []
        self._syncing = False
        self._behind_group: list[Message] = []

    @property
    def waiting(self) -> int:
        """How many records wait for the next group."""
        return len(self._records)

    @property
    def idle(self) -> bool:
        """Whether all that was persisted is durable."""
        return not (self._syncing or self._records or self._replaces)

    def take(self, effects: Iterable[Effect]) -> tuple[list[Send | SetTimer | CancelTimer], bool]:
        """Take a step's effects; those to perform now, in order, and whether it persisted any."""
        now: list[Send | SetTimer | CancelTimer] = []
        persisted = False
        # Asked for its exact type, as matching its parts takes four times as long.
        for effect in effects:
            kind = type(effect)
            if kind is Send:
                if self._records or self._replaces:
                    self._behind_records.append(effect.message)  # type: ignore[union-attr]
                elif self._syncing:
                    self._behind_group.append(effect.message)  # type: ignore[union-attr]
                else:
                    now.append(effect)  # type: ignore[arg-type]
            elif kind is Persist:
                self._records.append(effect.record)  # type: ignore[union-attr]
                persisted = True
            elif kind is Compact:
                self._records = list(effect.records)  # type: ignore[union-attr]
                self._replaces = persisted = True
            else:
                now.append(effect)  # type: ignore[arg-type]
        return now, persisted

    def begin_sync(self) -> Group | None:
        """The records to make durable next, as one group; None while there is nothing to sync, or
        another group is under way."""
        if self._syncing or not (self._records or self._replaces):
            return None
        group = Group(self._records, self._replaces)
        self._records, self._replaces, self._syncing = [], False, True
        self._behind_group, self._behind_records = self._behind_records, []
        return group

    def synced(self) -> list[Message]:
        """The group under way is durable: the messages that waited for it, in order."""
        ready, self._behind_group = self._behind_group, []
        self._syncing = False
        return ready
