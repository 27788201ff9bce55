"""Planted in what is promised for the end alone: a node that has forgotten something by then."""

from collections.abc import Sequence
from random import Random

from checker.eventual import final_reads
from checker.history import History
from checker.mutation.places import Planted, answered, drawn, equal, shown
from checker.operation import Operation, Outcome


def forgotten(history: History, random: Random) -> Planted | None:
    """The last read of one node lacks what was acknowledged: an element, or an amount."""
    reads = list(final_reads(history).values())
    changes = [o for o in history.operations if o.outcome is Outcome.OK and o.argument is not None]
    changes = [o for o in changes if o.function != "read"]
    if not reads:
        return None
    read = random.choice(reads)
    for change in drawn(changes, random):
        answer = _without(read, change)
        if not equal(answer, read.result):
            said = f"{read.node} had forgotten {shown(change)} in the end"
            return answered(history.operations, [(read, answer)], said)
    return None


def _without(read: Operation, change: Operation) -> object:
    if isinstance(read.result, Sequence) and not isinstance(read.result, str):
        return [item for item in read.result if not equal(item, change.argument)]
    if type(read.result) is int and type(change.argument) is int:
        return read.result - change.argument
    return read.result
