"""Counters and unique ids: what no order can explain, by counting.

For counters with arbitrary amounts the exact question is hard (NP-complete); the bounds here are
necessary and not sufficient, so they refute and never prove.
"""

from collections.abc import Callable, Iterator, Sequence

from checker.columns import canonical
from checker.linearizability.registers.facts import began, ended
from checker.linearizability.violation import Violation
from checker.operation import Operation, Outcome

SHOWN_UP_TO = 50
"""Additions that are shown with a read that they do not explain."""


def check_unique_ids(operations: Sequence[Operation]) -> Violation | None:
    """Judge `generate`: no two completed operations may have returned the same id."""
    given: dict[object, Operation] = {}
    for operation in operations:
        if operation.function == "generate" and operation.outcome is Outcome.OK:
            other = given.setdefault(canonical(operation.result), operation)
            if other is not operation:
                return Violation((other, operation), "{0} and {1} were given the same id")
    return None


def refute_counter(operations: Sequence[Operation]) -> Violation | None:
    """Judge `add` of an amount and `read`: a read lies between the least and the most possible.

    At least: all that had certainly been added, and every decrease that can have been. At most: the
    other way round. None does not mean that the counter is linearizable.
    """
    adds = [o for o in operations if o.function == "add" and o.outcome is not Outcome.FAIL]
    reads = [o for o in operations if o.function == "read" and o.outcome is Outcome.OK]
    # An addition is certain if it ended before the read began; possible if it began by its end.
    certain = dict(_sums(reads, began, adds, lambda add: ended(add) + 1))
    possible = dict(_sums(reads, ended, adds, began))
    for read in reads:
        sure_up, sure_down = certain[id(read)]
        may_up, may_down = possible[id(read)]
        low, high = sure_up + may_down, may_up + sure_down
        if not low <= (read.result or 0) <= high:
            shown = (read, *_contradicting(read, adds, high < (read.result or 0)))
            reason = f"{{0}} read {read.result}, but what was added by its end"
            return Violation(shown, f"{reason} can only have made it {low} to {high}")
    return None


def _contradicting(read: Operation, adds: Sequence[Operation], high: bool) -> tuple[Operation, ...]:
    """The additions that show that a read is too high, or too low, as few as do.

    Those that are certain and lead away from what was read, the largest first, until what may have
    led towards it is not enough; and all of these, if they are not too many to be shown.
    """
    sign = 1 if high else -1
    away = [a for a in adds if ended(a) < began(read) and sign * a.argument < 0]
    towards = [a for a in adds if began(a) <= ended(read) and sign * a.argument > 0]
    missing = sign * (read.result or 0) - sum(sign * a.argument for a in towards)
    shown: list[Operation] = []
    for add in sorted(away, key=lambda a: sign * a.argument):
        if missing > 0:
            break
        missing -= sign * add.argument
        shown.append(add)
    if len(shown) > SHOWN_UP_TO:
        # What is left must not happen to be what was read.
        shown = shown[:SHOWN_UP_TO]
        shown = shown[: len(shown) - (sum(a.argument for a in shown) == (read.result or 0))]
    return (*shown, *(towards if len(towards) <= SHOWN_UP_TO else ()))


def _sums(
    reads: Sequence[Operation],
    at: Callable[[Operation], int],
    adds: Sequence[Operation],
    counts_from: Callable[[Operation], int],
) -> Iterator[tuple[int, tuple[int, int]]]:
    """For each read the increases and the decreases that count by the position `at(read)`."""
    waiting = sorted(adds, key=counts_from, reverse=True)
    up = down = 0
    for read in sorted(reads, key=at):
        while waiting and counts_from(waiting[-1]) <= at(read):
            amount = waiting.pop().argument
            up, down = up + max(amount, 0), down + min(amount, 0)
        yield id(read), (up, down)
