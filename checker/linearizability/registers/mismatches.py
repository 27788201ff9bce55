"""Compare-and-sets that only observed that the value was different from the one they expected.

Such a `cas-mismatch` of the value u, from its beginning to its end, needs a moment at which the
value is not u. No polynomial condition is known, but what stands around u often decides it. Leave
all mismatches out, and be the rest linearizable; u is written once and belongs to one chain (see
`checker.linearizability.registers.chains`).

- *Violated*, if something of u's cluster had ended before it began, and another operation that saw
  u began after it ended: u was there all the time.
- *Harmless*, if in every linearization of the rest u is not there at its beginning or at its end:
  something that must not come after u's write began later than the mismatch did; or something that
  must come after u was replaced ended before the mismatch did; or the same holds of another chain
  that must come before or after that of u. So it is where u was never written, or only by an
  operation that crashed and that nobody needs.

Only keys with a mismatch that is neither are searched, and without those that are harmless. But
where an operation crashed that the rest does not need, a mismatch may need it after all, and then
others are not harmless any more: such a key is searched with all of them.
"""

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np

from checker.columns import NEVER, OK, Columns, canonical
from checker.errors import InternalError
from checker.history import History
from checker.linearizability.registers import judge as registers
from checker.linearizability.registers.facts import began, ended
from checker.linearizability.registers.graph import Chain, chains_of, decide, first_end, last_begin
from checker.linearizability.registers.judge import Judged
from checker.linearizability.violation import Violation
from checker.operation import Operation, Outcome
from checker.wording import of_key

MISMATCH = "cas-mismatch"


def judge(history: History, initial: Any, engine: str) -> Judged:
    """As `registers.judge`, for histories that may hold mismatches beside reads, writes and CAS."""
    columns = history.columns
    mismatch = columns.function == columns.functions.find(MISMATCH)
    if not mismatch.any():
        return registers.judge(history, initial, engine)
    rest = registers.judge(History(columns=columns.rows(~mismatch)), initial, engine)
    needed = ~mismatch
    results, undecided = dict(rest.results), list(rest.undecided)
    observed = mismatch & (columns.outcome == OK)
    for key in np.unique(columns.key[observed]).tolist():
        if key in results:
            continue
        rows = columns.rows_of(key)
        if key in rest.undecided:
            needed[rows] |= observed[rows]
            continue
        around = _Around(list(columns.operations(rows[~mismatch[rows]])), initial)
        mine = rows[observed[rows]]
        operations = list(columns.operations(mine))
        violation = next(filter(None, map(around.violation, operations)), None)
        if violation is not None:
            results[key] = violation.result(columns.keys[key], rest.algorithm)
            continue
        harmful = np.array([not around.harmless(operation) for operation in operations])
        if harmful.any():
            undecided.append(key)
            needed[mine] = True if around.incomplete else harmful
    return replace(
        rest, results=results, undecided=tuple(undecided), left=columns.rows(needed), witness=None,
        found=None, orders=(),
    )  # fmt: skip


def orders(
    columns: Columns, judged: Judged, initial: Any
) -> Iterator[tuple[list[Operation], Sequence[Operation]]]:
    """The operations of each key that was found to be valid, and an order of all but mismatches."""
    for key in range(len(columns.keys)):
        if key not in judged.results and key not in judged.undecided:
            operations = list(columns.operations(columns.rows_of(key)))
            rest = decide([o for o in operations if o.function != MISMATCH], initial)
            if rest.order is None:
                raise InternalError(of_key(columns.keys[key], "the engines disagree"))
            yield operations, rest.order


@dataclass(frozen=True)
class _Place:
    """Where the one cluster of a value stands in its chain."""

    chain: int
    number: int


