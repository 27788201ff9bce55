"""Which nodes a set of links is about."""

from collections import Counter
from collections.abc import Iterable

from systems_under_test.node import NodeId


def cover(links: Iterable[tuple[NodeId, NodeId]]) -> tuple[NodeId, ...]:
    """The fewest nodes, or nearly so, of which each link has one: those that a cut sets apart.

    Of two halves it is the smaller one; of a link between two, the one that sorts first.
    """
    left, found = set(links), []
    while left:
        ends = Counter(node for link in sorted(left) for node in link)
        most = max(ends.values())
        chosen = min(node for node, count in ends.items() if count == most)
        found.append(chosen)
        left = {link for link in left if chosen not in link}
    return tuple(sorted(found))
