"""Who is up: every node tells all others, ten times a second, that it lives.

Being believed dead costs a node nothing but work: others hold hints for it and coordinate in its
place. No answer to a client depends on it. Time is counted in the node's own beats, so a node that
was paused believes nobody dead when it goes on.
"""

from collections.abc import Iterable
from random import Random

from systems_under_test.node import NodeId, Payload
from systems_under_test.ring.messages import Alive
from systems_under_test.ring.state import State

BEAT = "beat"


class Gossip(State):
    """Beats, and what they tell."""

    BEAT_NS = 100_000_000
    SILENT_BEATS = 4
    """A peer that was not heard for so long counts as down."""

    def __init__(self, node_id: NodeId, peers: Iterable[NodeId], random: Random) -> None:
        super().__init__(node_id, peers, random)
        self.beats = 0
        self.heard = dict.fromkeys(self.peers, 0)

    def on_start(self, stored: tuple[Payload, ...]) -> None:
        super().on_start(stored)
        self.set_timer(BEAT, self.BEAT_NS)

    def on_beat(self) -> None:
        """Layers above add what they do now and then."""
        self.beats += 1
        self.set_timer(BEAT, self.BEAT_NS)
        self.broadcast(Alive(self.epoch))

    def hear(self, peer: NodeId) -> None:
        self.heard[peer] = self.beats

    def is_up(self, node: NodeId) -> bool:
        return node == self.node_id or self.beats - self.heard[node] <= self.SILENT_BEATS

    def coordinator_of(self, key: str) -> NodeId:
        """The first replica of the key that is up; this node where none seems to be."""
        return next((node for node in self.replicas_of(key) if self.is_up(node)), self.node_id)
