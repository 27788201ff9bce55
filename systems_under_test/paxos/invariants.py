"""The safety properties of Paxos, watched over a whole cluster from outside.

    invariants = Invariants()
    invariants.check(live_nodes)      # after every event

- A promise is never taken back.
- In one ballot at most one value is proposed for a slot, and at most one node leads.
- What anybody knows to be chosen in a slot, a quorum of that slot's acceptors has accepted.
- Everybody knows the same value to be chosen in a slot.
- Once a value is chosen, no higher ballot proposes another one for that slot ("Paxos Made Simple",
  P2b).

Limits: it sees what stands in the nodes when it is called, which must be when a node starts and
after every event in which one persists anything. What it remembers of a node ends with that node's
life, since a crash may take what nobody was told of.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from systems_under_test.node import NodeId
from systems_under_test.paxos.messages import NO_BALLOT, Ballot, Proposal, Value
from systems_under_test.paxos.single_decree import is_quorum
from systems_under_test.paxos.state import Role, State


@dataclass(slots=True)
class _Seen:
    """What was checked of one life of a node."""

    node: State
    promised: Ballot = NO_BALLOT
    chosen: int = 0
    votes: int = 0
    accepted: dict[int, Proposal] = field(default_factory=dict)


@dataclass(slots=True)
class _Voted:
    """One value, accepted in one ballot for one slot."""

    value: Value
    voters: set[NodeId] = field(default_factory=set)


class Choice(NamedTuple):
    """What was known to be chosen in a slot, and the lowest ballot in which a quorum of the slot's
    acceptors was seen to accept it."""

    value: Value
    ballot: Ballot
    acceptors: tuple[NodeId, ...]


class Invariants:
    """The memory of one cluster's run: its leaders, its votes and what was chosen."""

    def __init__(self) -> None:
        self.chosen: list[Choice] = []
        """By slot."""

        self.leaders: dict[Ballot, NodeId] = {}
        self._votes: dict[int, dict[Ballot, _Voted]] = {}
        self._seen: dict[NodeId, _Seen] = {}

    def check(self, nodes: Iterable[State], changed: State | None = None) -> None:
        """Raise `AssertionError` if the nodes that are now alive break a property.

        Where only one of them has `changed` since the last call, it alone is looked at again.
        """
        nodes = tuple(nodes) if changed is None else (changed,)
        for node in nodes:
            seen = self._seen_of(node)
            self._check_promise(node, seen)
            if node.votes != seen.votes:
                self._check_votes(node, seen)
            if node.role is Role.LEADER:
                self._check_leader(node)
        # After all votes are counted: what one node knows to be chosen rests on those of others.
        for node in nodes:
            self.check_learned(node)

    def check_learned(self, node: State) -> None:
        """Check only what that node takes for chosen: its own last votes may not be durable."""
        seen = self._seen_of(node)
        if node.chosen != seen.chosen:
            self._check_chosen(node, seen)

    def _seen_of(self, node: State) -> _Seen:
        seen = self._seen.get(node.node_id)
        if seen is None or seen.node is not node:
            seen = self._seen[node.node_id] = _Seen(node)
            self._forget_what_was_lost(node)
        return seen

    def _forget_what_was_lost(self, node: State) -> None:
        """A vote that a crash took before it was durable was told to nobody, and counts no more;
        nor does a choice that rested on it, unless somebody knows of it.

        The journal keeps the order of the votes, so a node that holds one of a higher ballot had
        this one on its disk, too; and what it knows to be chosen it needs no vote for. Messages
        wait until votes are durable, but what a node knows itself does not: so a proposer may have
        taken for chosen what rested on its own last vote, as a lone acceptor always does.
        """
        for slot in (slot for slot in self._votes if slot > node.chosen):
            held, votes = node.accepted.get(slot), self._votes[slot]
            for ballot in [b for b in votes if held is None or held.ballot < b]:
                votes[ballot].voters.discard(node.node_id)
                if not votes[ballot].voters:
                    del votes[ballot]  # The ballot itself may have been lost, and be used again.
        known = max(seen.node.chosen for seen in self._seen.values())
        for slot in range(len(self.chosen), node.chosen, -1):
            choice = self.chosen[slot - 1]
            chosen_in = self._lowest_ballot(slot, choice.value, choice.acceptors)
            if chosen_in is not None:
                self.chosen[slot - 1] = choice._replace(ballot=chosen_in)
            elif slot == len(self.chosen) > known:
                self.chosen.pop()

    def _check_promise(self, node: State, seen: _Seen) -> None:
        assert node.promised >= seen.promised, (
            f"{node.node_id} took back its promise, from {seen.promised} to {node.promised}"
        )
        seen.promised = node.promised

    def _check_leader(self, node: State) -> None:
        other = self.leaders.setdefault(node.ballot, node.node_id)
        assert other == node.node_id, f"{other} and {node.node_id} both led in ballot {node.ballot}"

    def _check_votes(self, node: State, seen: _Seen) -> None:
        seen.votes = node.votes
        for slot, vote in node.accepted.items():
            if seen.accepted.get(slot) is vote:
                continue
            first = self._votes.setdefault(slot, {}).setdefault(vote.ballot, _Voted(vote.value))
            assert first.value == vote.value, (
                f"two values in slot {slot} of ballot {vote.ballot}: {first.value} and {vote.value}"
            )
            first.voters.add(node.node_id)
            if slot <= len(self.chosen):
                value, ballot, _ = self.chosen[slot - 1]
                assert vote.ballot < ballot or vote.value == value, (
                    f"{node.node_id} accepted {vote.value} in slot {slot} of ballot {vote.ballot}, "
                    f"though {value} was chosen in ballot {ballot}"
                )
        seen.accepted = dict(node.accepted)

    def _check_chosen(self, node: State, seen: _Seen) -> None:
        assert node.chosen > seen.chosen, (
            f"{node.node_id} forgot what is chosen, from slot {seen.chosen} to {node.chosen}"
        )
        self._note_forgotten(node)
        for slot in range(max(seen.chosen, node.forgotten) + 1, node.chosen + 1):
            value = node.values[slot - 1 - node.forgotten]
            if slot == len(self.chosen) + 1:
                self.chosen.append(self._choice(node, slot, value))
            assert slot <= len(self.chosen), f"it is unknown what is in slot {len(self.chosen) + 1}"
            known = self.chosen[slot - 1].value
            assert known == value, (
                f"{node.node_id} takes {value} for chosen in slot {slot}, and others {known}"
            )
        assert node.chosen <= len(self.chosen), f"it is unknown what is in slot {node.chosen}"
        seen.chosen = node.chosen

    def _note_forgotten(self, node: State) -> None:
        """Note what the node learned and put into a snapshot since it was last looked at, as far as
        the votes tell."""
        while (slot := len(self.chosen) + 1) <= node.forgotten:
            members = node.membership.at(slot)
            votes = self._votes.get(slot, {})
            quorums = [b for b in sorted(votes) if is_quorum(votes[b].voters, members)]
            if not quorums:
                return
            self.chosen.append(Choice(votes[quorums[0]].value, quorums[0], members))

    def _choice(self, node: State, slot: int, value: Value) -> Choice:
        """What that node takes for chosen in that slot, as the votes bear out."""
        members = node.membership.at(slot)
        chosen_in = self._lowest_ballot(slot, value, members)
        votes = self._votes.setdefault(slot, {})
        if chosen_in is None and members == (node.node_id,):
            # A lone acceptor accepts and learns in one step: its vote was never to be seen.
            chosen_in = node.promised
            votes.setdefault(chosen_in, _Voted(value)).voters.add(node.node_id)
        if chosen_in is None:
            told = {str(tried): sorted(voted.voters) for tried, voted in votes.items()}
            raise AssertionError(
                f"{node.node_id} takes {value} for chosen in slot {slot}, which no quorum of "
                f"{', '.join(members)} has accepted: {told}"
            )
        return Choice(value, chosen_in, members)

    def _lowest_ballot(
        self, slot: int, value: Value, acceptors: tuple[NodeId, ...]
    ) -> Ballot | None:
        """The lowest ballot in which a quorum of these acceptors accepted that value, if any."""
        votes = self._votes.get(slot, {})
        for ballot in sorted(votes):
            if votes[ballot].value == value and is_quorum(votes[ballot].voters, acceptors):
                return ballot
        return None
