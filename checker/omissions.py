"""What a counterexample may leave out of a history, so that it is still one of the whole.

To leave out an operation that only observed is always sound; so it is for one that failed, and for
one that began when all that is shown had ended. An update is another matter, since it might be what
explains the rest. It may go where the kind of object says that nobody can miss it:

- a register's, of a value that nothing shown saw; or a write after which another one of that value
  ended, which is shown, before anything shown that saw the value began. A compare-and-set that saw
  a value whose write is left out counts as a plain write. A mismatch says that *some* other value
  stood there, so one may be supposed for each.
- a queue's or a stack's, if nothing shown moved the same value, or as many dequeues as enqueues of
  it are shown; an unanswered dequeue, if all that was enqueued is dequeued for certain.
- an addition to a set, if nothing shown found its element; an append, if no other of the same
  value is shown. Reads then count without that value, or the addition is put back, as it must be
  where another one of the same element is shown. A removal, if nothing shown missed its element.
- as many acquires as releases of a lock, if all that is shown ended later.
- anything, if no state that all operations can lead to allows the only one that is shown.
- an addition to a counter, if a read that is shown is beyond all sums that were possible; an id.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from checker.certificates import impossible_ever, uncertified
from checker.columns import canonical
from checker.errors import InternalError
from checker.models.known import KnownObject, ObjectKind, is_register
from checker.models.model import Model, only_observes
from checker.operation import Operation, Outcome

Operations = Sequence[Operation]


def proofs(
    shown: Operations, whole: Operations, model: Model, thing: KnownObject | None
) -> Iterator[list[Operation]]:
    """What is shown, changed so that it convicts the whole of one key if no order explains it.

    Several ways: as of the end of all that is shown, and as of the end of each operation before,
    with what had not ended by then as though it never did. One of them must convict. Raises
    `InternalError` where what is shown is not in the history, or there is no way, since something
    was left out that may be missed.
    """
    left_out = [
        o
        for o in _left_out(shown, whole)
        if o.outcome is not Outcome.FAIL and not only_observes(model, o)
    ]
    if is_register(thing):
        left_out = [o for o in left_out if o.function != "cas" or _wrote(o)]
    judge = _BY_KIND.get(thing.kind, _unknown) if thing else partial(_by_states, whole, model)
    initial = None if thing is None else thing.initial
    missed: InternalError | None = None
    ends = sorted({o.completed for o in shown if o.completed is not None}, reverse=True)
    for end in ends:
        part, gone = (
            [_as_of(end, o) for o in some if o.invoked <= end] for some in (shown, left_out)
        )
        try:
            yield from judge(part, gone, initial) if gone else [part]
        except InternalError as error:
            missed = missed or error
    if missed is not None:
        raise missed


def _as_of(end: int, operation: Operation) -> Operation:
    """The operation as of a position: what ended later had happened as it did, or not at all."""
    if operation.completed is None or operation.completed <= end:
        return operation
    return replace(operation, completed=None, completed_ns=None)


def _left_out(shown: Operations, whole: Operations) -> list[Operation]:
    """The operations of the whole that are not shown; `InternalError` if others are shown."""
    there: dict[tuple[int, int], list[Any]] = {}
    for o in shown:
        there.setdefault((o.process, o.invoked), []).append(_facts(o))
    gone = []
    for o in whole:
        here = there.get((o.process, o.invoked))
        if here and _facts(o) in here:
            here.remove(_facts(o))
        else:
            gone.append(o)
    for o in shown:
        if _facts(o) in there[o.process, o.invoked]:
            raise uncertified("is shown as a counterexample, but is not in the history", o)
    return gone


def _facts(o: Operation) -> Any:
    """What is known of an operation; the order of an object's fields is not a fact."""
    return o.function, canonical(o.argument), canonical(o.result), o.outcome, o.completed


def _saw(o: Operation) -> Any:
    """The value that an operation of a register saw, if it took effect, in a list; or nothing."""
    if o.function == "cas":
        return [canonical(o.result if o.outcome is Outcome.OK else o.argument[0])]
    return [canonical(o.result)] if o.function == "read" and o.outcome is Outcome.OK else []


def _wrote(o: Operation) -> Any:
    """The value that an operation of a register may have written, in a list; or nothing."""
    if o.function != "cas":
        return [canonical(o.argument)] if o.function == "write" else []
    missed = o.outcome is Outcome.OK and canonical(o.result) != canonical(o.argument[0])
    return [] if missed else [canonical(o.argument[1])]


