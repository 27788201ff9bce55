"""The safety properties of the ring, watched over a whole cluster from outside.

    invariants = Invariants()
    invariants.check(live_nodes)      # after every event, or after every few

- **A version stands for one value**, whoever holds it: ABD and CASPaxos both rest on it.
- **What a node holds and promises only grows**, within one life and one epoch.
- **An epoch has one configuration**, and the epochs of a node only grow.

What was checked is remembered by the identity of the copy, so a call costs a comparison a key.

Limits: it sees what stands in the nodes when it is called, durable or not. What a crash took with
it may be missing afterwards, so nothing is compared across lives but the values of versions, which
no two lives share. Whether answers are right is for the checker to say.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from systems_under_test.node import NodeId
from systems_under_test.ring.epochs import Epochs
from systems_under_test.ring.messages import NOTHING, ZERO, Configuration, Copy, Stamp


@dataclass(slots=True)
class _Seen:
    """What was seen last of one life of a node, in one epoch."""

    node: Epochs
    epoch: int
    held: dict[str, Copy] = field(default_factory=dict)
    promised: dict[str, Stamp] = field(default_factory=dict)


class Invariants:
    """The memory of one cluster's run."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, Stamp, Stamp], Copy] = {}
        self._seen: dict[NodeId, _Seen] = {}

    def check(self, nodes: Iterable[Epochs], changed: Epochs | None = None) -> None:
        """Raise `AssertionError` if the nodes that are now alive break a property.

        Where only one of them has `changed` since the last call, it alone is looked at anew.
        """
        nodes = tuple(nodes)
        for node in nodes if changed is None else (changed,):
            seen = self._seen.get(node.node_id)
            if seen is None or seen.node is not node or seen.epoch != node.epoch:
                if seen is not None and seen.node is node:
                    assert node.epoch > seen.epoch, f"{node.node_id} went back to {node.epoch}"
                seen = self._seen[node.node_id] = _Seen(node, node.epoch)
                self._check_configurations(nodes)
            self._check_registers(node, seen)

    def _check_registers(self, node: Epochs, seen: _Seen) -> None:
        for key, copy in node.copies.items():
            before = seen.held.get(key, NOTHING)
            if copy is before:
                continue
            first = self._values.setdefault((key, *copy.version), copy)
            assert first == copy, f"{key!r} has two values of one version: {first} and {copy}"
            assert copy.version >= before.version, (
                f"{node.node_id} held {before} of {key!r}, and now the older {copy}"
            )
            seen.held[key] = copy
        for key, promised in node.promises.items():
            before_promised = seen.promised.get(key, ZERO)
            assert promised >= before_promised, (
                f"{node.node_id} promised {before_promised} for {key!r}, and now only {promised}"
            )
            seen.promised[key] = promised

    def _check_configurations(self, nodes: tuple[Epochs, ...]) -> None:
        decided: dict[int, Configuration] = {}
        for node in nodes:
            for configuration in node.configurations:
                first = decided.setdefault(configuration.epoch, configuration)
                assert first == configuration, f"two for one epoch: {first} and {configuration}"
