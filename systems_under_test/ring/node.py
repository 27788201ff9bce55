"""The ring as a node: what comes in, and which of its parts handles it.

A store of registers, each on a few nodes that consistent hashing chooses, without any leader and
without a log. Every node coordinates requests: it asks the replicas of the key, and answers.

A node is made of parts, a file each. A part holds those that it uses, which stand below it here:

    Reconfiguration  reconfiguration.py  adding and removing nodes
    Entropy          entropy.py          comparing replicas by Merkle trees
    Rounds           rounds.py           asking replicas, time, giving up, read repair
    Hints            hints.py            copies that replicas missed
    Replica          replica.py          what a replica promises and answers; why it is safe
    Transfer         transfer.py         shards that change hands
    Gossip           gossip.py           who is up, and in which epoch
    Epochs           epochs.py           members, and who owns what
    Registers        registers.py        copies and promises by key
    Stamps           stamps.py           lives, tags, ballots, numbers of rounds
    RingNode         base.py             the constants, and the way out

What operations do, step by step (`steps.py`), is `linearizable.py`, reads and writes by ABD and
changes by CASPaxos, and `dynamo.py`, the levels `one` and `quorum`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

from systems_under_test.kv import objection
from systems_under_test.node import Json, Message, NodeId, Payload
from systems_under_test.objects import FUNCTIONS, UNCHANGED, Declined, perform
from systems_under_test.quorum import majority
from systems_under_test.requests import ErrorCode, OperatorRequest, Refusal, Reply, Request
from systems_under_test.ring.base import RingNode
from systems_under_test.ring.dynamo import Dynamo, Level
from systems_under_test.ring.entropy import Entropy
from systems_under_test.ring.epochs import Epochs
from systems_under_test.ring.gossip import BEAT, Gossip
from systems_under_test.ring.hints import Hints
from systems_under_test.ring.invariants import Invariants
from systems_under_test.ring.linearizable import Linearizable
from systems_under_test.ring.messages import (
    PAYLOADS,
    Adopted,
    Alive,
    Announce,
    Answer,
    Ask,
    Digests,
    Fetch,
    HandedOver,
    Held,
    Hinted,
    Lived,
    Newer,
    Part,
    Promised,
    Ready,
    Standing,
    Versions,
)
from systems_under_test.ring.reconfiguration import Reconfiguration
from systems_under_test.ring.registers import EPOCH_KEY, Registers
from systems_under_test.ring.replica import Replica
from systems_under_test.ring.rounds import Rounds
from systems_under_test.ring.stamps import Stamps
from systems_under_test.ring.steps import Pending, Steps
from systems_under_test.ring.transfer import Transfer

_LEVELS = {level.value: level for level in Level}


class Parts(NamedTuple):
    """The classes of the parts that a variant of the ring may replace."""

    epochs: type[Epochs] = Epochs
    gossip: type[Gossip] = Gossip
    replica: type[Replica] = Replica
    hints: type[Hints] = Hints
    rounds: type[Rounds] = Rounds
    linearizable: type[Linearizable] = Linearizable


class Ring(RingNode):
    """A node of the ring; operations are linearizable where clients do not ask for less."""

    payloads: ClassVar[tuple[type[Payload], ...]] = PAYLOADS
    functions: ClassVar[tuple[str, ...]] = FUNCTIONS
    invariants = Invariants
    changes_members = True
    habits: ClassVar[Mapping[str, Any]] = {
        "FORWARDS": False,
        "COMPACT_RECORDS": 3,
        "COMPACT_FACTOR": 0,
        "FETCHED_AT_ONCE": 64,
        "ENTRIES_AT_ONCE": 4,
        "LOOKS": 1,
    }

    LEVEL = Level.LINEARIZABLE
    """The consistency of a request that names none. One that does says "read@quorum"."""

    PARTS: ClassVar[Parts] = Parts()

    @classmethod
    def tolerated(cls, count: int) -> int:
        """Of any key's replicas all but a majority may fail, and those may be anywhere."""
        replicas = min(count, cls.REPLICAS)
        return replicas - majority(replicas)

    def set_up(self) -> None:
        super().set_up()
        parts = self.PARTS
        self.stamps = Stamps(self)
        self.registers = Registers(self)
        self.epochs = parts.epochs(self, self.registers)
        self.gossip = parts.gossip(self, self.epochs)
        self.transfer = Transfer(self, self.registers, self.epochs, self.gossip)
        self.replica = parts.replica(self.registers, self.epochs, self.gossip)
        self.hints = parts.hints(self, self.stamps, self.epochs, self.gossip)
        self.rounds = parts.rounds(self, self.stamps, self.epochs, self.replica, self.hints)
        self.entropy = Entropy(self, self.registers, self.epochs, self.gossip, self.replica)
        self.linearizable = parts.linearizable(self, self.stamps)
        self.dynamo = Dynamo(self, self.stamps)
        self.reconfiguration = Reconfiguration(
            self, self.gossip, self.transfer, self.rounds, self.linearizable
        )

    # --- the journal ------------------------------------------------------------------------------

    def on_start(self, stored: tuple[Payload, ...]) -> None:
        for record in stored:
            self._replay(record)
        self.recorded = len(stored)
        self.stamps.begin_life()
        self.set_timer(BEAT, self.BEAT_NS)

    def _replay(self, record: Payload) -> None:
        match record:
            case Lived(life):
                self.stamps.life = life
            case Promised() | Held():
                self.registers.replay(record)
            case Adopted() | Ready() | Standing():
                self.epochs.replay(record)
            case Hinted() | HandedOver():
                self.hints.replay(record)

    def _compact_if_long(self) -> None:
        """Replace the journal by what it comes to, once it is several times as long.

        Called between steps of the protocols, when memory and journal say the same.
        """
        if self.recorded > max(self.COMPACT_RECORDS, self.COMPACT_FACTOR * self.registers.size):
            # The epochs come first: entering one drops registers that are no longer owned.
            self.compact(
                [
                    self.epochs.standing(),
                    Lived(self.stamps.life),
                    *self.registers.snapshot(),
                    *self.hints.snapshot(),
                ]
            )

    def compact(self, records: Iterable[Payload]) -> None:
        records = tuple(records)
        self.recorded = len(records)
        super().compact(records)

    # --- what comes in ----------------------------------------------------------------------------

    def on_timer(self, name: str) -> None:
        if name != BEAT:
            self.rounds.on_timer(name)
            return
        self.gossip.beat()
        self._compact_if_long()
        self.transfer.beat()
        self.hints.beat()
        self.entropy.beat()

    def on_message(self, message: Message) -> None:
        source, payload = message.source, message.payload
        if isinstance(payload, Request):
            self.on_request(source, payload)
        elif source in self.gossip.heard:
            self.gossip.hear(source)
            self.on_peer_message(source, payload)

    def on_peer_message(self, peer: NodeId, payload: Payload) -> None:
        match payload:
            case Ask():
                answer = self.replica.on_ask(peer, payload)
                if answer is not None:
                    self.send(peer, answer)
            case Answer():
                if not self.hints.on_answer(payload):
                    self.rounds.on_answer(peer, payload)
            case Alive():
                self.gossip.on_alive(peer, payload)
            case Announce():
                self.reconfiguration.on_announce(payload)
            case Fetch():
                self.transfer.on_fetch(peer, payload)
            case Part():
                self.transfer.on_part(peer, payload)
            case Digests():
                self.entropy.on_digests(peer, payload)
            case Versions():
                self.entropy.on_versions(peer, payload)
            case Newer():
                self.entropy.on_newer(peer, payload)

    # --- clients ----------------------------------------------------------------------------------

    def on_request(self, client: NodeId, request: Request) -> None:
        if isinstance(request, OperatorRequest):
            self.reconfiguration.on_request(client, request)
            return
        function, _, word = request.function.partition("@")
        level = _LEVELS.get(word or self.LEVEL.value)
        request = replace(request, function=function)
        if level is None:
            reason = f"there is no consistency {word!r}: use one, quorum or linearizable"
            self.refuse(client, request, ErrorCode.BAD_REQUEST, reason)
        elif reason := self.objection(request):
            self.refuse(client, request, ErrorCode.BAD_REQUEST, reason)
        elif function == "open":
            # There are no sessions. A write is blind: sent again through another node it would
            # draw another tag, and could take effect twice, with others' writes in between.
            self.send(client, Reply(request.sequence, 0))
        elif len(self.rounds.operations) >= self.MAX_OPERATIONS:
            reason = f"{self.MAX_OPERATIONS} requests wait already: try again later"
            self.refuse(client, request, ErrorCode.OVERLOADED, reason)
        elif self.is_change(request, level) and self.sends_on(client, request):
            pass
        else:
            self.rounds.begin(
                client, request.sequence, lambda operation: self.steps(operation, request, level)
            )

    def objection(self, request: Request) -> str:
        """Why no such request can be carried out; empty where nothing speaks against it."""
        if request.key.startswith(EPOCH_KEY):
            return f"keys that begin with {EPOCH_KEY!r} are the ring's own"
        return objection(request, self.functions)

    def refuse(self, client: NodeId, request: Request, error: ErrorCode, reason: str = "") -> None:
        self.send(client, Refusal(request.sequence, error.word, reason=reason))

    def sends_on(self, client: NodeId, request: Request) -> bool:
        """Send the client of a change to the key's first replica that is up, unless that is us.

        Changes of one key compete for ballots, so one node coordinates them as long as it is up
        (Dynamo paper, §4.5). Where two do, they cost each other time, and nothing else.
        """
        coordinator = self.coordinator_of(request.key)
        if coordinator == self.node_id:
            return False
        word = ErrorCode.NOT_COORDINATOR.word
        self.send(client, Refusal(request.sequence, word, leader=coordinator))
        return True

    def coordinator_of(self, key: str) -> NodeId:
        """The first replica of the key that is up and can serve; this node where none seems to."""
        if not self.FORWARDS:
            return self.node_id
        replicas = self.epochs.replicas_of(key)
        able = (node for node in replicas if self.gossip.can_serve(node, replicas))
        return next(able, self.node_id)

    def steps(self, operation: Pending, request: Request, level: Level) -> Steps:
        """What is done to carry out a request."""
        key, argument = request.key, request.argument
        if level is not Level.LINEARIZABLE:
            return self.dynamo.steps(operation, request, level)
        if request.function == "read":
            return self.linearizable.read(operation, key)
        if request.function == "write":
            return self.linearizable.write(operation, key, argument)
        return self.change(operation, request)

    def change(self, operation: Pending, request: Request) -> Steps:
        """Any other function is a change of the value found, and answered by what it was."""

        def new(found: Json) -> Any:
            try:
                return perform(request.function, request.argument, found)[0]
            except Declined:
                return UNCHANGED

        found = yield from self.linearizable.change(operation, request.key, new)
        return perform(request.function, request.argument, found)[1]

    def is_change(self, request: Request, level: Level) -> bool:
        return level is Level.LINEARIZABLE and request.function not in ("read", "write")

    def facts(self) -> dict[str, Json]:
        return {
            "role": "replica",
            "epoch": self.epochs.number,
            "members": list(self.epochs.member_names),
            "awaited": len(self.epochs.awaited),
            "moved": self.transfer.moved,
            "keys": len(self.registers.copies),
            "digest": f"{self.registers.digest:x}",
            "operations": len(self.rounds.operations),
            "hints": sum(map(len, self.hints.kept.values())),
            "repaired": self.entropy.repaired,
        }


class RingQuorum(Ring):
    """Every request has the consistency `quorum`: not linearizable, and not meant to be."""

    LEVEL = Level.QUORUM


class RingOne(Ring):
    """Every request has the consistency `one`."""

    LEVEL = Level.ONE
