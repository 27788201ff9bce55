"""Stamps: what orders the values of a key, and numbers of rounds; no two draws are ever alike.

What an earlier life of a node drew may still be on its way, and what it drew last may stand in no
journal. So each life has a number, durable before the node does anything else, and signs with it.
"""

from systems_under_test.ring.base import RingNode
from systems_under_test.ring.messages import Lived, Stamp


class Stamps:
    """What one life of a node draws."""

    def __init__(self, node: RingNode) -> None:
        self.node = node
        self.life = 0
        self.name = ""
        """This life of this node, as it signs stamps: "n1.4"."""

        self.drawn = 0
        """The highest number of a stamp drawn or met in this life."""

        self.counted = 0

    def begin_life(self) -> None:
        self.life += 1
        self.name = f"{self.node.node_id}.{self.life}"
        self.node.persist(Lived(self.life))

    def draw(self, above: int) -> Stamp:
        """A stamp whose number is above that one, and that nobody has drawn or ever will."""
        self.drawn = max(self.drawn, above) + 1
        return (self.drawn, self.name)

    def draw_time(self) -> Stamp:
        """A stamp whose number is the node's time of day, or just above that of the last one."""
        self.drawn = max(self.drawn + 1, self.node.now_ns)
        return (self.drawn, self.name)

    def count(self) -> int:
        """A number that this node never gave out before, in this life or an earlier one.

        A late answer to an earlier life is not taken for one to this life.
        """
        self.counted += 1
        return self.life << 32 | self.counted
