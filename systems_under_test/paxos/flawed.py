"""Paxos, broken on purpose: each class breaks one sentence of a paper, and tests must notice.

A flaw is one or two overridden methods; the protocol itself has no switches. Each docstring names
the sentence and the anomaly that follows. "PMS" is "Paxos Made Simple".
"""

from systems_under_test.node import NodeId, Payload
from systems_under_test.paxos.messages import NO_BALLOT, Ballot, Promise
from systems_under_test.paxos.node import Paxos
from systems_under_test.paxos.state import Batch
from systems_under_test.requests import Request

STALE = ("stale read", "lost write")
FORKED = (
    *STALE, "lost update", "dirty read", "not linearizable", "both led in ballot", "was chosen in",
    "two values in slot", "for chosen in slot", "took back its promise",
)  # fmt: skip
"""What follows where two values are chosen in one slot."""


class PaxosForgottenPromise(Paxos):
    """An acceptor remembers after a restart what it accepted, but not what it promised.

    Breaks "an acceptor needs to remember only the highest-numbered proposal that it has ever
    accepted and the number of the highest-numbered prepare request to which it has responded [...]
    even if it fails and then restarts" (PMS 2.2). Anomaly: acknowledged writes vanish. Having told
    a new leader that nothing was accepted, it restarts and helps the deposed one to a quorum.
    """

    shows = FORKED

    def on_start(self, stored: tuple[Payload, ...]) -> None:
        super().on_start(stored)
        self.promised = NO_BALLOT


class PaxosAcceptsLowerBallots(Paxos):
    """An acceptor accepts whatever it is asked to, whatever it has promised.

    Breaks P1a, "an acceptor can accept a proposal numbered n iff it has not responded to a prepare
    request having a number greater than n" (PMS 2.2). Anomaly: two leaders at once. Each gets
    different values chosen in the same slots, and reads of a deposed one are confirmed.
    """

    shows = FORKED

    def may_accept(self, ballot: Ballot) -> bool:
        return True


class PaxosIgnoresAccepted(Paxos):
    """A new leader proposes its own values without regard to what was accepted before.

    Breaks P2c, the value to propose is "the value of the highest-numbered proposal among the
    responses" (PMS 2.2). Anomaly: acknowledged writes vanish when the leader changes, unless the
    new one happens to know already that they are chosen.
    """

    shows = FORKED

    def take_reports(self, answer: Promise) -> None:
        """They are dropped."""


class PaxosHalfQuorum(Paxos):
    """Half of the acceptors, rounded down, count as a quorum.

    Breaks "any two majorities have at least one acceptor in common" (PMS 2.2). Anomaly: both sides
    of a partition go on, and each loses what the other acknowledged.
    """

    shows = FORKED

    def is_quorum(self, nodes: set[NodeId], members: tuple[NodeId, ...]) -> bool:
        return sum(member in nodes for member in members) >= max(1, len(members) // 2)


class PaxosLearnsFromOne(Paxos):
    """A value counts as chosen once a single acceptor has accepted it.

    Breaks "a learner must find out that a proposal has been accepted by a majority of acceptors"
    (PMS 2.3). Anomaly: acknowledged writes vanish with the one acceptor that has them.
    """

    shows = FORKED

    def is_chosen(self, batch: Batch) -> bool:
        return bool(batch.votes)


class PaxosSharedBallots(Paxos):
    """Ballots are bare numbers, which several proposers may use at once.

    Breaks "different proposers choose their numbers from disjoint sets of numbers" (PMS 2.5).
    Anomaly: two leaders of one ballot. Acceptors take both for the same, so different values are
    accepted in one slot and both are acknowledged.
    """

    shows = FORKED

    def new_ballot(self) -> Ballot:
        return Ballot(super().new_ballot().round, "")


class PaxosStaleReads(Paxos):
    """A leader that believes it leads answers reads at once, and goes on believing.

    Breaks what "Paxos Made Live" 5.2 says of reads: a master may serve them from its own copy only
    while no other replica can have become master. Anomaly: stale reads from a leader that is cut
    off while another one takes writes.
    """

    shows = (*STALE, "not live")

    def on_read(self, client: NodeId, request: Request) -> None:
        self.answer_read(client, request)

    def has_heard_quorum(self) -> bool:
        return True
