"""The safety properties of the ring's registers, watched over a whole cluster from outside.

    invariants = Invariants()
    invariants.check(live_nodes)      # after every event, or after every few

- **A version stands for one value**, whoever holds it (CASPaxos and ABD both rest on it).
- **What a node holds and promises only grows**, through restarts too.

What was checked is remembered by the identity of the copy, so a call costs a comparison a key.

Limits: it sees what stands in the nodes when it is called. Whether answers are right is for the
checker to say.
"""

from collections.abc import Iterable

from systems_under_test.node import NodeId
from systems_under_test.ring.messages import ZERO, Copy, Stamp
from systems_under_test.ring.state import State


class Invariants:
    """The memory of one cluster's run."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, Stamp, Stamp], Copy] = {}
        self._held: dict[tuple[NodeId, str], Copy] = {}
        self._promised: dict[tuple[NodeId, str], Stamp] = {}

    def check(self, nodes: Iterable[State]) -> None:
        """Raise `AssertionError` if the nodes that are now alive break a property."""
        for node in nodes:
            for key, copy in node.copies.items():
                if self._held.get((node.node_id, key)) is not copy:
                    self._check_copy(node.node_id, key, copy)
            for key, promised in node.promises.items():
                before = self._promised.get((node.node_id, key), ZERO)
                assert promised >= before, (
                    f"{node.node_id} promised {before} for {key!r}, and now only {promised}"
                )
                self._promised[node.node_id, key] = promised

    def _check_copy(self, node: NodeId, key: str, copy: Copy) -> None:
        first = self._values.setdefault((key, copy.tag, copy.ballot), copy)
        assert first == copy, f"{key!r} has two values of one version: {first} and {copy}"
        before = self._held.get((node, key))
        assert before is None or copy.version >= before.version, (
            f"{node} held {before} of {key!r}, and now the older {copy}"
        )
        self._held[node, key] = copy