def _register(shown: Operations, gone: Operations, initial: Any) -> list[list[Operation]]:
    if any(o.function not in ("read", "write", "cas", "cas-mismatch") for o in (*shown, *gone)):
        return _unknown(shown, gone, initial)
    unknown = {v for o in gone for v in _wrote(o)} - {v for o in shown for v in _wrote(o)}
    counted = [
        replace(o, function="write", argument=o.argument[1], result=None)
        if o.function == "cas" and _wrote(o) and unknown & {*_saw(o)}
        else o
        for o in shown
    ]
    begun: dict[Any, int] = {}
    for o in counted:
        for value in _saw(o):
            begun[value] = min(begun.get(value, o.invoked), o.invoked)
    later: dict[Any, float] = {}
    for o in counted:
        for value in _wrote(o):
            if value in begun and o.function == "write" and _end(o) < begun[value]:
                later[value] = max(later.get(value, 0), _end(o))
    for o in gone:
        for value in _wrote(o):
            surpassed = o.function == "write" and _end(o) < later.get(value, 0)
            if value in begun and not surpassed:
                raise _missed(o)
    mismatches = [o for o in counted if o.function == "cas-mismatch"]
    first = min(o.invoked for o in shown) - 1
    supposed = [
        replace(
            o, function="write", argument=["some other value", place], outcome=Outcome.INFO,
            invoked=first, completed=None, completed_ns=None,
        )
        for place, o in enumerate(mismatches)
    ]  # fmt: skip
    return [[*counted, *supposed]]


PUTTING = ("enqueue", "push")


def _queue(shown: Operations, gone: Operations, initial: Any) -> list[list[Operation]]:
    put = Counter(canonical(o.argument) for o in shown if o.function in PUTTING)
    got = Counter(
        canonical(o.result) for o in shown if o.function not in PUTTING and o.outcome is Outcome.OK
    )
    for o in gone:
        if o.function in PUTTING:
            missed = got[canonical(o.argument)] > 0
        elif o.outcome is Outcome.OK:
            value = canonical(o.result)
            missed = value is not None and put[value] > got[value]
        else:
            missed = any(put[value] > got[value] for value in put)
        if missed:
            raise _missed(o)
    return [list(shown)]


def _collection(shown: Operations, gone: Operations, initial: Any) -> list[list[Operation]]:
    left_out = {canonical(o.argument) for o in gone}
    added = {canonical(o.argument) for o in shown if o.function in ("add", "append")}
    found = {canonical(o.argument) for o in shown if o.function == "contains" and o.result is True}
    absent = {canonical(o.argument) for o in shown if o.function == "contains" and not o.result}
    reads = [o for o in shown if o.function == "read" and o.outcome is Outcome.OK]
    contents = [{*map(canonical, o.result or ())} for o in reads]
    read = set().union(*contents)
    for o in gone:
        value = canonical(o.argument)
        if o.function == "add":
            missed = value in found
        elif o.function == "append":
            missed = value in added
        else:
            missed = value in absent or not all(value in one for one in contents)
        if missed:
            raise _missed(o)
    put_back = [*shown, *(o for o in gone if canonical(o.argument) in read)]
    if left_out & added & read:
        return [put_back]
    without = [
        replace(o, result=[v for v in o.result or () if canonical(v) not in left_out])
        if o.function == "read" and o.outcome is Outcome.OK
        else o
        for o in shown
    ]
    return [without, put_back]


def _counter(shown: Operations, gone: Operations, initial: Any) -> list[list[Operation]]:
    """The sums that were possible by the end of a read that is shown are worked out once more."""
    adds = [o for o in (*shown, *gone) if o.function == "add"]
    for read in (o for o in shown if o.function == "read" and o.completed is not None):
        for sign in (1, -1):
            certain = [o for o in adds if _end(o) < read.invoked and sign * o.argument < 0]
            possible = [o for o in adds if o.invoked <= _end(read) and sign * o.argument > 0]
            most = sum(sign * o.argument for o in (*certain, *possible))
            if sign * ((read.result or 0) - (initial or 0)) > most:
                return [list(shown)]
    raise _missed(gone[0])


def _lock(shown: Operations, gone: Operations, initial: Any) -> list[list[Operation]]:
    """As many acquires as releases, which had all ended when the first of what is shown did.

    What is shown was open then, so that it can as well take effect right after, in some order.
    """
    until = max(map(_end, gone))
    moved = sum(1 if o.function == "acquire" else -1 for o in gone)
    if moved or any(_end(o) < until for o in shown):
        raise _missed(gone[0])
    return [list(shown)]


def _ids(shown: Operations, gone: Operations, initial: Any) -> list[list[Operation]]:
    return [list(shown)]


def _by_states(
    whole: Operations, model: Model, shown: Operations, gone: Operations, initial: Any
) -> list[list[Operation]]:
    if len(shown) == 1 and impossible_ever(shown[0], whole, model):
        return [[*shown]]
    return _unknown(shown, gone, initial)


def _unknown(shown: Operations, gone: Operations, initial: Any) -> list[list[Operation]]:
    raise _missed(gone[0])


def _end(operation: Operation) -> float:
    return float("inf") if operation.completed is None else operation.completed


def _missed(operation: Operation) -> InternalError:
    return uncertified("was left out of the counterexample, but may explain it", operation)


_BY_KIND = {
    ObjectKind.REGISTER: _register,
    ObjectKind.QUEUE: _queue,
    ObjectKind.UNORDERED_QUEUE: _queue,
    ObjectKind.STACK: _queue,
    ObjectKind.PRIORITY_QUEUE: _queue,
    ObjectKind.LIST: _collection,
    ObjectKind.SET: _collection,
    ObjectKind.COUNTER: _counter,
    ObjectKind.LOCK: _lock,
    ObjectKind.UNIQUE_IDS: _ids,
}
