"""Two-phase commit without recovery: atomic as long as nothing fails (Gray, 1978).

Whoever is asked coordinates. It locks the key on every node, and once all have voted for it tells
them to commit; one that refuses, or says nothing, makes it abort. Any node answers reads of keys
that are not locked. Without failures that is linearizable, if slow.

What is left out, on purpose, is what Gray's protocol does about failures. A participant that voted
yes must keep its vote through a crash and hold the lock until it learns the outcome, from the
coordinator's log if need be. Here a vote is forgotten with a crash, a lock is given up after a
while, and nobody asks for the outcome. Anomaly: a participant that misses the commit serves the old
value as if nothing had happened.
"""

from dataclasses import dataclass
from typing import ClassVar

from systems_under_test.kv import KeyValueMachine, objection
from systems_under_test.node import Json, Message, Node, NodeId, Payload
from systems_under_test.requests import ErrorCode, Refusal, Request


@dataclass(frozen=True, slots=True)
class Vote(Payload):
    """Phase 1: will you commit that transaction, which changes that key?"""

    transaction: str
    key: str


@dataclass(frozen=True, slots=True)
class Voted(Payload):
    transaction: str
    yes: bool


@dataclass(frozen=True, slots=True)
class Commit(Payload):
    """Phase 2: all voted yes, so carry it out."""

    transaction: str
    request: Request


@dataclass(frozen=True, slots=True)
class Abort(Payload):
    """Phase 2: somebody did not vote yes, so forget it."""

    transaction: str
    key: str


@dataclass(slots=True)
class _Transaction:
    """What a coordinator knows of one transaction under way."""

    client: NodeId
    request: Request
    yes: set[NodeId]


class TwoPhaseCommit(Node):
    """A key-value store that commits every change on all nodes or on none, until one fails."""

    shows = (
        "stale read",
        "lost write",
        "lost update",
        "dirty read",
        "not linearizable",
        "not live",
    )

    COORDINATOR_NS = 300_000_000
    """How long the coordinator waits for votes."""

    PARTICIPANT_NS = 600_000_000
    """How long a participant waits for the outcome before it gives up its lock."""

    payloads: ClassVar[tuple[type[Payload], ...]] = (Vote, Voted, Commit, Abort)

    def set_up(self) -> None:
        super().set_up()
        self.machine = KeyValueMachine()
        self.locks: dict[str, str] = {}
        """By key: the transaction that holds it."""

        self.transactions: dict[str, _Transaction] = {}
        self.begun = 0

    def on_start(self, stored: tuple[Payload, ...]) -> None:
        """Only what was committed is there again; votes and locks are not."""
        for request in stored:
            assert isinstance(request, Request), f"the journal holds {request}, no request"
            self.machine.apply(request)
        # A number no earlier life of this node has used, as far as chance can tell.
        self.begun = self.random.getrandbits(48)

    def on_message(self, message: Message) -> None:
        match message.payload:
            case Request() as request:
                self.on_request(message.source, request)
            case Vote(transaction, key):
                self.send(message.source, Voted(transaction, self.lock(key, transaction)))
            case Voted(transaction, yes):
                self.on_voted(message.source, transaction, yes)
            case Commit(transaction, request):
                self.persist(request)
                self.machine.apply(request)
                self.unlock(request.key, transaction)
            case Abort(transaction, key):
                self.unlock(key, transaction)

    def on_timer(self, name: str) -> None:
        kind, _, transaction = name.partition(" ")
        if kind == "votes" and transaction in self.transactions:
            self.abort(transaction)
        elif kind == "outcome":
            for key in [key for key, holder in self.locks.items() if holder == transaction]:
                del self.locks[key]

    # --- the participant --------------------------------------------------------------------------

    def lock(self, key: str, transaction: str) -> bool:
        """Whether that transaction holds the key now."""
        if self.locks.setdefault(key, transaction) != transaction:
            return False
        self.set_timer(f"outcome {transaction}", self.PARTICIPANT_NS)
        return True

    def unlock(self, key: str, transaction: str) -> None:
        if self.locks.get(key) == transaction:
            del self.locks[key]
            self.cancel_timer(f"outcome {transaction}")

    # --- the coordinator --------------------------------------------------------------------------

    def on_request(self, client: NodeId, request: Request) -> None:
        if reason := objection(request):
            self.send(client, Refusal(request.sequence, ErrorCode.BAD_REQUEST.word, reason=reason))
        elif request.key in self.locks:
            self.refuse(client, request)
        elif request.function == "read":
            self.send(client, self.machine.apply(request))
        else:
            self.begin(client, request)

    def begin(self, client: NodeId, request: Request) -> None:
        self.begun += 1
        transaction = f"{self.node_id}-{self.begun}"
        self.lock(request.key, transaction)
        self.transactions[transaction] = _Transaction(client, request, {self.node_id})
        self.set_timer(f"votes {transaction}", self.COORDINATOR_NS)
        self.broadcast(Vote(transaction, request.key))
        self.commit_if_all_agree(transaction)

    def on_voted(self, peer: NodeId, transaction: str, yes: bool) -> None:
        if transaction not in self.transactions:
            return
        if not yes:
            self.abort(transaction)
            return
        self.transactions[transaction].yes.add(peer)
        self.commit_if_all_agree(transaction)

    def commit_if_all_agree(self, transaction: str) -> None:
        work = self.transactions[transaction]
        if len(work.yes) <= len(self.peers):
            return
        del self.transactions[transaction]
        self.cancel_timer(f"votes {transaction}")
        self.persist(work.request)
        self.broadcast(Commit(transaction, work.request))
        self.send(work.client, self.machine.apply(work.request))
        self.unlock(work.request.key, transaction)

    def abort(self, transaction: str) -> None:
        work = self.transactions.pop(transaction)
        self.cancel_timer(f"votes {transaction}")
        self.broadcast(Abort(transaction, work.request.key))
        self.unlock(work.request.key, transaction)
        self.refuse(work.client, work.request)

    def refuse(self, client: NodeId, request: Request) -> None:
        """Nothing was done, and nothing will be: the client may try again."""
        reason = "another transaction holds the key, or a node does not vote: try again"
        self.send(client, Refusal(request.sequence, ErrorCode.OVERLOADED.word, reason=reason))

    def facts(self) -> dict[str, Json]:
        return {"role": "coordinator", "locks": len(self.locks)}
