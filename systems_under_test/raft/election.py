"""Leader election (§5.2) with its restriction (§5.4.1), Pre-Vote and Check-Quorum.

Pre-Vote (dissertation §9.6): a node asks whether it would win before it begins a new term, so one
that was cut off cannot depose a working leader when it returns. Check-Quorum (dissertation §6.2):
a leader that does not hear a majority steps down, so that its clients go elsewhere.
"""

from systems_under_test.led import ELECTION, HEARTBEAT, QUORUM
from systems_under_test.node import NodeId
from systems_under_test.raft.messages import (
    PreVoteAnswer,
    RequestPreVote,
    RequestVote,
    VoteAnswer,
)
from systems_under_test.raft.replication import Replication
from systems_under_test.raft.state import Role


class Election(Replication):
    """Standing for election, voting, beginning to lead, and giving up."""

    # --- standing for election --------------------------------------------------------------------

    def on_election_due(self) -> None:
        if self.may_lead:
            self.become_pre_candidate()
        else:
            self.await_leader()

    def become_pre_candidate(self) -> None:
        """Ask who would vote for us, and change nothing that others could notice."""
        self.become(Role.PRE_CANDIDATE)
        self.leader = None
        self.seek_votes(RequestPreVote(self.term, self.log.last_index, self.log.last_term))
        if self.has_majority_of_votes():
            self.become_candidate()

    def become_candidate(self) -> None:
        """Begin a new term with a vote for ourselves, and ask for those of the others (§5.2)."""
        self.become(Role.CANDIDATE)
        self.term += 1
        self.voted_for = self.node_id
        self.persist_term_and_vote()
        self.seek_votes(RequestVote(self.term, self.log.last_index, self.log.last_term))
        if self.has_majority_of_votes():
            self.become_leader()

    def seek_votes(self, ask: RequestPreVote | RequestVote) -> None:
        """Vote for ourselves, and ask the others; if nobody leads in time, begin again."""
        self.votes = {self.node_id}
        self.await_leader()
        self.send_to_voters(ask)

    def become_leader(self) -> None:
        """Lead this term. Its first entry is a no-op, since only an entry of this term commits."""
        self.become(Role.LEADER)
        self.leader = self.node_id
        self.cancel_timer(ELECTION)
        self.set_timer(HEARTBEAT, self.HEARTBEAT_NS)
        self.set_timer(QUORUM, self.ELECTION_TIMEOUT_NS)
        self.progress = {}
        self.follow_members(self.log.last_index + 1)
        self.read_round = 0
        self.append_to_own_log(None)

    def has_majority_of_votes(self) -> bool:
        return self.members.is_quorum(self.votes)

    # --- voting -----------------------------------------------------------------------------------

    def on_request_pre_vote(self, candidate: NodeId, ask: RequestPreVote) -> None:
        """Would we vote for it? Not as long as we believe that somebody leads."""
        granted = (
            self.leader is None
            and ask.term == self.term
            and self.is_up_to_date(ask.last_term, ask.last_index)
        )
        self.send(candidate, PreVoteAnswer(self.term, granted))

    def on_pre_vote_answer(self, voter: NodeId, answer: PreVoteAnswer) -> None:
        if self.role is Role.PRE_CANDIDATE and self.is_elected_with(voter, answer):
            self.become_candidate()

    def on_request_vote(self, candidate: NodeId, ask: RequestVote) -> None:
        """Vote at most once a term, and only for a log at least as complete as ours (§5.4.1)."""
        granted = (
            ask.term == self.term
            and self.voted_for in (None, candidate)
            and self.is_up_to_date(ask.last_term, ask.last_index)
        )
        if granted:
            if self.voted_for is None:
                self.voted_for = candidate
                self.persist_term_and_vote()
            if self.leader is None:  # Else the term has its leader, and this request came late.
                self.await_leader()
        self.send(candidate, VoteAnswer(self.term, granted))

    def on_vote_answer(self, voter: NodeId, answer: VoteAnswer) -> None:
        if self.role is Role.CANDIDATE and self.is_elected_with(voter, answer):
            self.become_leader()

    def is_elected_with(self, voter: NodeId, answer: PreVoteAnswer | VoteAnswer) -> bool:
        """Count the answer of a voter; whether it makes a majority, or joins one."""
        if answer.term != self.term or not answer.granted:
            return False
        self.votes.add(voter)
        return self.has_majority_of_votes()

    def is_up_to_date(self, last_term: int, last_index: int) -> bool:
        """Whether a log that ends so is at least as complete as ours (§5.4.1).

        Every committed entry is on a majority, and a candidate needs a majority of votes: some
        voter holds the entry, and refuses a candidate whose log may be without it.
        """
        return (last_term, last_index) >= (self.log.last_term, self.log.last_index)

    # --- giving up --------------------------------------------------------------------------------

    def on_quorum_due(self) -> None:
        """Lead on only if a majority has answered since the last check."""
        if not self.has_heard_majority():
            self.become_follower(self.term, None)
            return
        for progress in self.progress.values():
            progress.heard = False
        self.set_timer(QUORUM, self.ELECTION_TIMEOUT_NS)

    def has_heard_majority(self) -> bool:
        heard = {peer for peer, progress in self.progress.items() if progress.heard}
        return self.members.is_quorum({self.node_id, *heard})
