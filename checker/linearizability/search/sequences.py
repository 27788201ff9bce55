"""The states of queues, stacks, lists, bags and sets as numbers, so that compiled code can step.

A state is a sequence of values, and a sequence is a node of a tree: its parent is the sequence
without the last value. A pair of a node and a value has one child at most, so equal sequences are
equal numbers. Bags and sets are kept sorted by value. `nodes` holds records of a parent, the last
value, the first one, and the sequence without its first value (`UNKNOWN` until it is asked for).
`places` is a hash table of nodes by parent and value, `count` how many nodes there are.

Where there is no room for another node, `FULL` is the answer.
"""

from typing import Any

PARENT, LAST, HEAD, TAIL, NODE = range(5)

EMPTY = 0
"""The empty sequence, which is its own parent."""

NO_VALUE = -1
UNKNOWN, FULL, NO_NODE = -1, -3, -1


def clear(nodes: Any, places: Any, count: Any) -> None:
    """Forget all sequences but the empty one."""
    mask = len(places) - 1
    for node in range(1, count[0]):
        place = _hash(nodes[NODE * node + PARENT], nodes[NODE * node + LAST]) & mask
        while places[place] != NO_NODE:
            places[place] = NO_NODE
            place = (place + 1) & mask
    nodes[PARENT] = EMPTY
    nodes[LAST] = NO_VALUE
    nodes[HEAD] = NO_VALUE
    nodes[TAIL] = EMPTY
    count[0] = 1


def _hash(parent: int, value: int) -> int:
    mixed = (parent * 1_000_003 + value) * 0x9E3779B1
    return mixed ^ (mixed >> 17)


def child(nodes: Any, places: Any, count: Any, parent: int, value: int) -> int:
    """The sequence with one more value at its end."""
    if parent == FULL:
        return FULL
    mask = len(places) - 1
    place = _hash(parent, value) & mask
    while places[place] != NO_NODE:
        node = places[place]
        if nodes[NODE * node + PARENT] == parent and nodes[NODE * node + LAST] == value:
            return node  # type: ignore[no-any-return]
        place = (place + 1) & mask
    node = count[0]
    if NODE * (node + 1) > len(nodes):
        return FULL
    count[0] = node + 1
    places[place] = node
    nodes[NODE * node + PARENT] = parent
    nodes[NODE * node + LAST] = value
    nodes[NODE * node + HEAD] = value if parent == EMPTY else nodes[NODE * parent + HEAD]
    nodes[NODE * node + TAIL] = UNKNOWN
    return node  # type: ignore[no-any-return]


def without_first(nodes: Any, places: Any, count: Any, node: int) -> int:
    """The sequence without its first value."""
    while nodes[NODE * node + TAIL] == UNKNOWN:
        top = node
        while nodes[NODE * nodes[NODE * top + PARENT] + TAIL] == UNKNOWN:
            top = nodes[NODE * top + PARENT]
        parent = nodes[NODE * top + PARENT]
        tail = EMPTY
        if parent != EMPTY:
            before, value = nodes[NODE * parent + TAIL], nodes[NODE * top + LAST]
            tail = child(nodes, places, count, before, value)
        if tail == FULL:
            return FULL
        nodes[NODE * top + TAIL] = tail
    return nodes[NODE * node + TAIL]  # type: ignore[no-any-return]


def holds(nodes: Any, node: int, value: int) -> bool:
    """Whether a sorted sequence holds a value."""
    while nodes[NODE * node + LAST] > value:
        node = nodes[NODE * node + PARENT]
    return nodes[NODE * node + LAST] == value  # type: ignore[no-any-return]


def inserted(nodes: Any, places: Any, count: Any, spare: Any, node: int, value: int) -> int:
    """The sorted sequence with one more value; `spare` has room for all that are greater."""
    moved = 0
    while nodes[NODE * node + LAST] > value:
        if moved == len(spare):
            return FULL
        spare[moved] = nodes[NODE * node + LAST]
        moved += 1
        node = nodes[NODE * node + PARENT]
    node = child(nodes, places, count, node, value)
    while moved:
        moved -= 1
        node = child(nodes, places, count, node, spare[moved])
    return node


def removed(nodes: Any, places: Any, count: Any, spare: Any, node: int, value: int) -> int:
    """The sorted sequence without one of a value that it holds."""
    moved = 0
    while nodes[NODE * node + LAST] != value:
        if moved == len(spare):
            return FULL
        spare[moved] = nodes[NODE * node + LAST]
        moved += 1
        node = nodes[NODE * node + PARENT]
    node = nodes[NODE * node + PARENT]
    while moved:
        moved -= 1
        node = child(nodes, places, count, node, spare[moved])
    return node
