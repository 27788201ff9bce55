"""The safety properties of the ring's registers, watched over a whole cluster from outside.

    invariants = Invariants()
    invariants.check(live_nodes)      # after every event, or after every few

- **A version stands for one value**, whoever holds it (CASPaxos and ABD both rest on it).
- **What a node holds and promises only grows** within an epoch, through restarts too.
- **An epoch has one configuration**, and epochs only grow.

What was checked is remembered by the identity of the copy, so a call costs a comparison a key.

Limits: it sees what stands in the nodes when it is called. Whether answers are right is for the
checker to say.
"""

from collections.abc import Iterable

from systems_under_test.node import NodeId
from systems_under_test.ring.epochs import Epochs
from systems_under_test.ring.messages import ZERO, Configuration, Copy, Stamp


class Invariants:
    """The memory of one cluster's run."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, Stamp, Stamp], Copy] = {}
        self._held: dict[tuple[NodeId, str], Copy] = {}
        self._promised: dict[tuple[NodeId, str], Stamp] = {}
        self._configurations: dict[int, Configuration] = {}
        self._epochs: dict[NodeId, int] = {}

    def check(self, nodes: Iterable[Epochs]) -> None:
        """Raise `AssertionError` if the nodes that are now alive break a property."""
        for node in nodes:
            if node.epoch != self._epochs.get(node.node_id):
                self._check_epoch(node)
            for key, copy in node.copies.items():
                if self._held.get((node.node_id, key)) is not copy:
                    self._check_copy(node.node_id, key, copy)
            for key, promised in node.promises.items():
                before = self._promised.get((node.node_id, key), ZERO)
                assert promised >= before, (
                    f"{node.node_id} promised {before} for {key!r}, and now only {promised}"
                )
                self._promised[node.node_id, key] = promised

    def _check_epoch(self, node: Epochs) -> None:
        before = self._epochs.get(node.node_id, 0)
        assert node.epoch > before, f"{node.node_id} went from epoch {before} back to {node.epoch}"
        self._epochs[node.node_id] = node.epoch
        for configuration in node.configurations:
            first = self._configurations.setdefault(configuration.epoch, configuration)
            assert first == configuration, f"one epoch, two of them: {first} and {configuration}"
        # A node forgets what it has not owned for an epoch, and may learn less of it later.
        for memory in (self._held, self._promised):
            for known in [known for known in memory if known[0] == node.node_id]:
                del memory[known]

    def _check_copy(self, node: NodeId, key: str, copy: Copy) -> None:
        first = self._values.setdefault((key, copy.tag, copy.ballot), copy)
        assert first == copy, f"{key!r} has two values of one version: {first} and {copy}"
        before = self._held.get((node, key))
        assert before is None or copy.version >= before.version, (
            f"{node} held {before} of {key!r}, and now the older {copy}"
        )
        self._held[node, key] = copy
