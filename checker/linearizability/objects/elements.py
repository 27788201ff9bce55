"""Elements of a set that are added and removed at most once: `add`, `remove` and `contains`.

Elements are independent of one another, so each is judged on its own (Horn, Kroening, Faster
linearizability checking via P-compositionality, 2015). Of one element, `present` is the interval of
moments at which it was in the set. With `seen` the earliest end of a `contains` that found it, and
`still` the latest beginning of one:
- the element comes as late as it can: at the end of its `add`, or at `seen` if that is sooner;
- it goes as soon as it can: when its `remove` begins, or at `still` if that is later;
- all that a `contains` which did not find it needs is a moment outside of that. The interval is
  then the smallest one possible, so that no other choice can do better.
Its `remove` may also have come before the `add`, and then did nothing; and what was never answered
may not have happened. One of these readings must explain everything. Without any `remove` an
element may be added several times: it comes no later than the first `add` ends.

Elements with more updates raise `Ambiguous`: they are left to the search, one by one.
"""

from collections.abc import Hashable, Sequence

from checker.columns import NEVER, canonical
from checker.linearizability.registers.facts import Ambiguous, began, ended
from checker.linearizability.violation import Violation
from checker.operation import Operation, Outcome


def check_elements(operations: Sequence[Operation]) -> Violation | None:
    """Judge every element of one set; raises `Ambiguous` if one cannot be, and none is wrong."""
    elements: dict[Hashable, list[Operation]] = {}
    for operation in operations:
        elements.setdefault(canonical(operation.argument), []).append(operation)
    ambiguous = False
    for group in elements.values():
        try:
            violation = check_element(group)
        except Ambiguous:
            ambiguous = True
            continue
        if violation is not None:
            return violation
    if ambiguous:
        raise Ambiguous
    return None


def check_element(operations: Sequence[Operation]) -> Violation | None:
    """Judge the operations of one element, which is not there at first."""
    happened = [o for o in operations if o.outcome is not Outcome.FAIL]
    adds = [o for o in happened if o.function == "add"]
    removes = [o for o in happened if o.function == "remove"]
    reads = [o for o in happened if o.function == "contains" and o.outcome is Outcome.OK]
    found = [o for o in reads if o.result]
    missed = [o for o in reads if not o.result]
    if found and not adds:
        return Violation((found[0],), "{0} found an element that nothing added")
    if not adds:
        return None
    if removes and (len(adds) > 1 or len(removes) > 1):
        raise Ambiguous
    seen = min(map(ended, found), default=NEVER)
    still = max(map(began, found), default=-NEVER)
    comes = min(seen, *map(ended, adds))
    first = min(map(began, adds))
    if seen < first:
        early = min(found, key=ended)
        return Violation((early, *adds), "{0} found the element before its addition began")
    late = [o for o in missed if began(o) > comes]
    if not removes:
        if not late:
            return None
        reason = "{1} did not find the element, which was there since {0}"
        added = min(adds, key=ended)
        after = [o for o in late if began(o) > ended(added)]
        if after:
            return Violation((added, after[0]), reason)
        return Violation((min(found, key=ended), late[0], *adds), reason)
    add, remove = adds[0], removes[0]
    if _explained(add, remove, reads):
        return None
    ends = {id(o): o for o in (min(found, key=ended), max(found, key=began))} if found else {}
    between = [o for o in late if ended(o) < max(began(remove), still)]
    shown = [*ends.values(), *(between or late)[:1]]
    for read in tuple(shown):
        rest = [o for o in shown if o is not read]
        if not _explained(add, remove, rest):
            shown = rest
    return Violation((add, remove, *shown), "no order of these explains when the element was there")


def _explained(add: Operation, remove: Operation, reads: Sequence[Operation]) -> bool:
    """Whether one addition and one removal explain what was seen."""
    found = [o for o in reads if o.result]
    missed = [o for o in reads if not o.result]
    comes = min(map(ended, (add, *found)))
    still = max(map(began, found), default=-NEVER)
    # The removal came first, or never: the element stays.
    idle = remove.outcome is Outcome.INFO or began(remove) <= comes
    if idle and all(began(o) <= comes for o in missed):
        return True
    # The addition came first: the element is there from `comes` to `goes`.
    goes = max(began(remove), still)
    if goes > ended(remove) or began(add) > ended(remove):
        return False
    return all(began(o) <= comes or ended(o) >= goes for o in missed)
