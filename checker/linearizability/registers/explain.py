"""Why a minimal counterexample contradicts itself, as labelled edges and in sentences.

The manner is that of Elle: operations go by their number in the counterexample, from 1; what
precedes what is said with its reason, and the last sentence closes the circle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from checker.errors import InternalError
from checker.linearizability.registers.facts import NOT, ended, saw_and_wrote
from checker.linearizability.registers.graph import (
    Between,
    CasCycle,
    Chain,
    Contradiction,
    Forked,
    ThinAir,
    Within,
    Written,
    decide,
)
from checker.linearizability.registers.minimise import Fact
from checker.operation import Operation
from checker.verdict import Edge
from checker.wording import joined, value_text

REAL_TIME = "real time"
BOTH = "These cannot both be true."


def describe(operation: Operation) -> str:
    """What an operation did, as a clause: "process 4 wrote 17"."""
    who = f"process {operation.process}"
    saw, wrote = saw_and_wrote(operation)
    if saw is not NOT and wrote is not NOT:
        return f"{who} replaced {value_text(saw)} by {value_text(wrote)}"
    if wrote is not NOT:
        return f"{who} wrote {value_text(wrote)}"
    if saw is NOT:
        return f"{who} called {operation.function}, which had no effect"
    if operation.function == "cas":
        return (
            f"{who} found {value_text(saw)} where it expected {value_text(operation.argument[0])}"
        )
    return f"{who} read {value_text(saw)}"


def explain(facts: Sequence[Fact], initial: Any) -> tuple[tuple[Edge, ...], tuple[str, ...]]:
    """The edges and the sentences for facts that contradict each other."""
    contradiction = decide([fact.counted for fact in facts], initial).contradiction
    if contradiction is None:
        raise InternalError("the facts of a counterexample can be linearized")
    return _Teller(facts).tell(contradiction)


@dataclass(frozen=True)
class _Teller:
    facts: Sequence[Fact]

    def tell(self, contradiction: Contradiction) -> tuple[tuple[Edge, ...], tuple[str, ...]]:
        match contradiction:
            case ThinAir():
                edges, end = self._thin_air(contradiction)
            case Forked():
                edges, end = self._forked(contradiction)
            case CasCycle():
                edges, end = self._ring(contradiction)
            case Within():
                edges, end = self._within(contradiction)
            case Between():
                edges, end = self._between(contradiction)
        told = [edge.sentence for edge in edges if edge.sentence]
        return tuple(edges), (*self._crashed(), *self._weakened(), *told, *end)

    # --- the parts of sentences -----------------------------------------------------------------

    def number(self, operation: Operation) -> int:
        """The number of an operation in the counterexample."""
        return next(n for n, fact in enumerate(self.facts, 1) if fact.counted is operation)

    def numbers(self, operations: Sequence[Operation]) -> str:
        return joined([str(self.number(operation)) for operation in operations])

    def did(self, operation: Operation) -> str:
        """What an operation did, with its number: "3 read 17"."""
        return f"{self.number(operation)} {describe(operation).split(' ', 2)[2]}"

    def real_time(self, one: Operation, other: Operation) -> Edge:
        """One ended before the other began."""
        assert one.completed is not None
        a, b = self.number(one), self.number(other)
        if one.completed_ns is not None and one.completed_ns < other.invoked_ns:
            end, begin = _seconds(one.completed_ns, other.invoked_ns)
            when = f"it ended at {end}, and {b} began at {begin}"
        else:
            when = (
                f"it ended at position {one.completed} of the log, and {b} began at {other.invoked}"
            )
        return Edge(a, b, REAL_TIME, f"{a} comes before {b}: {when}.")

    def written_once(self, cluster: Written) -> str:
        value = value_text(cluster.value)
        if cluster.writer is None:
            return f"{value}, the initial value, is never written"
        return f"{value} was written only once, by {self.number(cluster.writer)}"

    # --- the contradictions ---------------------------------------------------------------------

    def _thin_air(self, found: ThinAir) -> tuple[list[Edge], list[str]]:
        return [], [
            f"{self.did(found.reader)}, but no operation that can have taken effect "
            f"wrote {value_text(found.value)}: a contradiction."
        ]

    def _forked(self, found: Forked) -> tuple[list[Edge], list[str]]:
        one, other = found.one, found.other
        sentence = (
            f"{self.did(one)} and {self.did(other)}; each found {value_text(found.cluster.value)} "
            f"in place, so neither comes after the other"
        )
        a, b = self.number(one), self.number(other)
        label = f"replaced {value_text(found.cluster.value)}"
        edges = [Edge(a, b, label, ""), Edge(b, a, label, "")]
        end = f"{sentence}, as {self.written_once(found.cluster)}: a contradiction."
        return edges, [end]

    def _ring(self, found: CasCycle) -> tuple[list[Edge], list[str]]:
        edges = []
        ring = found.operations
        for one, other in zip(ring, (*ring[1:], ring[0]), strict=True):
            a, b, value = self.number(one), self.number(other), saw_and_wrote(other)[0]
            sentence = f"{a} comes before {b}, which replaced what {a} wrote, {value_text(value)}."
            edges.append(Edge(a, b, "wrote what it replaced", sentence))
        end = "Nothing else wrote these values, so each of them comes before itself"
        return edges, [f"{end}: a contradiction."]

    def _within(self, found: Within) -> tuple[list[Edge], list[str]]:
        late, early = found.late, found.early
        a, b = self.number(late), self.number(early)
        start, end = found.clusters[0], found.clusters[-1]
        verb = "read" if early.function == "read" else "found"
        if len(found.clusters) == 1:
            label = "wrote what it saw"
            reason = f"{b} {verb} {value_text(end.value)}, which nothing but {a} wrote"
        else:
            label = "saw what was replaced"
            reason = f"{a} {'wrote' if start.writer is late else 'saw'} {value_text(start.value)}"
            for cluster in found.clusters[1:]:
                assert cluster.writer is not None
                reason += f", which {self.number(cluster.writer)} replaced by "
                reason += value_text(cluster.value)
            if end.writer is not early:
                reason += f", which {b} {verb}"
            reason += f"; {self.written_once(start)}"
        must = Edge(a, b, label, f"{a} comes before {b}: {reason}.")
        return [must, self.real_time(early, late)], [BOTH]

    def _between(self, found: Between) -> tuple[list[Edge], list[str]]:
        # The chain that ended something first is told first; the initial value was there before.
        x, y = (0, 1) if ended(found.ends[0]) < ended(found.ends[1]) else (1, 0)
        first, begins = found.ends[x], found.begins[y]
        last, ends = found.begins[x], found.ends[y]
        if ends is None:
            raise InternalError("two chains both hold the initial value")
        a, b = self.number(last), self.number(ends)
        mine = _part(found.chains[x], first, last)
        theirs = _part(found.chains[y], begins, ends)
        edges = [] if first is None else [self.real_time(first, begins)]
        edges.append(self.real_time(ends, last))
        if len(mine) == len(theirs) == 1 and saw_and_wrote(last)[1] is NOT:
            reason, label = self._stale(mine[0], theirs[0], last, ends), "saw what it overwrote"
        else:
            came = f"{value_text(mine[0].value)} was there first"
            if first is not None:
                came = f"{self.number(first)} comes before {self.number(begins)}"
            reason = (
                f"{_stretch(mine)} in place in one stretch, and so {_stretch(theirs, short=True)}; "
                f"each was written only once, and the first stretch comes before the other, "
                f"since {came}"
            )
            label = "one stretch of values"
        edges.append(Edge(a, b, label, f"But {a} comes before {b}: {reason}."))
        return edges, [BOTH]

    def _stale(self, cluster: Written, over: Written, last: Operation, ends: Operation) -> str:
        """Why a read of a value comes before whatever shows that the value was overwritten."""
        assert over.writer is not None
        a, n = self.number(last), self.number(over.writer)
        verb = "read" if last.function == "read" else "found"
        gone = f"{n} had overwritten it with {value_text(over.value)}"
        if over.writer is not ends:
            gone += f", which {self.number(ends)} saw"
        return (
            f"{a} {verb} {value_text(cluster.value)}, and {self.written_once(cluster)}, "
            f"so this was before {gone}"
        )

    # --- what else must be said -----------------------------------------------------------------

    def _crashed(self) -> list[str]:
        """That a crashed update took effect is known only from those who saw its value."""
        told = []
        for number, fact in enumerate(self.facts, 1):
            wrote = saw_and_wrote(fact.counted)[1]
            if fact.operation.completed is not None or wrote is NOT:
                continue
            seen_by = [
                other.counted
                for other in self.facts
                if (saw := saw_and_wrote(other.counted)[0]) is not NOT and saw == wrote
            ]
            if seen_by:
                told.append(
                    f"{number} was never answered, but took effect: "
                    f"{self.numbers(seen_by)} saw what it wrote, {value_text(wrote)}."
                )
        return told

    def _weakened(self) -> list[str]:
        return [
            f"For operation {number}, only the write of "
            f"{value_text(saw_and_wrote(fact.counted)[1])} matters, not what it replaced."
            for number, fact in enumerate(self.facts, 1)
            if fact.weakened
        ]


def _part(chain: Chain, one: Operation | None, other: Operation | None) -> Chain:
    """The part of a chain between the values of two operations."""
    places = sorted(
        place
        for place, cluster in enumerate(chain)
        for operation in (one, other)
        if operation is cluster.writer or any(operation is read for read in cluster.reads)
    )
    return chain[places[0] : places[-1] + 1]


def _stretch(part: Chain, short: bool = False) -> str:
    values = joined([value_text(cluster.value) for cluster in part])
    verb = "was" if len(part) == 1 else "were"
    return f"{verb} {values}" if short else f"{values} {verb}"


def _seconds(*times_ns: int) -> list[str]:
    """Times in seconds, with as many digits as tell neighbours apart."""
    digits = next(d for d in (3, 6, 9) if d == 9 or _differ(times_ns, d))
    return [f"{time / 1e9:.{digits}f} s" for time in times_ns]


def _differ(times_ns: Sequence[int], digits: int) -> bool:
    return len({f"{time / 1e9:.{digits}f}" for time in times_ns}) == len(times_ns)
