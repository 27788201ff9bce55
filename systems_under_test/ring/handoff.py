"""Hinted handoff: what a replica missed is kept for it, and handed over when it is up again.

Dynamo paper, §4.6. As in Cassandra, the coordinator itself keeps the hint, in its journal. A hint
never counts as an answer of the replica that it is for: a quorum is one of the key's own replicas.
So to lose a hint costs time alone, until a read, a later write or anti-entropy brings the value.

To hand over is to repeat a `Put` that was sent before, which is always safe.
"""

from collections.abc import Iterable

from systems_under_test.node import NodeId, Payload
from systems_under_test.ring.messages import NOTHING, Answer, Copy, HandedOver, Hinted, Put
from systems_under_test.ring.rounds import Gathering, Rounds


class Handoff(Rounds):
    """Keeps hints and delivers them."""

    MAX_HINTS = 2_000
    """Of one node; what it misses beyond them anti-entropy brings."""

    HANDED_AT_ONCE = 200

    def set_up(self) -> None:
        super().set_up()
        self.hints: dict[NodeId, dict[str, Copy]] = {peer: {} for peer in self.peers}
        self.handing: dict[int, tuple[NodeId, str, Copy]] = {}
        """Hints on their way, by the round of their `Put`."""

    def replay(self, record: Payload) -> None:
        match record:
            case Hinted(node, key, copy):
                self.hints[node][key] = copy
            case HandedOver(node, key):
                self.hints[node].pop(key, None)
            case _:
                super().replay(record)

    def snapshot(self) -> list[Payload]:
        hinted = [
            Hinted(node, key, copy)
            for node, hints in self.hints.items()
            for key, copy in hints.items()
        ]
        return [*super().snapshot(), *hinted]

    def on_missed(self, gathering: Gathering, nodes: Iterable[NodeId]) -> None:
        """Those replicas did not answer, though the round was won."""
        if isinstance(gathering.ask, Put):
            for node in nodes:
                self.hint(node, gathering.ask.key, gathering.ask.copy)

    def hint(self, node: NodeId, key: str, copy: Copy) -> None:
        hints = self.hints.get(node)
        if hints is None or (len(hints) >= self.MAX_HINTS and key not in hints):
            return
        if copy.version > hints.get(key, NOTHING).version:
            hints[key] = copy
            self.persist(Hinted(node, key, copy))

    def on_beat(self) -> None:
        super().on_beat()
        self.handing.clear()  # What was not answered from one beat to the next is sent again.
        for peer in self.peers:
            if self.hints[peer] and self.is_up(peer):
                self.hand_over(peer)

    def hand_over(self, peer: NodeId) -> None:
        for key, copy in list(self.hints[peer].items())[: self.HANDED_AT_ONCE]:
            if peer not in self.replicas_of(key):
                self.forget(peer, key)
                continue
            number = self.count()
            self.handing[number] = (peer, key, copy)
            self.send(peer, Put(number, self.epoch, key, copy))

    def on_answer(self, replica: NodeId, answer: Answer) -> None:
        """Taken or refused, the hint has done its duty: one that is refused was overtaken."""
        handed = self.handing.pop(answer.round, None)
        if handed is None:
            super().on_answer(replica, answer)
            return
        node, key, copy = handed
        if self.hints[node].get(key) is copy:
            self.forget(node, key)
        if self.hints[node] and not self.handing:
            self.hand_over(node)

    def forget(self, node: NodeId, key: str) -> None:
        del self.hints[node][key]
        self.persist(HandedOver(node, key))
