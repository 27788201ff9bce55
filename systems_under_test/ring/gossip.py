"""Who is up: every node tells all others, ten times a second, that it lives.

Being believed dead costs a node nothing but work: others hold hints for it and coordinate in its
place. No answer to a client depends on it. Time is counted in the node's own beats, so a node that
was paused believes nobody dead when it goes on.
"""

from abc import abstractmethod

from systems_under_test.node import NodeId, Payload
from systems_under_test.ring.messages import Alive
from systems_under_test.ring.state import State

BEAT = "beat"


class Gossip(State):
    """Beats, and what they tell."""

    BEAT_NS = 100_000_000
    SILENT_BEATS = 4
    """A peer that was not heard for so long counts as down."""

    def set_up(self) -> None:
        super().set_up()
        self.beats = 0
        self.heard = dict.fromkeys(self.peers, 0)
        self.heard_by: dict[NodeId, tuple[NodeId, ...]] = {}
        """Whom each peer heard lately, as it told last."""

        self.settled: dict[NodeId, tuple[int, bool]] = {}
        """The epoch that each peer told last, and whether it had all its partitions then."""

    def on_start(self, stored: tuple[Payload, ...]) -> None:
        super().on_start(stored)
        self.set_timer(BEAT, self.BEAT_NS)

    def on_beat(self) -> None:
        """Layers above add what they do now and then."""
        self.beats += 1
        self.set_timer(BEAT, self.BEAT_NS)
        self.broadcast(self.alive())
        self.compact_if_long()

    @abstractmethod
    def alive(self) -> Alive:
        """What this node tells all others."""

    def hear(self, peer: NodeId) -> None:
        self.heard[peer] = self.beats

    def hears(self) -> tuple[NodeId, ...]:
        return tuple(peer for peer in self.peers if self.is_up(peer))

    def is_up(self, node: NodeId) -> bool:
        return node == self.node_id or self.beats - self.heard[node] <= self.SILENT_BEATS
