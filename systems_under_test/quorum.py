"""How many nodes are enough: any two majorities of one cluster have a node in common."""


def majority(count: int) -> int:
    """The smallest number of `count` nodes that is more than half of them."""
    return count // 2 + 1
