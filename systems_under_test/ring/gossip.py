"""Who is up, and in which epoch: every node tells all others, ten times a second, that it lives.

Being believed dead costs a node nothing but work: others hold hints for it and coordinate in its
place. No answer to a client depends on it. Time is counted in the node's own beats, so a node that
was paused believes nobody dead when it goes on.

A node that is behind learns of the epochs that it has missed from any node that it meets.
"""

from systems_under_test.node import NodeId
from systems_under_test.quorum import majority
from systems_under_test.ring.base import RingNode
from systems_under_test.ring.epochs import Epochs
from systems_under_test.ring.messages import Alive, Announce

BEAT = "beat"


class Gossip:
    """Beats, and what they say."""

    def __init__(self, node: RingNode, epochs: Epochs) -> None:
        self.node = node
        self.epochs = epochs
        self.beats = 0
        self.heard = dict.fromkeys(node.peers, 0)
        self.heard_by: dict[NodeId, tuple[NodeId, ...]] = {}
        """Whom each peer heard lately, as it said last."""

        self.settled: dict[NodeId, tuple[int, bool]] = {}
        """The epoch of each peer's last beat, and whether it had all its shards then."""

    def beat(self) -> None:
        self.beats += 1
        self.node.set_timer(BEAT, self.node.BEAT_NS)
        self.node.broadcast(self.alive())

    def alive(self) -> Alive:
        hears = tuple(peer for peer in self.node.peers if self.is_up(peer))
        return Alive(self.epochs.number, not self.epochs.awaited, hears)

    def hear(self, peer: NodeId) -> None:
        self.heard[peer] = self.beats

    def on_alive(self, peer: NodeId, alive: Alive) -> None:
        self.heard_by[peer] = alive.hears
        self.settled[peer] = (alive.epoch, alive.settled)
        if alive.epoch < self.epochs.number:
            self.announce(peer, alive.epoch)

    def is_up(self, node: NodeId) -> bool:
        silent = self.beats - self.heard[node] if node != self.node.node_id else 0
        return silent <= self.node.SILENT_BEATS

    def can_serve(self, node: NodeId, replicas: tuple[NodeId, ...]) -> bool:
        """Whether a node seems to reach a majority: a link may be cut in one direction only."""
        heard = self.heard_by.get(node, replicas)
        count = sum(replica == node or replica in heard for replica in replicas)
        return node == self.node.node_id or (self.is_up(node) and count >= majority(len(replicas)))

    def is_of_this_epoch(self, peer: NodeId, epoch: int) -> bool:
        """Whether a question belongs to this epoch; a peer that is behind is brought up to it."""
        if epoch < self.epochs.number:
            self.announce(peer, epoch)
        elif epoch > self.epochs.number:
            self.node.send(peer, self.alive())  # It will tell us.
        return epoch == self.epochs.number

    def announce(self, peer: NodeId, known: int) -> None:
        """Tell a peer all epochs after the one that it knows."""
        self.node.send(peer, Announce(self.epochs.known[known:]))
