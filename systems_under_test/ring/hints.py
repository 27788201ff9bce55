"""Hinted handoff: what a replica missed is kept for it, and handed over when it is up again.

Dynamo paper, §4.6. As in Cassandra, the coordinator itself keeps the hint, in its journal. A hint
never counts as an answer of the replica that it is for: a quorum is one of the key's own replicas.
So to lose a hint costs time alone, until a read, a later write or anti-entropy brings the value.

To hand over is to repeat a `Put` that was sent before, which is always safe.
"""

from collections.abc import Iterable

from systems_under_test.node import NodeId, Payload
from systems_under_test.ring.base import RingNode
from systems_under_test.ring.epochs import Epochs
from systems_under_test.ring.gossip import Gossip
from systems_under_test.ring.messages import NOTHING, Answer, Copy, HandedOver, Hinted, Put
from systems_under_test.ring.stamps import Stamps


class Hints:
    """Keeps hints and delivers them."""

    def __init__(self, node: RingNode, stamps: Stamps, epochs: Epochs, gossip: Gossip) -> None:
        self.node = node
        self.stamps = stamps
        self.epochs = epochs
        self.gossip = gossip
        self.kept: dict[NodeId, dict[str, Copy]] = {peer: {} for peer in node.peers}
        self._handing: dict[int, tuple[NodeId, str, Copy]] = {}
        """Hints on their way, by the round of their `Put`."""

    def missed(self, put: Put, nodes: Iterable[NodeId]) -> None:
        """Those replicas did not answer, though the round was won."""
        for node in nodes:
            self.keep(node, put.key, put.copy)

    def keep(self, node: NodeId, key: str, copy: Copy) -> None:
        hints = self.kept.get(node)
        if hints is None or (len(hints) >= self.node.MAX_HINTS and key not in hints):
            return
        if copy.version > hints.get(key, NOTHING).version:
            hints[key] = copy
            self.node.persist(Hinted(node, key, copy))

    def beat(self) -> None:
        self._handing.clear()  # What was not answered from one beat to the next is sent again.
        for peer in self.node.peers:
            if self.kept[peer] and self.gossip.is_up(peer):
                self._hand_over(peer)

    def _hand_over(self, peer: NodeId) -> None:
        for key, copy in list(self.kept[peer].items())[: self.node.HANDED_AT_ONCE]:
            if peer not in self.epochs.replicas_of(key):
                self._forget(peer, key)
                continue
            number = self.stamps.count()
            self._handing[number] = (peer, key, copy)
            self.node.send(peer, Put(number, self.epochs.number, key, copy))

    def on_answer(self, answer: Answer) -> bool:
        """Whether it answers a hint. Taken or refused, that has done its duty: one that is refused
        was overtaken."""
        handed = self._handing.pop(answer.round, None)
        if handed is None:
            return False
        node, key, copy = handed
        if self.kept[node].get(key) is copy:
            self._forget(node, key)
        if self.kept[node] and not self._handing:
            self._hand_over(node)
        return True

    def _forget(self, node: NodeId, key: str) -> None:
        del self.kept[node][key]
        self.node.persist(HandedOver(node, key))

    # --- the journal ------------------------------------------------------------------------------

    def replay(self, record: Hinted | HandedOver) -> None:
        match record:
            case Hinted(node, key, copy):
                self.kept[node][key] = copy
            case HandedOver(node, key):
                self.kept[node].pop(key, None)

    def snapshot(self) -> list[Payload]:
        return [
            Hinted(node, key, copy)
            for node, hints in self.kept.items()
            for key, copy in hints.items()
        ]
