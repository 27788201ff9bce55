"""Consistent hashing: where a key lives.

After Karger et al., "Consistent Hashing and Random Trees" (1997), with the virtual nodes of the
Dynamo paper (DeCandia et al., 2007, §4.2). A node stands at many points of a circle, the more the
greater its capacity; a key belongs to the nodes met first when one walks on from its own point.
When a node joins or leaves, only the stretches next to its points change hands.

As in the third strategy of the Dynamo paper (§6.2), the circle is cut into `SHARDS` stretches of
equal length, and each is placed as a whole, by its first point. Such a stretch is a shard (the
paper says partition): it is what is transferred, compared and counted, and a key's replica set is
one look into a table.

Points are BLAKE2b digests, since Python's own hash differs from process to process.
"""

from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import TypeAlias

from systems_under_test.node import NodeId

Members: TypeAlias = tuple[tuple[NodeId, float], ...]
"""The members of a cluster with the capacity of each, in order of their names."""

SHARDS = 1024
VNODES = 128
"""Points on the circle of a node of capacity 1."""

_CIRCLE = 2**64


def point(text: str) -> int:
    """The place of a text on the circle: the same in every process, for ever."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


@lru_cache(maxsize=1 << 16)
def shard_of(key: str) -> int:
    return point(key) * SHARDS // _CIRCLE


class HashRing:
    """The circle with the points of its nodes."""

    def __init__(self, members: Members, vnodes: int = VNODES) -> None:
        """Every node has at least one point, however small its capacity."""
        points = sorted(
            (point(f"{node}#{number}"), node)
            for node, capacity in members
            for number in range(max(1, round(vnodes * capacity)))
        )
        self._points = [place for place, _ in points]
        self._nodes = [node for _, node in points]
        self._count = len(members)

    def replica_set(self, place: int, count: int) -> tuple[NodeId, ...]:
        """The first `count` distinct nodes from that point on; all where there are no more."""
        found: dict[NodeId, None] = {}
        index = bisect_left(self._points, place)
        while len(found) < min(count, self._count):
            found[self._nodes[index % len(self._nodes)]] = None
            index += 1
        return tuple(found)


@lru_cache(maxsize=64)
def placement(members: Members, count: int) -> tuple[tuple[NodeId, ...], ...]:
    """The replica set of every shard, `count` nodes each, in ring order."""
    ring = HashRing(members)
    return tuple(ring.replica_set(number * _CIRCLE // SHARDS, count) for number in range(SHARDS))


@lru_cache(maxsize=256)
def shared_shards(members: Members, count: int, one: NodeId, other: NodeId) -> frozenset[int]:
    """The shards that both nodes own."""
    owners = placement(members, count)
    return frozenset(number for number in range(SHARDS) if {one, other} <= set(owners[number]))


def equal_members(nodes: Iterable[NodeId]) -> Members:
    """Members that all have capacity 1."""
    return tuple((node, 1.0) for node in sorted(nodes))
