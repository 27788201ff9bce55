"""The ring, broken on purpose: each class breaks one sentence of a paper, and tests must notice.

A flaw is one or two overridden methods; the protocol itself has no switches. Each docstring names
the sentence and the anomaly that follows.
"""

from systems_under_test.node import Json, NodeId
from systems_under_test.ring.dynamo import Level
from systems_under_test.ring.hashing import partition_of, placement
from systems_under_test.ring.messages import Ask, Copy, Put, Query, Taken
from systems_under_test.ring.node import Ring
from systems_under_test.ring.rounds import Copies, Gathering, Operation, Steps


class RingSmallQuorums(Ring):
    """R + W <= N: a query asks one replica alone.

    Breaks "setting R and W such that R + W > N yields a quorum-like system" (Dynamo §4.5). Anomaly:
    stale reads, from a replica that the last write did not reach; and writes that draw too low a
    tag and are lost.
    """

    def quorum(self, ask: Ask, replicas: int) -> int:
        return 1 if isinstance(ask, Query) else super().quorum(ask, replicas)


class RingNoWriteBack(Ring):
    """A read returns the newest value it found, and leaves it where it is.

    Breaks "a read operation then propagates the value it is about to return" (ABD: the reader's
    second phase). Anomaly: two reads, one after the other, see a write and then not.
    """

    def settle(self, key: str, newest: Copy, copies: Copies) -> Steps:
        return
        yield


class RingSkewedClock(Ring):
    """A write's tag is the coordinator's time of day: the last write wins, by the clocks.

    Breaks "the writer picks a tag higher than any it found" (Lynch and Shvartsman, the query phase
    of writes). Anomaly: where clocks disagree, an acknowledged write is lost at once to an older
    one, and later reads return the older one.
    """

    def write(self, operation: Operation, key: str, value: Json) -> Steps:
        return self.weak_write(operation, key, value, Level.QUORUM)


class RingSloppyQuorum(Ring):
    """A key's replicas are the first N nodes that are up, and a majority of these is a quorum.

    Breaks the meaning of a quorum: "all read and write operations are performed on the first N
    healthy nodes" (Dynamo §4.6) keeps writes going, but two nodes that believe others to be up ask
    different nodes, and their quorums need not meet. Anomaly: stale reads after a partition.
    """

    def replicas_of(self, key: str) -> tuple[NodeId, ...]:
        walk = placement(self.members, len(self.members))[partition_of(key)]
        healthy = [node for node in walk if self.is_up(node)]
        return tuple([*healthy, *(node for node in walk if node not in healthy)][: self.REPLICAS])


class RingLostHint(Ring):
    """A hint counts as the answer of the replica that it is kept for, and is then forgotten.

    Breaks "nodes that receive hinted replicas will keep them in a separate local database" (Dynamo
    §4.6). Anomaly: an acknowledged write that a minority holds, and that nobody will hand over.
    """

    def send_asks(self, gathering: Gathering) -> None:
        super().send_asks(gathering)
        if isinstance(gathering.ask, Put):
            for node in gathering.silent():
                if not self.is_up(node):
                    self.on_answer(node, Taken(gathering.ask.round))

    def hint(self, node: NodeId, key: str, copy: Copy) -> None:
        """Forgotten."""
