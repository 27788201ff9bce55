"""The acceptor: promises and accepts, and keeps both through a crash.

"An acceptor must remember this information even if it fails and then restarts" ("Paxos Made Simple"
2.2), so the record of what is promised or accepted stands before the answer that tells of it. One
promise covers all slots. An acceptor asks neither who leads nor who is a member: any node that
proposes counts the votes that matter.
"""

from systems_under_test.node import NodeId, Payload
from systems_under_test.paxos.messages import (
    Accept,
    Accepted,
    Ballot,
    Learned,
    Prepare,
    Promise,
    Promised,
    Proposal,
    Reject,
    SnapshotPart,
    Value,
    Voted,
)
from systems_under_test.paxos.single_decree import may_accept, may_promise
from systems_under_test.paxos.snapshots import Snapshots


class Acceptor(Snapshots):
    """What this node has promised and accepted."""

    def answer_prepare(self, ask: Prepare) -> Promise | Reject:
        """Promise, and report what was accepted in the slots that are not known to be chosen."""
        if not may_promise(ask.ballot, self.promised):
            return Reject(ask.ballot, self.promised)
        if ask.ballot > self.promised:
            self.promised = ask.ballot
            self.persist_promise()
        reports = (self.accepted[slot] for slot in sorted(self.accepted) if slot >= ask.first_slot)
        return Promise(ask.ballot, self.chosen, tuple(reports))

    def answer_accept(self, ask: Accept) -> Accepted | Reject:
        """Accept all of these values, or none.

        In a slot known to be chosen the proposal can only be for the value chosen there, so there
        is nothing to keep: to forget that vote again takes nothing from the quorum that chose.
        """
        if not self.may_accept(ask.ballot):
            return Reject(ask.ballot, self.promised)
        first = max(ask.first_slot, self.chosen + 1)
        new = ask.values[first - ask.first_slot :]
        if ask.ballot != self.promised or any(
            self.ballot_at(slot) != ask.ballot for slot in range(first, first + len(new))
        ):
            self.vote(ask.ballot, first, new)
            self.persist(Voted(ask.ballot, first, new, self.chosen))
        return Accepted(ask.ballot, ask.first_slot)

    def may_accept(self, ballot: Ballot) -> bool:
        return may_accept(ballot, self.promised)

    def vote(self, ballot: Ballot, first_slot: int, values: tuple[Value, ...]) -> None:
        """To accept is also to promise: nothing of a lower ballot may be accepted afterwards."""
        self.promised = ballot
        self.votes += 1
        for slot, value in enumerate(values, first_slot):
            self.accepted[slot] = Proposal(ballot, slot, value)

    def ballot_at(self, slot: int) -> Ballot | None:
        vote = self.accepted.get(slot)
        return None if vote is None else vote.ballot

    def persist_promise(self) -> None:
        """Before any answer: after a restart we must not accept what we promised not to."""
        self.persist(Promised(self.promised))

    # --- a restart --------------------------------------------------------------------------------

    def on_start(self, stored: tuple[Payload, ...]) -> None:
        """Promise, accept and learn again what the journal holds, in the same order."""
        for record in stored:
            self.replay(record)
        self.compaction_due = False  # The next snapshot will do.
        self.await_leader()

    def replay(self, record: Payload) -> None:
        match record:
            case Promised(ballot):
                self.promised = ballot
            case Voted(ballot, first_slot, values, chosen):
                while self.chosen < chosen:
                    self.choose(self.accepted[self.chosen + 1].value)
                self.vote(ballot, first_slot, values)
            case Learned(first_slot, values):
                while self.chosen < first_slot - 1:
                    self.choose(self.accepted[self.chosen + 1].value)
                for value in values:
                    self.choose(value)
            case SnapshotPart():
                self.incoming.append(record)
                if len(self.incoming) == record.count:
                    self.install(tuple(self.incoming))
            case _:
                raise AssertionError(f"the journal holds {record}, no record of Paxos")

    # --- messages ---------------------------------------------------------------------------------

    def on_prepare(self, proposer: NodeId, ask: Prepare) -> None:
        promised = self.promised
        answer = self.answer_prepare(ask)
        if self.promised > promised:
            # Whoever led until now, this node included, is being replaced.
            self.hear_of(ask.ballot)
            self.follow(None)
        self.send(proposer, answer)

    def on_accept(self, proposer: NodeId, ask: Accept) -> None:
        answer = self.answer_accept(ask)
        if isinstance(answer, Accepted):
            self.follow(proposer)
            self.learn_from(ask.ballot, ask.chosen)
        self.send(proposer, answer)
