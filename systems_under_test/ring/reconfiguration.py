"""Adding and removing nodes: the members of one epoch decide who the members of the next one are.

Each epoch has a register of its own, empty at first, on which all members of the epoch before
decide by CASPaxos: the first change of it that is chosen names the members, for ever. Since nobody
acts on it before a majority of the members took it, and any node that proposes another meets a
majority too, there is never more than one for an epoch. What a coordinator decided and did not
announce before it died, the next one that wants a change finds, adopts and announces.

One change follows the other only when every member, but for the one that it is about, has said that
it has all its shards. That is for the sake of availability; that no shard is served too early is
seen to elsewhere (`transfer.py`). So a member that died while it got its shards has to come back or
to be removed before anything else can be changed. It can be removed as long as the others of each
replica set are a majority of it, so that new owners hear enough without it: of two, one is no
majority, and would wait for ever for what the removed one never got.
"""

from functools import partial

from systems_under_test.node import Json, NodeId
from systems_under_test.objects import UNCHANGED
from systems_under_test.quorum import majority
from systems_under_test.requests import ErrorCode, OperatorRequest, Refusal, Reply, Request
from systems_under_test.ring.base import RingNode
from systems_under_test.ring.gossip import Gossip
from systems_under_test.ring.hashing import Members
from systems_under_test.ring.linearizable import Linearizable
from systems_under_test.ring.messages import Announce, Epoch
from systems_under_test.ring.rounds import Rounds
from systems_under_test.ring.steps import Moved, Pending, Steps, Unresolved
from systems_under_test.ring.transfer import Transfer


class Reconfiguration:
    """The requests `members`, `add` and `remove`, and going on to the epochs that they lead to."""

    def __init__(
        self,
        node: RingNode,
        gossip: Gossip,
        transfer: Transfer,
        rounds: Rounds,
        linearizable: Linearizable,
    ) -> None:
        self.node = node
        self.epochs = gossip.epochs
        self.gossip = gossip
        self.transfer = transfer
        self.rounds = rounds
        self.linearizable = linearizable

    def adopt(self, epoch: Epoch) -> None:
        """Go on to that epoch, if it is the next one, with all that is under way."""
        if self.epochs.adopt(epoch):
            self.transfer.begin()
            self.rounds.ask_again()

    def on_announce(self, announce: Announce) -> None:
        for epoch in announce.epochs:
            self.adopt(epoch)

    def on_request(self, client: NodeId, request: OperatorRequest) -> None:
        """Answer an operator."""
        if request.function == "members":
            names = list(self.epochs.member_names)
            self.node.send(client, Reply(request.sequence, names))
            return
        if reason := request.objection():
            self._refuse(client, request, ErrorCode.BAD_REQUEST, reason)
            return
        node, capacity = named(request.argument)
        if node not in (self.node.node_id, *self.node.peers) or not 0 < capacity <= 100:
            reason = f"name a node of this cluster, or a list of it and a capacity, not {node!r}"
            self._refuse(client, request, ErrorCode.BAD_REQUEST, reason)
        elif request.function == "remove-member" and self.epochs.member_names == (node,):
            reason = f"{node} is the last member: add another one first"
            self._refuse(client, request, ErrorCode.BAD_REQUEST, reason)
        elif wait := self._reason_to_wait(node):
            self._refuse(client, request, ErrorCode.OVERLOADED, wait)
        else:
            wanted = capacity if request.function == "add-member" else 0.0
            steps = partial(self._reconfigure, node=node, capacity=wanted)
            self.rounds.begin(client, request.sequence, steps)

    def _refuse(self, client: NodeId, request: Request, error: ErrorCode, reason: str) -> None:
        self.node.send(client, Refusal(request.sequence, error.word, reason=reason))

    def _reason_to_wait(self, about: NodeId) -> str:
        """Why no change should begin now: some member is still getting its shards."""
        owners = min(len(self.epochs.members), self.node.REPLICAS)
        dispensable = owners - 1 >= majority(owners)
        for node in self.epochs.member_names:
            if node == self.node.node_id:
                ready = not self.epochs.awaited
            else:
                ready = self.gossip.settled.get(node) == (self.epochs.number, True)
            if not ready and not (node == about and dispensable):
                return f"{node} has not got all its shards yet: try again later"
        return ""

    def _reconfigure(self, operation: Pending, node: NodeId, capacity: float) -> Steps:
        """Bring the cluster to have that node with that capacity; 0 for not at all."""
        epochs = self.epochs
        while epochs.members != (wanted := with_node(epochs.members, node, capacity)):
            if not wanted or self._reason_to_wait(node):
                # Another change came first. Its node must have its shards before the next one, as
                # two that wait for what they own could wait for each other for ever; and it may
                # have left this node as the last. The client hears why when it asks again.
                raise Unresolved
            number = epochs.number + 1
            proposed = [list(member) for member in wanted]
            try:
                decided = yield from self.linearizable.change(
                    operation, epochs.next_key, partial(unless_decided, proposed)
                )
            except Moved:
                continue  # Another node's change was decided first.
            self.adopt(epoch_of(number, proposed if decided is None else decided))
            for peer in self.node.peers:
                self.gossip.announce(peer, number - 1)
        return list(epochs.member_names)


def unless_decided(proposed: Json, found: Json) -> Json:
    return proposed if found is None else UNCHANGED


def named(argument: Json) -> tuple[Json, float]:
    """The node that a request names, and its capacity; 0 for one that makes no sense."""
    match argument:
        case [str() as node, int() | float() as capacity]:
            return node, float(capacity)
        case _:
            return argument, 1.0


def with_node(members: Members, node: NodeId, capacity: float) -> Members:
    """The members with that node at that capacity, or without it; a member keeps its capacity."""
    others = dict(members)
    if capacity == 0:
        others.pop(node, None)
    else:
        others.setdefault(node, capacity)
    return tuple(sorted(others.items()))


def epoch_of(number: int, members: Json) -> Epoch:
    return Epoch(number, tuple((node, float(capacity)) for node, capacity in members))
