"""The ring as a node: what comes in, and who handles it.

A store of registers, each on a few nodes that consistent hashing chooses, without any leader and
without a log. Every node coordinates requests: it asks the replicas of the key, and answers.

The class is written in layers, a file each, and each layer calls those below it:

    Ring             node.py             events, clients' requests, facts
    Reconfiguration  reconfiguration.py  adding and removing nodes
    Dynamo           dynamo.py           the levels `one` and `quorum`
    Linearizable     linearizable.py     reads and writes by ABD, changes by CASPaxos
    Entropy          entropy.py          comparing replicas by Merkle trees
    Handoff          handoff.py          hints for replicas that are down
    Rounds           rounds.py           asking replicas, time, giving up
    Replica          replica.py          what a replica promises and answers; why it is safe
    Transfer         transfer.py         partitions that change hands
    Epochs           epochs.py           configurations, and who owns what
    Gossip           gossip.py           who is up
    State            state.py            registers, lives, the journal
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from systems_under_test.kv import equal, objection
from systems_under_test.node import Json, Message, NodeId, Payload
from systems_under_test.quorum import majority
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request
from systems_under_test.ring.dynamo import Level
from systems_under_test.ring.invariants import Invariants
from systems_under_test.ring.linearizable import UNCHANGED
from systems_under_test.ring.messages import (
    PAYLOADS,
    Alive,
    Announce,
    Answer,
    Ask,
    Digests,
    Fetch,
    Newer,
    Part,
    Versions,
)
from systems_under_test.ring.reconfiguration import Reconfiguration
from systems_under_test.ring.rounds import Operation, Steps
from systems_under_test.ring.state import EPOCH_KEY

_LEVELS = {level.value: level for level in Level}


class Ring(Reconfiguration):
    """A node of the ring; operations are linearizable where clients do not ask for less."""

    payloads: ClassVar[tuple[type[Payload], ...]] = PAYLOADS
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

    @classmethod
    def tolerated(cls, count: int) -> int:
        """Of any key's replicas all but a majority may fail, and those may be anywhere."""
        replicas = min(count, cls.REPLICAS)
        return replicas - majority(replicas)

    def on_message(self, message: Message) -> None:
        source, payload = message.source, message.payload
        if isinstance(payload, Request):
            self.on_request(source, payload)
        elif source in self.heard:
            self.hear(source)
            self.on_peer_message(source, payload)

    def on_peer_message(self, peer: NodeId, payload: Payload) -> None:
        match payload:
            case Ask():
                self.on_ask(peer, payload)
            case Answer():
                self.on_answer(peer, payload)
            case Alive():
                self.on_alive(peer, payload)
            case Announce():
                self.on_announce(payload)
            case Fetch():
                self.on_fetch(peer, payload)
            case Part():
                self.on_part(peer, payload)
            case Digests():
                self.on_digests(peer, payload)
            case Versions():
                self.on_versions(peer, payload)
            case Newer():
                self.on_newer(peer, payload)

    def on_request(self, client: NodeId, request: Request) -> None:
        function, _, word = request.function.partition("@")
        level = _LEVELS.get(word or self.LEVEL.value)
        request = replace(request, function=function)
        if function in ("members", "add", "remove"):
            self.on_membership(client, request)
        elif level is None:
            reason = f"there is no consistency {word!r}: use one, quorum or linearizable"
            self.refuse(client, request, ErrorCode.BAD_REQUEST, reason)
        elif reason := self.objection(request):
            self.refuse(client, request, ErrorCode.BAD_REQUEST, reason)
        elif function == "open":
            # There are no sessions. A write is blind: sent again through another node it would
            # draw another tag, and could take effect twice, with others' writes in between.
            self.send(client, Reply(request.sequence, 0))
        elif len(self.operations) >= self.MAX_OPERATIONS:
            reason = f"{self.MAX_OPERATIONS} requests wait already: try again later"
            self.refuse(client, request, ErrorCode.OVERLOADED, reason)
        elif function == "cas" and level is Level.LINEARIZABLE and self.sends_on(client, request):
            pass
        else:
            self.begin(
                client, request.sequence, lambda operation: self.steps(operation, request, level)
            )

    def objection(self, request: Request) -> str:
        """Why no such request can be carried out; empty where nothing speaks against it."""
        if request.key.startswith(EPOCH_KEY):
            return f"keys that begin with {EPOCH_KEY!r} are the ring's own"
        return objection(request)

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

    def steps(self, operation: Operation, request: Request, level: Level) -> Steps:
        """What is done to carry out a request."""
        key, argument = request.key, request.argument
        linearizable = level is Level.LINEARIZABLE
        if request.function == "read":
            return self.read(operation, key) if linearizable else self.weak_read(key, level)
        if request.function == "write":
            if linearizable:
                return self.write(operation, key, argument)
            return self.weak_write(operation, key, argument, level)
        expected, new = argument
        if linearizable:
            return self.change(
                operation, key, lambda found: new if equal(found, expected) else UNCHANGED
            )
        return self.weak_cas(operation, key, expected, new, level)

    def facts(self) -> dict[str, Json]:
        return {
            "role": "replica",
            "epoch": self.epoch,
            "members": list(self.member_names),
            "awaited": len(self.awaited),
            "moved": self.moved,
            "keys": len(self.copies),
            "digest": f"{self.digest:x}",
            "operations": len(self.operations),
            "hints": sum(map(len, self.hints.values())),
            "repaired": self.repaired,
        }


class RingQuorum(Ring):
    """Every request has the consistency `quorum`: not linearizable, and not meant to be."""

    LEVEL = Level.QUORUM


class RingOne(Ring):
    """Every request has the consistency `one`."""

    LEVEL = Level.ONE
