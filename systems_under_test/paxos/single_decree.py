"""Single-decree Paxos: how nodes choose one value, after "Paxos Made Simple" (PMS), section 2.

A proposer picks a ballot that nobody else will ever use, and goes through two phases:

1. It asks the acceptors to *promise* not to accept anything below the ballot any more. Each that
   promises reports the proposal of the highest ballot that it has accepted, if any.
2. Once a quorum has promised, it asks them to *accept* `value_to_propose` in its ballot.

A value is *chosen* once a quorum has accepted it in one ballot. Then nothing else is chosen, ever,
for a reason by induction over the ballots above that one: such a ballot's quorum of promises has an
acceptor in common with the quorum that chose. That acceptor accepted before it promised, since
afterwards it could not have, so it reports the chosen value or one of a ballot in between, which by
induction is the same value. Whatever it was that had the highest ballot among the reports, it holds
the chosen value, and is proposed again.

The log (acceptor.py, proposer.py, learner.py) runs this algorithm for every slot, with the rules
below. What it adds is that one promise covers all slots, and that messages carry many of them.
"""

from collections.abc import Collection, Iterable

from systems_under_test.paxos.messages import NO_BALLOT, Ballot, Proposal, Value
from systems_under_test.quorum import majority


def may_promise(ballot: Ballot, promised: Ballot) -> bool:
    """P1b: "If an acceptor receives a prepare request with number n greater than that of any
    prepare request to which it has already responded, then it responds" (PMS 2.2).

    The same ballot again is a repeated message of the same proposer, and is answered again.
    """
    return ballot >= promised


def may_accept(ballot: Ballot, promised: Ballot) -> bool:
    """P1a: "An acceptor can accept a proposal numbered n iff it has not responded to a prepare
    request having a number greater than n" (PMS 2.2).
    """
    return ballot >= promised


def value_to_propose(reports: Iterable[Proposal], own: Value) -> Value:
    """P2c: the value "of the highest-numbered proposal among the responses, or [...] any value
    selected by the proposer if the responders reported no proposals" (PMS 2.2).

    `reports` are what a quorum of promises reported for one slot.
    """
    highest, value = NO_BALLOT, own
    for report in reports:
        if report.ballot > highest:
            highest, value = report.ballot, report.value
    return value


def is_quorum(nodes: Collection[str], members: Collection[str]) -> bool:
    """Whether these nodes are a majority of the acceptors `members`: any two majorities meet."""
    return sum(member in nodes for member in members) >= majority(len(members))
