"""Objects whose reads tell the order of all updates: append-only lists and grow-only sets.

Each operation gets a *rank* that its result tells: the append of a list's third element comes
before every read of three elements or more, and after every read of fewer. Operations of the same
rank do not mind their order. Then the history is linearizable if and only if nothing of a higher
rank ended before something of a lower rank began, since real time on its own never contradicts
itself. One pass over the ranks decides it, with the latest beginning so far.

Crashed updates that nobody saw are left out: nobody misses them.
"""

from collections.abc import Hashable, Sequence
from typing import TypeAlias

from checker.columns import canonical, canonical_items
from checker.linearizability.registers.facts import Ambiguous, began, ended
from checker.linearizability.violation import Violation
from checker.operation import Operation, Outcome

Ranked: TypeAlias = tuple[int, Operation]


def out_of_order(ranked: Sequence[Ranked], more: Sequence[Ranked] = ()) -> Violation | None:
    """An operation that ended before one of a lower rank began, with that one.

    What is in `more` must not end too early either, but may take effect at any later time.
    """
    latest: Operation | None = None
    step: list[Operation] = []
    reached = None
    every = [(rank, o, True) for rank, o in ranked] + [(rank, o, False) for rank, o in more]
    for rank, operation, holds in sorted(every, key=lambda item: item[0]):
        if rank != reached:
            latest = max([*step, *([] if latest is None else [latest])], key=began, default=None)
            step, reached = [], rank
        if holds:
            step.append(operation)
        if latest is not None and ended(operation) < began(latest):
            reason = "{0} ended before {1} began, but what they returned says that {1} comes first"
            return Violation((operation, latest), reason)
    return None


def check_list(operations: Sequence[Operation]) -> Violation | None:
    """Judge `append` and `read` of one list; raises `Ambiguous` if an element is appended twice.

    A read returns all elements, oldest first; null counts as an empty list.
    """
    reads = _completed(operations, "read")
    contents = {id(read): canonical_items(read.result) for read in reads}
    longest = max(reads, key=lambda read: len(contents[id(read)]), default=None)
    order = () if longest is None else contents[id(longest)]
    appends = _happened(operations, "append")
    there = {canonical(append.argument) for append in appends}
    ranked = []
    for read in reads:
        if not there.issuperset(contents[id(read)]):
            return Violation((read,), "{0} read an element that nothing appended")
    for read in reads:
        length = len(contents[id(read)])
        if contents[id(read)] != order[:length]:
            assert longest is not None
            reason = "what {0} read is not the beginning of what {1} read"
            return Violation((read, longest), reason)
        ranked.append((2 * length, read))
    place = {item: number for number, item in enumerate(order)}
    if len(place) < len(order):
        raise Ambiguous
    appended: dict[Hashable, Operation] = {}
    for append in appends:
        item = canonical(append.argument)
        if item in appended:
            raise Ambiguous
        appended[item] = append
        if item in place:
            ranked.append((2 * place[item] + 1, append))
        elif append.outcome is Outcome.OK:
            ranked.append((2 * len(order) + 1, append))
    return _with_read(out_of_order(ranked), longest)


def _with_read(violation: Violation | None, read: Operation | None) -> Violation | None:
    """The same with the read that tells of two updates which comes first."""
    if violation is None or read is None or "read" in {o.function for o in violation.operations}:
        return violation
    later = violation.operations[1]
    if ended(read) < began(later):
        return Violation((read, later), "{0} read what {1} put there, which began later")
    reason = "{0} ended before {1} began, but what {2} read says that {1} comes first"
    return Violation((*violation.operations, read), reason)


def check_grow_only_set(operations: Sequence[Operation]) -> Violation | None:
    """Judge `add` and `read` of one set from which nothing is ever removed.

    A read returns all elements in any order; null counts as an empty set. An element may be added
    several times: then the addition that began first can be the one that took effect, while all of
    them come after every read without the element.
    """
    reads = _completed(operations, "read")
    contents = {id(read): set(canonical_items(read.result)) for read in reads}
    doubled = next((r for r in reads if len(r.result or []) > len(contents[id(r)])), None)
    if doubled is not None:
        return Violation((doubled,), "{0} read an element twice, which a set holds once")
    reads.sort(key=lambda read: len(contents[id(read)]))
    adds = sorted(_happened(operations, "add"), key=began)
    ranked: list[tuple[int, Operation]] = []
    place: dict[Hashable, int] = {}
    added = {canonical(add.argument) for add in adds}
    previous: Operation | None = None
    for read in reads:
        if not contents[id(read)] <= added:
            return Violation((read,), "{0} read an element that nothing added")
    for read in reads:
        here = contents[id(read)]
        before = contents[id(previous)] if previous else set()
        if previous is not None and not before <= here:
            reason = "{0} and {1} each read an element that the other did not"
            return Violation((previous, read), reason)
        ranked.append((2 * len(here), read))
        # The order of these decides nothing: all of them get the same rank.
        place.update(dict.fromkeys(here - before, 2 * len(here) - 1))
        previous = read
    more: list[tuple[int, Operation]] = []
    last = 2 * len(place) + 1
    for add in adds:
        item = canonical(add.argument)
        first = item in added
        added.discard(item)
        if item in place or add.outcome is Outcome.OK:
            (ranked if first else more).append((place.get(item, last), add))
    violation = out_of_order(ranked, more)
    if violation is None:
        return None
    # Of two additions, the second one is in a read that does not have the first.
    item = canonical(violation.operations[1].argument)
    return _with_read(violation, next((read for read in reads if item in contents[id(read)]), None))


def _completed(operations: Sequence[Operation], function: str) -> list[Operation]:
    return [o for o in operations if o.function == function and o.outcome is Outcome.OK]


def _happened(operations: Sequence[Operation], function: str) -> list[Operation]:
    return [o for o in operations if o.function == function and o.outcome is not Outcome.FAIL]
