"""What is left of a whole history when all is added up: for objects that promise no order.

These models are not searched. Each answers for itself what was lost, doubled or made up.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from checker.columns import canonical
from checker.linearizability.violation import Violation
from checker.models.model import ANY, READ_LIST, Inconsistent, Kind, State
from checker.operation import Operation, Outcome
from checker.verdict import Result, Verdict
from checker.wording import of_key, plural, value_text

LISTED = 20
"""Elements that are named of each kind; the others are counted."""


def _ended(operation: Operation) -> float:
    return float("inf") if operation.completed is None else operation.completed


def _acknowledged(calls: Iterable[Operation]) -> list[Operation]:
    return [o for o in calls if o.outcome is Outcome.OK]


def _listed(items: Iterable[Hashable], values: dict[Hashable, Any]) -> dict[str, Any]:
    some = list(items)
    return {"count": len(some), "some": [values[item] for item in some[:LISTED]]}


@dataclass
class TotalQueue:
    """What goes in must come out: `enqueue`, `dequeue`, and `drain`, which returns all of the rest.

    Order is not asked for, nor that nothing comes out twice, which is counted. A value that was
    acknowledged and never came out, although the queue was asked again later, is lost.
    """

    name: str = "total-queue"
    functions: ClassVar = {"enqueue": ANY, "dequeue": ANY, "drain": READ_LIST}

    def initial(self) -> State:
        return ()

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        return state

    def judge(self, key: Any, operations: Sequence[Operation]) -> Result:
        """The verdict on one queue."""
        tried: dict[Hashable, list[Operation]] = defaultdict(list)
        out: dict[Hashable, list[Operation]] = defaultdict(list)
        values: dict[Hashable, Any] = {}
        for o in operations:
            if o.function == "enqueue" and o.outcome is not Outcome.FAIL:
                values[canonical(o.argument)] = o.argument
                tried[canonical(o.argument)].append(o)
            elif o.outcome is Outcome.OK and o.function != "enqueue":
                for value in self._taken(o):
                    values[canonical(value)] = value
                    out[canonical(value)].append(o)
        asked = max((o.invoked for o in operations if self._asks(o)), default=-1)
        missing = {
            item: _acknowledged(calls)
            for item, calls in tried.items()
            if len(out.get(item, ())) < len(_acknowledged(calls))
        }
        lost = [i for i, calls in missing.items() if min(map(_ended, calls)) < asked]
        unexpected = [
            item
            for item, takes in out.items()
            if min(map(_ended, takes)) < min((o.invoked for o in tried[item]), default=float("inf"))
        ]
        doubled = [item for item, takes in out.items() if len(takes) > len(tried[item]) > 0]
        recovered = [
            item
            for item in out
            if tried[item] and all(o.outcome is Outcome.INFO for o in tried[item])
        ]
        statistics = {
            "acknowledged": sum(len(_acknowledged(calls)) for calls in tried.values()),
            "lost": _listed(lost, values),
            "unexpected": _listed(unexpected, values),
            "doubled": _listed(doubled, values),
            "recovered": _listed(recovered, values),
        }
        return self._result(
            key, operations, {i: missing[i] for i in lost},
            {i: out[i] for i in unexpected}, len(missing), statistics,
        )  # fmt: skip

    def _result(
        self, key: Any, operations: Sequence[Operation], lost: dict[Hashable, list[Operation]],
        unexpected: dict[Hashable, list[Operation]], missing: int, statistics: dict[str, Any],
    ) -> Result:  # fmt: skip
        crashed = sum(
            o.function in ("dequeue", "drain") and o.outcome is Outcome.INFO for o in operations
        )
        drained = any(o.function == "drain" and o.outcome is Outcome.INFO for o in operations)
        if unexpected:
            take = next(iter(unexpected.values()))[0]
            violation = Violation((take,), "{0} took out a value that nothing had put in")
            return _judged(violation, key, statistics)
        if len(lost) > crashed and not drained:
            calls = next(iter(lost.values()))
            last = max((o for o in operations if self._asks(o)), key=lambda o: o.invoked)
            reason = "{0} was acknowledged, and its value never came out, not even by {1}"
            violation = Violation((calls[0], last), reason)
            return _judged(
                violation, key, statistics, f"{plural(len(lost), 'acknowledged value')} lost"
            )
        if missing:
            said = f"{plural(missing, 'acknowledged value')} never came out, but "
            said += (
                f"{plural(crashed, 'take')} without an answer may have taken as many"
                if lost
                else "there were no takes later; end the history with a drain"
            )
            return Result(
                verdict=Verdict.UNKNOWN, algorithm="accounts", key=key, reason=of_key(key, said),
                statistics=statistics,
            )  # fmt: skip
        return Result(verdict=Verdict.VALID, algorithm="accounts", statistics=statistics)

    def _asks(self, o: Operation) -> bool:
        """Whether it would have shown what was left in the queue."""
        return o.function in ("drain", "dequeue") and o.outcome is not Outcome.INFO

    def _taken(self, o: Operation) -> Sequence[Any]:
        if o.function == "drain":
            return o.result or ()
        return () if o.result is None else (o.result,)


@dataclass
class SetFull:
    """`add` of elements, and `read` of all: nothing is lost, doubled or made up.

    An element is lost where a read that began after it was known to be there did not have it, and
    no later read had it again. If a later one did, the element was *stale* for a while: that is
    counted and told, and not wrong here; `set` asks for a linearizable one.
    """

    name: str = "set-full"
    functions: ClassVar = {"add": ANY, "read": (Kind.ANYTHING, Kind.LIST)}

    def initial(self) -> State:
        return ()

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        return state

    def judge(self, key: Any, operations: Sequence[Operation]) -> Result:
        """The verdict on one set."""
        adds: dict[Hashable, Operation] = {}
        values: dict[Hashable, Any] = {}
        for o in operations:
            if o.function == "add" and o.outcome is not Outcome.FAIL:
                values[canonical(o.argument)] = o.argument
                first = adds.setdefault(canonical(o.argument), o)
                if _ended(o) < _ended(first):
                    adds[canonical(o.argument)] = o
        reads = [
            (o, Counter(map(canonical, o.result or ())))
            for o in operations
            if o.function == "read" and o.outcome is Outcome.OK
        ]
        reads.sort(key=lambda read: read[0].invoked)
        wrong = self._made_up(key, adds, reads, operations)
        timelines = {item: _Timeline.of(add, item, reads) for item, add in adds.items()}
        lost = [item for item, line in timelines.items() if line.is_lost]
        stale = [item for item, line in timelines.items() if line.is_stale]
        statistics = {
            "added": len(adds),
            "stable": sum(line.is_stable for line in timelines.values()),
            "never_read": sum(line.present is None for line in timelines.values()),
            "lost": _listed(lost, values),
            "stale": _listed(stale, values),
            "stale_for_ms_most": max((timelines[i].stale_ms for i in stale), default=0),
        }
        if wrong is not None:
            return _judged(wrong, key, statistics)
        if lost:
            said = f"{len(lost)} elements were lost" if len(lost) > 1 else "an element was lost"
            return _judged(timelines[lost[0]].loss(), key, statistics, said)
        if adds and not statistics["stable"]:
            return Result(
                verdict=Verdict.UNKNOWN, algorithm="accounts", key=key, statistics=statistics,
                reason=of_key(key, "no element was ever read, so none can have been lost"),
            )  # fmt: skip
        told = ""
        if stale:
            named = ", ".join(value_text(values[item]) for item in stale[:5])
            what = "an element was" if len(stale) == 1 else f"{len(stale)} elements were"
            told = f"{what} stale for a while ({named}), which only the model `set` forbids"
        return Result(
            verdict=Verdict.VALID, algorithm="accounts", reason=told, statistics=statistics
        )

    def _made_up(
        self, key: Any, adds: dict[Hashable, Operation],
        reads: Sequence[tuple[Operation, Counter[Hashable]]], operations: Sequence[Operation],
    ) -> Violation | None:  # fmt: skip
        began: dict[Hashable, int] = {}
        for o in operations:
            if o.function == "add" and o.outcome is not Outcome.FAIL:
                item = canonical(o.argument)
                began[item] = min(began.get(item, o.invoked), o.invoked)
        for read, contents in reads:
            for item, count in contents.items():
                if count > 1:
                    return Violation((read,), f"{{0}} read the element {item!r} {count} times")
                if item not in adds:
                    return Violation((read,), f"{{0}} read {item!r}, which nothing added")
                if _ended(read) < began[item]:
                    reason = f"{{0}} read {item!r} before {{1}} began to add it"
                    return Violation((read, adds[item]), reason)
        return None


@dataclass
class _Timeline:
    """What reads say of an element: which had it last, and which lacked it last."""

    add: Operation
    known: float
    present: Operation | None
    absent: Operation | None

    @classmethod
    def of(
        cls, add: Operation, item: Hashable, reads: Sequence[tuple[Operation, Counter[Hashable]]]
    ) -> "_Timeline":
        having = [read for read, contents in reads if item in contents]
        known = min((_ended(o) for o in (add, *having)), default=float("inf"))
        lacking = [
            read for read, contents in reads if item not in contents and read.invoked > known
        ]
        return cls(
            add, known, having[-1] if having else None, lacking[-1] if lacking else None
        )  # fmt: skip

    @property
    def is_lost(self) -> bool:
        return self.absent is not None and (
            self.present is None or self.present.invoked < self.absent.invoked
        )

    @property
    def is_stable(self) -> bool:
        return self.present is not None and not self.is_lost

    @property
    def is_stale(self) -> bool:
        return self.is_stable and self.absent is not None

    @property
    def stale_ms(self) -> int:
        """From when it was added to the last read that lacked it."""
        assert self.absent is not None
        begin = self.add.completed_ns or self.add.invoked_ns
        return max(0, self.absent.invoked_ns - begin) // 1_000_000

    def loss(self) -> Violation:
        """The operations that show that it is lost."""
        assert self.absent is not None
        if self.present is None:
            reason = (
                "{0} was acknowledged before {1} began, which did not have it, as no later read"
            )
            return Violation((self.add, self.absent), reason)
        reason = "{1} read what {0} added, but not {2}, which began later, nor any read after it"
        return Violation((self.add, self.present, self.absent), reason)


def _judged(violation: Violation, key: Any, statistics: dict[str, Any], said: str = "") -> Result:
    result = violation.result(key, "accounts")
    return Result(
        verdict=result.verdict,
        algorithm=result.algorithm,
        key=key,
        reason=of_key(key, said) if said else result.reason,
        counterexample=result.counterexample,
        explanation=tuple(s.replace(": a contradiction", "") for s in result.explanation),
        statistics=statistics,
    )
