"""How stale reads were: by how many versions, and for how long the value had been overwritten.

A read is stale if another write began after the write of its value had ended, and ended before the
read began. The versions it missed are the writes of which that is true; its age is the time from
the first end of such a write to the beginning of the read. Both are the least that the history
proves. Reads are judged one by one (this is the complement of weak regularity), so that a history
may be not linearizable although no read of it is stale.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from checker.columns import canonical
from checker.history import History
from checker.linearizability.registers.facts import BEFORE_ALL, NOT, began, ended, saw_and_wrote
from checker.operation import Operation, Outcome
from checker.wording import plural


@dataclass(frozen=True, slots=True)
class StaleRead:
    """A read that missed `versions` writes, the first of which had ended `age_ns` before."""

    operation: Operation
    versions: int
    age_ns: int


@dataclass(frozen=True)
class Staleness:
    """All stale reads of a history, out of `reads` that were judged.

    Reads of a value that was written more than once, or never, are not judged.
    """

    reads: int
    stale: tuple[StaleRead, ...]

    def sentence(self) -> str:
        """How many there were, and how far behind, in words."""
        if not self.stale:
            return f"stale reads: none of {self.reads:,}, each taken by itself"
        found = self.to_json()
        behind = plural(found["versions_median"], "version")
        return (
            f"stale reads: {len(self.stale):,} of {self.reads:,}; typically {behind} and "
            f"{found['age_ms_median']:.4g} ms behind, at worst {found['versions_max']} and "
            f"{found['age_ms_max']:.4g} ms"
        )

    def to_json(self) -> dict[str, Any]:
        versions = [read.versions for read in self.stale]
        ages = [read.age_ns for read in self.stale]
        return {
            "reads": self.reads,
            "stale_reads": len(self.stale),
            "versions_max": max(versions, default=0),
            "versions_median": median(versions) if versions else 0,
            "age_ms_max": max(ages, default=0) / 1e6,
            "age_ms_median": median(ages) / 1e6 if ages else 0.0,
        }


def staleness(history: History, initial: Any = None) -> Staleness:
    """Judge every completed read; raises `Unsupported` for operations of no register."""
    reads = 0
    stale: list[StaleRead] = []
    for operations in history.by_key().values():
        facts = [(operation, *saw_and_wrote(operation)) for operation in operations]
        updates = [operation for operation, _, wrote in facts if wrote is not NOT]
        written: dict[Any, list[int]] = {canonical(initial): [BEFORE_ALL]}
        for operation, _, wrote in facts:
            if wrote is not NOT:
                written.setdefault(canonical(wrote), []).append(ended(operation))
        updates.sort(key=began)
        starts = [began(update) for update in updates]
        soonest = _soonest(updates)
        for operation, saw, _ in facts:
            if saw is NOT or operation.outcome is not Outcome.OK:
                continue
            ends = written.get(canonical(saw), [])
            if len(ends) != 1:
                continue
            reads += 1
            later = bisect_right(starts, ends[0])
            if later < len(updates) and ended(soonest[later]) < began(operation):
                # Whatever began later than the read did cannot have ended before it.
                upto = bisect_right(starts, began(operation))
                missed = sum(ended(update) < began(operation) for update in updates[later:upto])
                over = soonest[later]
                assert over.completed_ns is not None
                age = operation.invoked_ns - over.completed_ns
                stale.append(StaleRead(operation, missed, age))
    return Staleness(reads, tuple(stale))


def _soonest(updates: Sequence[Operation]) -> list[Operation]:
    """For each place the update that ended first, of those from there on."""
    soonest: list[Operation] = []
    for update in reversed(updates):
        if soonest and ended(soonest[-1]) <= ended(update):
            soonest.append(soonest[-1])
        else:
            soonest.append(update)
    return soonest[::-1]
