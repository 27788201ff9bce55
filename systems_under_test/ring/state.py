"""What a node of the ring knows: its registers, its lives, and who owns what.

The journal is append-only and holds changes: `Lived`, `Promised` and `Held`. A record always stands
before the message that depends on it.
"""

from collections.abc import Iterable
from random import Random

from systems_under_test.node import Node, NodeId, Payload
from systems_under_test.ring.hashing import Members, equal_members, partition_of, placement
from systems_under_test.ring.messages import Copy, Held, Lived, Promised, Stamp


class State(Node):
    """The lowest layer of `Ring`."""

    REPLICAS = 3
    """N of the Dynamo paper: how many nodes hold a key, where there are as many."""

    def __init__(self, node_id: NodeId, peers: Iterable[NodeId], random: Random) -> None:
        super().__init__(node_id, peers, random)
        self.epoch = 1
        self.members: Members = equal_members((self.node_id, *self.peers))
        self.owners = placement(self.members, self.REPLICAS)
        self.copies: dict[str, Copy] = {}
        self.promises: dict[str, Stamp] = {}
        self.life = 0
        self.drawn = 0
        """The highest number of a stamp drawn or met in this life."""

    def on_start(self, stored: tuple[Payload, ...]) -> None:
        for record in stored:
            self.replay(record)
        # What an earlier life drew may still be on its way, and what it drew last may stand in no
        # journal. The life's number, durable before anything else, makes new stamps differ from it.
        self.life += 1
        self.persist(Lived(self.life))

    def replay(self, record: Payload) -> None:
        match record:
            case Lived(life):
                self.life = life
            case Promised(key, ballot):
                self.promises[key] = ballot
            case Held(key, copy):
                self.copies[key] = copy

    @property
    def name(self) -> str:
        """This life of this node, as it signs stamps."""
        return f"{self.node_id}.{self.life}"

    def draw(self, above: int) -> Stamp:
        """A stamp whose number is above that one, and that nobody has drawn or ever will."""
        self.drawn = max(self.drawn, above) + 1
        return (self.drawn, self.name)

    def replicas_of(self, key: str) -> tuple[NodeId, ...]:
        return self.owners[partition_of(key)]
