"""Reads and writes by ABD, changes by CASPaxos: the operations of consistency `linearizable`.

Why their answers are right is argued in `replica.py`; the comments here refer to its four points.
A value is *chosen* once a majority has taken it.
"""

from collections.abc import Callable, Generator

from systems_under_test.node import Json, NodeId
from systems_under_test.objects import UNCHANGED
from systems_under_test.ring.base import RingNode
from systems_under_test.ring.messages import ZERO, Copy, Prepare, Put, Query, Stamp
from systems_under_test.ring.stamps import Stamps
from systems_under_test.ring.steps import (
    Answers,
    Outvoted,
    Pending,
    Round,
    Step,
    Steps,
    Turn,
    Unresolved,
    Wait,
    holders_of,
    newest_of,
)

Change = Callable[[Json], Json]
"""From the value found to the new one, or `UNCHANGED`."""


class Linearizable:
    """Operations over the majorities of a key's replica set."""

    def __init__(self, node: RingNode, stamps: Stamps) -> None:
        self.node = node
        self.stamps = stamps

    # --- ABD --------------------------------------------------------------------------------------

    def read(self, operation: Pending, key: str) -> Steps:
        for _ in range(self.node.LOOKS):
            answers = yield Round(Query(0, 0, key))
            try:
                yield from self.settle(key, answers)
            except Outvoted:
                # A change has prepared a higher ballot. Nobody was shown this value: look again.
                yield Wait(self.node.random.randrange(1, self.node.PAUSE_NS))
            else:
                return newest_of(answers).value  # It is chosen (4).
        # That change may be dead, and what it left will stay as it is until the next one. So read
        # by a change that changes nothing.
        return (yield from self.change(operation, key, lambda _: UNCHANGED))

    def settle(self, key: str, answers: Answers) -> Generator[Step, Answers, None]:
        """See that a majority has taken what a read returns: its second phase, the write-back.

        Without it a later read could meet a majority that has not heard of the value. Those that
        hold it count: they have taken it. Where all of a majority do, it is chosen already.
        """
        holders = holders_of(newest := newest_of(answers), answers)
        if len(holders) < len(answers):
            yield Round(Put(0, 0, key, newest), holders)

    def write(self, operation: Pending, key: str, value: Json) -> Steps:
        answers = yield Round(Query(0, 0, key))
        tag = self.stamps.draw(above=newest_of(answers).tag[0])  # Above all that was chosen (1, 2).
        operation.uncertain = True
        yield Round(Put(0, 0, key, Copy(tag, ZERO, value)))
        return value

    # --- CASPaxos ---------------------------------------------------------------------------------

    def change(self, operation: Pending, key: str, change: Change) -> Steps:
        """Replace the value by what `change` makes of it, and return the value found.

        An attempt that was outvoted in phase 2 may yet have been taken by some. The next attempt
        begins with what a majority holds: if that descends from the earlier attempt (`changes`
        says so), the change has been made. If it stands in the same chain and does not, then the
        majority that has promised the new, higher ballot keeps the earlier one from ever being
        chosen, except through a descendant, which a later attempt would see again. If the chain is
        another one, its write has erased the traces: nobody can tell.
        """
        found_at: dict[int, Json] = {}  # By the number of the attempt's ballot.
        chain = ZERO
        lost: Stamp = ZERO
        # One change at a time, as `changes` tells of the last one of this node alone.
        yield Turn(key)
        for attempt in range(1_000_000):
            if attempt:
                longest_ns = self.node.PAUSE_NS << min(attempt, self.node.MAX_DOUBLINGS)
                yield Wait(self.node.random.randrange(1, longest_ns))
            ballot = self.stamps.draw(above=lost[0])
            try:
                answers = yield Round(Prepare(0, 0, key, ballot))
                base = newest_of(answers)
                if found_at and base.tag != chain:
                    raise Unresolved
                value, changes = base.value, base.changes
                made = dict(changes).get(self.stamps.name, 0)
                if made in found_at:
                    found = found_at[made]  # Made already; it only has to be chosen.
                else:
                    found = base.value
                    new = change(found)
                    if new is UNCHANGED:
                        if len(holders_of(base, answers)) == len(answers):
                            return found  # It is chosen, so this is a read (4).
                    else:
                        value = new
                        changes = with_change(changes, self.stamps.name, ballot[0])
                        found_at[ballot[0]] = found
                        chain = base.tag
                        operation.uncertain = True
                # A majority promised this ballot, so `base` has what was chosen in its chain (3).
                yield Round(Put(0, 0, key, Copy(base.tag, ballot, value, changes)))
                return found
            except Outvoted as outvoted:
                lost = outvoted.promised
        raise Unresolved


def with_change(
    changes: tuple[tuple[str, int], ...], name: NodeId, number: int
) -> tuple[tuple[str, int], ...]:
    return tuple(sorted({**dict(changes), name: number}.items()))
