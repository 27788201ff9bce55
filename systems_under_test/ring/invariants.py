"""The safety properties of the ring, watched over a whole cluster from outside.

    invariants = Invariants()
    invariants.check(live_nodes)      # after every event, or after every few

- **A version stands for one value**, whichever node holds it: ABD and CASPaxos both rest on it.
- **What a node holds and promises only grows**, within one life and one epoch.
- **An epoch has one set of members**, and the epochs of a node only grow.
- **The fence between epochs**: a replica that has adopted an epoch answers no question that was
  asked in an earlier one afterwards (`epochs.py`).
- **A new owner is silent until its transfer ended**: nobody answers for a shard that it awaits
  (`transfer.py`).
- **Hearsay is no vote**: what a replica knows of a change by transfer alone does not count as taken
  by it (`transfer.py`).

What was checked is remembered by the identity of the copy, so a call costs a comparison a key.

Limits: it sees what stands in the nodes when it is called, durable or not. What a crash took with
it may be missing afterwards, so nothing is compared across lives but the values of versions, which
no two lives share. A round that was begun and ended between two calls goes unseen. Whether answers
are right is for the checker to say.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from systems_under_test.node import NodeId
from systems_under_test.ring.messages import NOTHING, ZERO, Ask, Copy, Epoch, Holds, Stamp
from systems_under_test.ring.rounds import Gathering

if TYPE_CHECKING:
    from systems_under_test.ring.node import Ring


@dataclass(slots=True)
class _Seen:
    """What was seen last of one life of a node, in one epoch."""

    node: "Ring"
    epoch: int
    held: dict[str, Copy] = field(default_factory=dict)
    promised: dict[str, Stamp] = field(default_factory=dict)
    left: dict[int, Mapping[NodeId, int]] = field(default_factory=dict)
    """For each earlier epoch, the last number that each coordinator had counted (for a round or an
    operation) when this life of the node left it."""


class Invariants:
    """The memory of one cluster's run."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, Stamp, Stamp], Copy] = {}
        self._seen: dict[NodeId, _Seen] = {}

    def check(self, nodes: "Iterable[Ring]", changed: "Ring | None" = None) -> None:
        """Raise `AssertionError` if the nodes that are now alive break a property.

        Where only one of them has `changed` since the last call, it alone is looked at again.
        """
        nodes = tuple(nodes)
        for node in nodes if changed is None else (changed,):
            seen = self._seen.get(node.node_id)
            if seen is None or seen.node is not node or seen.epoch != node.epochs.number:
                seen = self._seen[node.node_id] = self._entered(node, seen, nodes)
                self._check_epochs(nodes)
            self._check_registers(node, seen)
            for gathering in (*node.rounds.gatherings.values(), *node.rounds.won.values()):
                self._check_answers(node, gathering, nodes)

    def _entered(self, node: "Ring", before: _Seen | None, nodes: "tuple[Ring, ...]") -> _Seen:
        """A life or an epoch of a node begins."""
        seen = _Seen(node, node.epochs.number)
        if before is not None and before.node is node:
            assert node.epochs.number > before.epoch, (
                f"{node.node_id} went back to {node.epochs.number}"
            )
            seen.left |= before.left
        # An earlier life may have adopted what no disk kept; this one knows its epoch for certain.
        counted = {other.node_id: other.stamps.life << 32 | other.stamps.counted for other in nodes}
        for epoch in range(1, node.epochs.number):
            seen.left.setdefault(epoch, counted)
        return seen

    def _check_registers(self, node: "Ring", seen: _Seen) -> None:
        for key, copy in node.registers.copies.items():
            before = seen.held.get(key, NOTHING)
            if copy is before:
                continue
            first = self._values.setdefault((key, *copy.version), copy)
            assert first == copy, f"{key!r} has two values of one version: {first} and {copy}"
            assert copy.version >= before.version, (
                f"{node.node_id} held {before} of {key!r}, and now the older {copy}"
            )
            seen.held[key] = copy
        for key, promised in node.registers.promises.items():
            before_promised = seen.promised.get(key, ZERO)
            assert promised >= before_promised, (
                f"{node.node_id} promised {before_promised} for {key!r}, and now only {promised}"
            )
            seen.promised[key] = promised

    def _check_epochs(self, nodes: "tuple[Ring, ...]") -> None:
        decided: dict[int, Epoch] = {}
        for node in nodes:
            for epoch in node.epochs.known:
                first = decided.setdefault(epoch.number, epoch)
                assert first == epoch, f"two epochs of one number: {first} and {epoch}"

    def _check_answers(
        self, coordinator: "Ring", gathering: Gathering, nodes: "tuple[Ring, ...]"
    ) -> None:
        """Look at the answers that a round has got. What it knew beforehand is of another round."""
        ask = gathering.ask
        for node in nodes:
            answer = gathering.answers.get(node.node_id)
            if answer is None or node.node_id in gathering.step.known:
                continue
            counted = self._seen[node.node_id].left.get(ask.epoch)
            assert counted is None or ask.round <= counted.get(coordinator.node_id, 0), (
                f"{node.node_id} had left epoch {ask.epoch} when {coordinator.node_id} asked "
                f"{ask}, and answered"
            )
            assert not is_early(ask, node), (
                f"{node.node_id} answered {ask} of {coordinator.node_id}, and still awaits the "
                "shard of that key"
            )
            assert not is_hearsay(answer, ask, node), (
                f"{coordinator.node_id} counts {node.node_id} among those that took {answer.copy} "
                f"of {ask.key!r}, which it only heard of"
            )


def is_early(ask: Ask, node: "Ring") -> bool:
    """Whether a node that answered still awaits what it answered for.

    Within an epoch shards only leave those awaited, and no later life awaits one again, since
    it is on disk that a transfer ended before anything is answered: so it was awaited then, too.
    """
    return node.epochs.number == ask.epoch and node.epochs.awaits(ask.key)


def is_hearsay(answer: Holds, ask: Ask, node: "Ring") -> bool:
    """Whether an answer passes off as taken what the node only heard of.

    Within one life and one epoch a copy that was taken does not become hearsay, and what a replica
    has told stood on its disk: so one that holds that version by hearsay now had never taken it.
    """
    return (
        not answer.hearsay
        and answer.copy.ballot != ZERO
        and node.epochs.number == ask.epoch
        and ask.key in node.registers.hearsay
        and node.registers.copy_of(ask.key).version == answer.copy.version
    )
