"""Who the acceptors of each slot are: a function of the log itself ("Paxos Made Simple", 3).

A change of the members is a command like any other. Chosen in slot s, it takes effect in slot
s + α, and not before; α is `window` here. The acceptors of a slot are therefore known to everyone
who knows what is chosen up to α slots before it, and nobody proposes in a slot further ahead. So
all agree on whose votes count in a slot, each slot is decided by single-decree Paxos among these
acceptors, and any number of changes may follow each other without waiting.
"""

from bisect import bisect_right

from systems_under_test.node import Json, NodeId


class Membership:
    """The members of every slot up to `window` beyond the chosen ones."""

    def __init__(self, members: tuple[NodeId, ...], window: int) -> None:
        self.window = window
        self._first_slots = [1]
        self._members = [members]

    def at(self, slot: int) -> tuple[NodeId, ...]:
        """The acceptors of that slot, in order."""
        return self._members[max(0, bisect_right(self._first_slots, slot) - 1)]

    def last_slot_like(self, slot: int, limit: int) -> int:
        """The last slot up to `limit` in which the members are still those of `slot`."""
        index = bisect_right(self._first_slots, slot)
        if index == len(self._first_slots):
            return limit
        return min(limit, self._first_slots[index] - 1)

    @property
    def last_change(self) -> int:
        """The slot in which the latest change takes effect."""
        return self._first_slots[-1]

    def between(self, first_slot: int, last_slot: int) -> list[tuple[NodeId, ...]]:
        """The different members of these slots, in order."""
        begin = max(0, bisect_right(self._first_slots, first_slot) - 1)
        return self._members[begin : bisect_right(self._first_slots, last_slot)]

    def change(self, slot: int, function: str, node: NodeId) -> tuple[NodeId, ...]:
        """Carry out what was chosen in that slot; return the members once it is in effect.

        The last member cannot be removed, since nobody could ever add another one.
        """
        members = set(self._members[-1])
        if function == "add-member":
            members.add(node)
        elif len(members) > 1:
            members.discard(node)
        changed = tuple(sorted(members))
        if changed != self._members[-1]:
            self._first_slots.append(slot + self.window)
            self._members.append(changed)
        return changed

    def to_json(self, first_slot: int) -> Json:
        """The members of all slots from that one on."""
        index = max(0, bisect_right(self._first_slots, first_slot) - 1)
        changes = zip(self._first_slots[index:], self._members[index:], strict=True)
        return [[first, list(members)] for first, members in changes]

    @classmethod
    def of_json(cls, changes: Json, window: int) -> "Membership":
        membership = cls((), window)
        membership._first_slots = [first for first, _ in changes]
        membership._members = [tuple(members) for _, members in changes]
        return membership
