"""The ring, broken on purpose: each class breaks one sentence of a paper, and tests must notice.

A flaw is a method or two of one part, which takes the place of the right one; the protocol itself
has no switches. Each docstring names the sentence and the anomaly that follows.
"""

from systems_under_test.node import NodeId
from systems_under_test.requests import Request
from systems_under_test.ring.dynamo import Level
from systems_under_test.ring.epochs import Epochs
from systems_under_test.ring.gossip import Gossip
from systems_under_test.ring.hashing import placement, shard_of
from systems_under_test.ring.hints import Hints
from systems_under_test.ring.linearizable import Linearizable
from systems_under_test.ring.messages import Ask, Copy, Holds, Put, Query, Taken
from systems_under_test.ring.node import Parts, Ring
from systems_under_test.ring.replica import Replica
from systems_under_test.ring.rounds import Gathering, Rounds
from systems_under_test.ring.steps import Answers, Pending, Steps

LOST = ("lost write", "lost update", "stale read", "not linearizable")
"""What clients see where two quorums do not meet."""


class _SmallQuorums(Rounds):
    def quorum(self, ask: Ask, replicas: int) -> int:
        return 1 if isinstance(ask, Query) else super().quorum(ask, replicas)


class RingSmallQuorums(Ring):
    """R + W <= N: a query asks one replica alone.

    Breaks "setting R and W such that R + W > N yields a quorum-like system" (Dynamo §4.5). Anomaly:
    stale reads, from a replica that the last write did not reach; and writes that draw too low a
    tag and are lost.
    """

    shows = LOST

    PARTS = Parts(rounds=_SmallQuorums)


class _NoWriteBack(Linearizable):
    def settle(self, key: str, answers: Answers) -> Steps:
        return
        yield


class RingNoWriteBack(Ring):
    """A read returns the newest value it found, and leaves it where it is.

    Breaks the second phase of ABD's reads: the reader sends a value to a majority before it returns
    it. Anomaly: two reads, one after the other, see a write and then not.
    """

    shows = LOST

    PARTS = Parts(linearizable=_NoWriteBack)


class RingSkewedClock(Ring):
    """A write's tag is the coordinator's time of day: the last write wins, by the clocks.

    Breaks the query phase of writes (Lynch and Shvartsman): a writer draws a tag above all that a
    majority reports. Anomaly: where clocks disagree, an acknowledged write is lost at once to an
    older one, and later reads return the older one.
    """

    shows = LOST

    def steps(self, operation: Pending, request: Request, level: Level) -> Steps:
        return super().steps(
            operation, request, Level.QUORUM if request.function == "write" else level
        )


class _HealthyReplicas(Epochs):
    gossip: Gossip

    def replicas_of(self, key: str) -> tuple[NodeId, ...]:
        walk = placement(self.members, len(self.members))[shard_of(key)]
        healthy = [node for node in walk if self.gossip.is_up(node)]
        others = [node for node in walk if node not in healthy]
        return tuple([*healthy, *others][: self.node.REPLICAS])


class RingSloppyQuorum(Ring):
    """A key's replicas are the first N nodes that are up, and a majority of these is a quorum.

    Breaks the meaning of a quorum: "all read and write operations are performed on the first N
    healthy nodes" (Dynamo §4.6) keeps writes going, but two nodes that believe others to be up ask
    different nodes, and their quorums need not meet. Anomaly: stale reads after a partition.
    """

    shows = LOST

    PARTS = Parts(epochs=_HealthyReplicas)

    def set_up(self) -> None:
        super().set_up()
        assert isinstance(self.epochs, _HealthyReplicas)
        self.epochs.gossip = self.gossip


class _HintsCount(Rounds):
    def send_asks(self, gathering: Gathering) -> None:
        super().send_asks(gathering)
        if isinstance(gathering.ask, Put):
            for node in gathering.silent():
                if not self.hints.gossip.is_up(node):
                    self.on_answer(node, Taken(gathering.ask.round))


class _LostHints(Hints):
    def keep(self, node: NodeId, key: str, copy: Copy) -> None:
        """Forgotten."""


class RingLostHint(Ring):
    """A hint counts as the answer of the replica that it is kept for, and is then forgotten.

    Breaks "nodes that receive hinted replicas will keep them in a separate local database" (Dynamo
    §4.6). Anomaly: an acknowledged write that a minority holds, and that nobody will hand over.
    """

    shows = (*LOST, "has two values of one version", "now the older")

    PARTS = Parts(rounds=_HintsCount, hints=_LostHints)


class _ServesEarly(Epochs):
    def serves(self, key: str) -> bool:
        return self.node.node_id in self.replicas_of(key)


class RingServesEarly(Ring):
    """A new owner of a shard answers for it at once, with what it has got so far.

    Breaks the transfer of state: a majority of the new owners meets the majorities of the former
    ones only once the new owner has got the shard from one. Anomaly: acknowledged writes that
    vanish when a node is added or removed.
    """

    shows = (*LOST, "still awaits")

    PARTS = Parts(epochs=_ServesEarly)


class _AnyEpoch(Gossip):
    def is_of_this_epoch(self, peer: NodeId, epoch: int) -> bool:
        return epoch < self.epochs.number or super().is_of_this_epoch(peer, epoch)


class _FormerOwner(Epochs):
    def serves(self, key: str) -> bool:
        return shard_of(key) not in self.awaited


class RingOldEpoch(Ring):
    """A replica answers questions of earlier epochs, too.

    Breaks the fence between epochs: a node that has adopted one refuses all that belongs to an
    earlier one. Anomaly: a coordinator that has not heard of the change gets its majority from the
    former owners, and what it writes there the new owners never see.
    """

    shows = (*LOST, "had left epoch")

    PARTS = Parts(epochs=_FormerOwner, gossip=_AnyEpoch)


class _NoHearsay(Replica):
    def holds(self, ask: Ask) -> Holds:
        return Holds(ask.round, self.registers.copy_of(ask.key))


class RingTrustsHearsay(Ring):
    """A copy that came by transfer counts as a vote for its ballot.

    Breaks CASPaxos' rule that a vote is given under a promise. Anomaly: a read returns a change
    that was not chosen, and that a later one does not build on.
    """

    shows = (*LOST, "which it only heard of")

    PARTS = Parts(replica=_NoHearsay)
