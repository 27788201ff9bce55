"""The proposer: phase 1 once for all open slots, then phase 2 slot by slot, batched and pipelined.

"A newly chosen leader executes phase 1 for infinitely many instances of the consensus algorithm"
("Paxos Made Simple" 3): one `Prepare` covers every slot that it does not know to be chosen. From
the reports it knows what it must propose in some of them, and it closes the gaps between these with
no-ops. Everything after that is free for clients' commands, each of which takes phase 2 alone.

A proposer need not be an acceptor, nor know which other proposers there are.
"""

from systems_under_test.led import ELECTION, HEARTBEAT, QUORUM
from systems_under_test.node import NodeId
from systems_under_test.paxos.messages import (
    Accept,
    Accepted,
    Ballot,
    Learned,
    Prepare,
    Promise,
    Reject,
    SnapshotPart,
    Value,
)
from systems_under_test.paxos.reads import Reads
from systems_under_test.paxos.single_decree import value_to_propose
from systems_under_test.paxos.state import Batch, Role
from systems_under_test.requests import Refusal, Reply, Request
from systems_under_test.sizes import BATCH_BYTES, weight


class Proposer(Reads):
    """Competing for a ballot, and proposing in it."""

    # --- phase 1 ----------------------------------------------------------------------------------

    def new_ballot(self) -> Ballot:
        """A ballot that nobody has ever used: with our name in it, and above all that we used.

        Our own acceptor promises a ballot, durably, before anybody hears of it (`prepare`).
        """
        return Ballot(max(self.promised.round, self.highest_round) + 1, self.node_id)

    def prepare(self) -> None:
        self.become(Role.PREPARING)
        self.attempts += 1
        self.await_leader()
        self.ballot = self.new_ballot()
        self.promises = set()
        self.reports = {}
        self.last_reported = self.chosen_elsewhere = self.chosen
        self.next_slot = self.chosen + 1
        ask = Prepare(self.ballot, self.chosen + 1)
        own = self.answer_prepare(ask)
        self.ask_for_promises()
        self.on_promise(self.node_id, own)

    def ask_for_promises(self) -> None:
        """Ask those acceptors of the next slots that have not promised our ballot yet."""
        ask = Prepare(self.ballot, self.chosen + 1)
        for peer in self.peers:
            if peer not in self.promises and any(peer in who for who in self.known_members()):
                self.send(peer, ask)

    def known_members(self) -> list[tuple[NodeId, ...]]:
        """The acceptors of all slots in which anything may be proposed now."""
        return self.membership.between(self.chosen + 1, self.last_known_slot)

    def on_promise(self, acceptor: NodeId, answer: Promise | Reject) -> None:
        if isinstance(answer, Reject):
            self.on_reject(answer)
        elif answer.ballot != self.ballot or self.role not in (Role.PREPARING, Role.LEADER):
            return
        elif self.role is Role.LEADER and answer.chosen >= self.next_slot:
            # Slots are chosen in which we never proposed: somebody with a higher ballot leads.
            self.follow(None)
        else:
            self.promises.add(acceptor)
            self.take_reports(answer)
            if self.role is Role.PREPARING:
                if answer.chosen > self.chosen_elsewhere:
                    self.chosen_elsewhere = answer.chosen
                    self.ask_for_chosen(acceptor)
                if self.has_quorum_of_promises(self.members):
                    self.lead()
            else:
                self.propose_more()
                self.begin_read_round()

    def take_reports(self, answer: Promise) -> None:
        """Keep what the acceptor reported for slots in which we have not proposed yet."""
        for report in answer.accepted:
            if report.slot >= self.next_slot:
                self.reports.setdefault(report.slot, []).append(report)
                self.last_reported = max(self.last_reported, report.slot)

    def lead(self) -> None:
        """Begin phase 2: first what phase 1 found, then what clients want."""
        self.become(Role.LEADER)
        self.leader = self.node_id
        self.attempts = 0
        self.cancel_timer(ELECTION)
        self.set_timer(HEARTBEAT, self.HEARTBEAT_NS)
        self.set_timer(QUORUM, self.ELECTION_TIMEOUT_NS)
        self.heard = set()
        self.confirmed = {}
        self.chosen_elsewhere = max(self.chosen_elsewhere, self.chosen)
        self.next_slot = self.chosen_elsewhere + 1
        self.send_heartbeats()
        self.propose_more()

    # --- phase 2 ----------------------------------------------------------------------------------

    def propose(self, client: NodeId, request: Request) -> None:
        """Put a client's command into a slot of the log; it is answered once it is applied."""
        self.queue.append((client, request))
        self.propose_more()

    def propose_more(self) -> None:
        """Propose in as many slots as the bounds allow."""
        while (
            self.role is Role.LEADER
            and len(self.batches) < self.MAX_IN_FLIGHT
            and (values := self.next_values())
        ):
            self.send_batch(values)

    def next_values(self) -> tuple[Value, ...]:
        """What to propose in the slots from `next_slot` on, as far as we may propose in them.

        We may where phase 1 is complete for the slot's acceptors. They are known up to WINDOW slots
        beyond the chosen ones; a batch does not reach into slots with other acceptors.
        """
        first = self.next_slot
        if first > self.last_known_slot or not self.may_propose_in(first):
            return ()
        limit = min(self.last_known_slot, first + self.MAX_BATCH - 1)
        values: list[Value] = []
        room = BATCH_BYTES
        for slot in range(first, self.membership.last_slot_like(first, limit) + 1):
            reports = self.reports.pop(slot, ())
            if reports:
                values.append(value_to_propose(reports, None))
            elif self.queue and slot > self.last_reported:
                client, request = self.queue.popleft()
                self.pending[slot] = (client, request.sequence)
                values.append(request)
            elif slot <= self.last_reported or slot < self.membership.last_change:
                values.append(None)  # A gap, or a change of members that waits for its slot.
            else:
                break
            room -= weight(values[-1])
            if room < 0:
                break
        return tuple(values)

    def may_propose_in(self, slot: int) -> bool:
        return self.has_quorum_of_promises(self.membership.at(slot))

    def send_batch(self, values: tuple[Value, ...]) -> None:
        """Phase 2a. Our own acceptor is asked last, so that its disk works while others do."""
        ask = Accept(self.ballot, self.next_slot, values, self.chosen)
        batch = Batch(ask, self.membership.at(self.next_slot))
        self.next_slot += len(values)
        self.batches[ask.first_slot] = batch
        for member in batch.members:
            if member != self.node_id:
                self.send(member, ask)
        if isinstance(self.answer_accept(ask), Accepted):
            batch.votes.add(self.node_id)
        self.count_votes()

    def on_accepted(self, acceptor: NodeId, answer: Accepted) -> None:
        if self.role is not Role.LEADER or answer.ballot != self.ballot:
            return
        self.heard.add(acceptor)
        batch = self.batches.get(answer.first_slot)
        if batch is not None:
            batch.votes.add(acceptor)
            self.count_votes()
            self.propose_more()

    def count_votes(self) -> None:
        """Slots are chosen once a quorum of their acceptors accepted; learn them in order."""
        before = self.chosen
        while (batch := self.batches.get(self.chosen + 1)) and self.is_chosen(batch):
            del self.batches[batch.accept.first_slot]
            for value in batch.accept.values:
                self.choose(value)
        if self.chosen > before:
            self.begin_read_round()

    def is_chosen(self, batch: Batch) -> bool:
        return self.is_quorum(batch.votes, batch.members)

    def on_reject(self, answer: Reject) -> None:
        """An acceptor has promised a higher ballot, so another proposer is at work: make way."""
        self.hear_of(answer.promised)
        if answer.ballot == self.ballot and self.role in (Role.PREPARING, Role.LEADER):
            self.follow(None)

    # --- what is chosen ---------------------------------------------------------------------------

    def on_learned(self, peer: NodeId, answer: Learned) -> None:
        """While we lead, we learn from others only what was chosen before our ballot.

        In later slots we proposed ourselves, and answer clients by our own count alone: what
        another leader chose there may equal a client's command and still not be that client's.
        """
        if self.role is Role.LEADER:
            count = max(0, self.chosen_elsewhere + 1 - answer.first_slot)
            answer = Learned(answer.first_slot, answer.values[:count])
        super().on_learned(peer, answer)
        self.go_on()

    def on_snapshot_part(self, peer: NodeId, part: SnapshotPart) -> None:
        super().on_snapshot_part(peer, part)
        self.go_on()

    def go_on(self) -> None:
        """We know more, and may have waited for it."""
        if self.role is Role.LEADER:
            self.count_votes()
            self.propose_more()
            self.begin_read_round()

    def on_chosen(self, slot: int, answer: Reply | Refusal | None) -> None:
        """Answer the client whose command was chosen; one that changed the members waits for it."""
        waiting = self.pending.pop(slot, None)
        if waiting is not None and answer is not None:
            client, _ = waiting
            if slot + self.WINDOW == self.membership.last_change and isinstance(answer, Reply):
                self.changes_pending[slot + self.WINDOW] = (client, answer)
            else:
                self.send(client, answer)
        if slot + self.WINDOW == self.membership.last_change and self.role is Role.LEADER:
            self.ask_for_promises()
        due = self.changes_pending.pop(slot + 1, None)
        if due is not None:
            self.send(*due)
