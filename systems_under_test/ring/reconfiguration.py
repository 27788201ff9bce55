"""Adding and removing nodes: the next configuration is decided by the members of the present one.

Each epoch has a register of its own, empty at first, on which all members of the epoch before
decide by CASPaxos: the first change of it that is chosen is the configuration, for ever. Since
nobody acts on a configuration before a majority of the members took it, and whoever proposes
another meets a majority too, there is never more than one for an epoch. What a coordinator decided
and told nobody before it died, the next one that wants a change finds, adopts and tells.

One change follows the other only when every member, but for the one that it is about, has told that
it has all its partitions. That is for the sake of availability; that no partition is served too
early is seen to elsewhere (`transfer.py`). So a member that died while it got its partitions has to
come back or to be removed before anything else can be changed. It can be removed as long as the
others of each replica set are a majority of it, so that new owners hear enough without it: one of
two is none, and would wait for ever for what the removed one never got.
"""

from functools import partial

from systems_under_test.node import Json, NodeId
from systems_under_test.quorum import majority
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request
from systems_under_test.ring.dynamo import Dynamo
from systems_under_test.ring.hashing import Members
from systems_under_test.ring.linearizable import UNCHANGED
from systems_under_test.ring.messages import Configuration
from systems_under_test.ring.rounds import Moved, Operation, Steps, Unresolved


class Reconfiguration(Dynamo):
    """The requests `members`, `add` and `remove`."""

    def on_membership(self, client: NodeId, request: Request) -> None:
        if request.function == "members":
            self.send(client, Reply(request.sequence, list(self.member_names)))
            return
        node, capacity = named(request.argument)
        if node not in (self.node_id, *self.peers) or not 0 < capacity <= 100:
            reason = f"name a node of this cluster, or a list of it and a capacity, not {node!r}"
            self.send(client, Refusal(request.sequence, ErrorCode.BAD_REQUEST.word, reason=reason))
        elif request.function == "remove" and self.member_names == (node,):
            reason = f"{node} is the last member: add another one first"
            self.send(client, Refusal(request.sequence, ErrorCode.BAD_REQUEST.word, reason=reason))
        elif wait := self.reason_to_wait(node):
            word = ErrorCode.OVERLOADED.word
            self.send(client, Refusal(request.sequence, word, reason=wait))
        else:
            wanted = capacity if request.function == "add" else 0.0
            self.begin(
                client,
                request.sequence,
                lambda operation: self.reconfigure(operation, node, wanted),
            )

    def reason_to_wait(self, about: NodeId) -> str:
        """Why no change should begin now: some member is still getting its partitions."""
        owners = min(len(self.members), self.REPLICAS)
        dispensable = owners - 1 >= majority(owners)
        for node in self.member_names:
            if node == self.node_id:
                ready = not self.awaited
            else:
                ready = self.settled.get(node) == (self.epoch, True)
            if not ready and not (node == about and dispensable):
                return f"{node} has not got all its partitions yet: try again later"
        return ""

    def reconfigure(self, operation: Operation, node: NodeId, capacity: float) -> Steps:
        """Bring the cluster to have that node with that capacity; 0 for not at all."""
        while self.members != (wanted := with_node(self.members, node, capacity)):
            if not wanted or self.reason_to_wait(node):
                # Another change came first. Its node must have its partitions before the next one,
                # as two that wait for what they own could wait for each other for ever; and it may
                # have left this node as the last. The client hears why when it asks again.
                raise Unresolved
            epoch = self.epoch + 1
            proposed = [list(member) for member in wanted]
            try:
                decided = yield from self.change(
                    operation, self.next_epoch_key, partial(unless_decided, proposed)
                )
            except Moved:
                continue  # Another node's change was decided first.
            self.adopt(configuration_of(epoch, proposed if decided is None else decided))
            for peer in self.peers:
                self.announce(peer, epoch - 1)
        return list(self.member_names)


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


def configuration_of(epoch: int, members: Json) -> Configuration:
    return Configuration(epoch, tuple((node, float(capacity)) for node, capacity in members))