class _Around:
    """The chains of a key that is linearizable without its mismatches."""

    def __init__(self, operations: Sequence[Operation], initial: Any) -> None:
        found = chains_of(operations, initial)
        if not isinstance(found, list):
            raise InternalError("the values of a valid key contradict each other")
        self.chains: list[Chain] = found
        kept = {id(cluster.writer) for chain in found for cluster in chain}
        # Something that crashed and would have written is in no chain.
        self.incomplete = any(
            o.outcome is Outcome.INFO and o.function != "read" and id(o) not in kept
            for o in operations
        )
        self.places: dict[Hashable, list[_Place]] = {}
        for number, chain in enumerate(found):
            for place, cluster in enumerate(chain):
                self.places.setdefault(canonical(cluster.value), []).append(_Place(number, place))
        self.first = [ended(first_end(chain)) for chain in found]
        self.last = [began(last_begin(chain)) for chain in found]
        self.begun = [_latest_begins(chain) for chain in found]
        self.done = [_earliest_ends(chain) for chain in found]
        self.by_first = sorted(range(len(found)), key=self.first.__getitem__)
        self.by_last = sorted(range(len(found)), key=lambda chain: -self.last[chain])
        self.firsts = [self.first[chain] for chain in self.by_first]
        self.lasts = [-self.last[chain] for chain in self.by_last]
        # Of the chains up to a place the two that reach farthest: one of them may be u's own.
        self.reaching = list(accumulate(map(_alone, self.by_first), self._latest_two))
        self.ending = list(accumulate(map(_alone, self.by_last), self._earliest_two))

    def _latest_two(self, one: tuple[int, ...], more: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted((*one, *more), key=lambda chain: -self.last[chain])[:2])

    def _earliest_two(self, one: tuple[int, ...], more: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted((*one, *more), key=self.first.__getitem__)[:2])

    def violation(self, mismatch: Operation) -> Violation | None:
        """What shows that the value was there all the time, if anything does."""
        for place in self._places(mismatch):
            cluster = self.chains[place.chain][place.number]
            sightings = [*cluster.reads, *([cluster.following] if cluster.following else [])]
            since = min((cluster.writer, *cluster.reads), key=ended)
            until = max(sightings, key=began, default=None)
            if until is None or ended(since) >= began(mismatch) or began(until) <= ended(mismatch):
                continue
            if since is None:
                reason = "{0} found that the value was not the first one, which {1} still saw"
                return Violation((mismatch, until), f"{reason} when it began later")
            reason = "{1} found that the value was another one than {0} had left, and {2} saw later"
            writer = [w for w in (cluster.writer,) if w is not None and w is not since]
            return Violation((since, mismatch, until, *writer), reason)
        return None

    def harmless(self, mismatch: Operation) -> bool:
        """Whether every linearization of the rest has room for it."""
        places = self._places(mismatch)
        if len(places) != 1:
            return not places
        (place,) = places
        own, begin, end = place.chain, began(mismatch), ended(mismatch)
        if self.begun[own][place.number] > begin or self.done[own][place.number + 1] < end:
            return True
        later = bisect_left(self.lasts, -self.first[own])
        if later and any(self.first[c] < end for c in self.ending[later - 1] if c != own):
            return True
        earlier = bisect_left(self.firsts, self.last[own])
        return earlier > 0 and any(
            self.last[c] > begin for c in self.reaching[earlier - 1] if c != own
        )

    def _places(self, mismatch: Operation) -> Sequence[_Place]:
        return self.places.get(canonical(mismatch.argument), ())


def _alone(chain: int) -> tuple[int, ...]:
    return (chain,)


def _latest_begins(chain: Chain) -> list[int]:
    """For each cluster the latest beginning of what must not come after its write."""
    begun, latest = [], -NEVER
    for cluster in chain:
        latest = max(latest, began(cluster.writer))
        begun.append(latest)
        latest = max((latest, *map(began, cluster.reads)))
    return begun


def _earliest_ends(chain: Chain) -> list[int]:
    """For each cluster the earliest end among it and those after it; `NEVER` behind the last."""
    done = [NEVER]
    for cluster in reversed(chain):
        done.append(min((done[-1], ended(cluster.writer), *map(ended, cluster.reads))))
    return done[::-1]
