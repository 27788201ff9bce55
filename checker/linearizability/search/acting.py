"""What an operation does to a state, in compiled code: the steps of `sweep`.

An operation is a record: what it does, a value, an answer, and the number of all of these together,
its label. States are sequences (`sequences`), counts, or numbers of a model's own states, whose
steps stand in a hash table that the caller fills in as the sweep asks for them.
"""

from typing import Any, NamedTuple

from checker.linearizability.search.sequences import (
    EMPTY,
    HEAD,
    LAST,
    NODE,
    PARENT,
    child,
    holds,
    inserted,
    removed,
    without_first,
)

(
    PUT, TAKE_FIRST, TAKE_LAST, INSERT, TAKE_ANY, TAKE_LEAST, ADD, REMOVE, CONTAINS, READ, COUNT,
    TABLED,
) = range(12)  # fmt: skip
"""What operations do: put a value at the end of a sequence, take its first or its last one; put one
into a bag, take any or the least; add an element to a set, remove it, look for it; read everything;
add to a count; or what the table says."""

DOES, VALUE, ANSWER, LABEL, END, CRASHED, OBSERVES, ACTION = range(8)
"""The fields of an operation."""

ANY = -2
"""The answer of an operation that was never answered: it may have been any."""

IMPOSSIBLE = -4
"""The sequence that was read is none that the object can be."""

NO_STEP, ASKED = -1, -2
"""The operation cannot happen in that state; the table has no such step yet."""


class Acting(NamedTuple):
    """What steps are made with.

    `limits` are the lowest and the highest count, the number of the value null, and how many labels
    there are. `ranks` are the priorities of values. `items` hold the contents of each list that was
    read, which begin and end where `starts` says. `keys` and `afters` are the hash table of steps,
    `asked` the places in it that are to be filled in, after their number.
    """

    operations: Any
    limits: Any
    ranks: Any
    items: Any
    starts: Any
    nodes: Any
    places: Any
    count: Any
    spare: Any
    keys: Any
    afters: Any
    asked: Any


LOWEST, HIGHEST, NULL, LABELS, LIMITS = range(5)


def read_as(acting: Acting, content: int) -> int:
    """The sequence that a list is which was read."""
    if content < 0:
        return IMPOSSIBLE
    node = EMPTY
    for place in range(acting.starts[content], acting.starts[content + 1]):
        if acting.items[place] < 0:
            return IMPOSSIBLE
        node = child(acting.nodes, acting.places, acting.count, node, acting.items[place])
    return node


def tabled(acting: Acting, state: int, label: int) -> int:
    """The state after a step of a model's own, or `ASKED`."""
    keys, asked = acting.keys, acting.asked
    mask = len(keys) - 1
    key = state * acting.limits[LABELS] + label
    place = (key * 0x9E3779B1 >> 7) & mask
    while keys[place] >= 0:
        if keys[place] == key:
            return acting.afters[place]  # type: ignore[no-any-return]
        place = (place + 1) & mask
    if asked[0] + 1 < len(asked):
        keys[place] = key
        acting.afters[place] = ASKED
        asked[0] += 1
        asked[asked[0]] = place
    return ASKED


def keeps(acting: Acting, op: int, target: int, state: int) -> int:
    """Whether an operation is possible in a state and leaves it as it is, 1 or 0; or `ASKED`."""
    record = op * ACTION
    nodes, operations = acting.nodes, acting.operations
    does = operations[record + DOES]
    value = operations[record + VALUE]
    answer = operations[record + ANSWER]
    if does == TABLED:
        after = tabled(acting, state, operations[record + LABEL])
        return ASKED if after == ASKED else int(after == state)
    if does == COUNT:
        return int(value == 0 and answer in (ANY, state))
    if does == READ:
        return int(state == target)
    if does == ADD:
        return int(holds(nodes, state, value))
    if does == REMOVE:
        return int(not holds(nodes, state, value))
    if does == CONTAINS:
        return int(holds(nodes, state, value) == (answer == 1))
    if does in (TAKE_FIRST, TAKE_LAST, TAKE_ANY, TAKE_LEAST):
        return int(state == EMPTY and answer in (ANY, acting.limits[NULL]))
    return 0


def step(acting: Acting, op: int, state: int, choice: int) -> int:
    """The state after an operation that changes it; `NO_STEP` where it cannot, `ASKED`, or `FULL`.

    Of what an operation that was never answered may have done, `choice` names one, from 0.
    """
    record = op * ACTION
    nodes, places, count, spare = acting.nodes, acting.places, acting.count, acting.spare
    operations = acting.operations
    does = operations[record + DOES]
    value = operations[record + VALUE]
    answer = operations[record + ANSWER]
    after = NO_STEP
    if does == TABLED:
        after = tabled(acting, state, operations[record + LABEL])
    elif does == COUNT:
        reached = state + value
        known = answer in (ANY, reached)
        if known and acting.limits[LOWEST] <= reached <= acting.limits[HIGHEST]:
            after = reached
    elif does == PUT:
        after = child(nodes, places, count, state, value)
    elif does in (INSERT, ADD):
        if does == INSERT or not holds(nodes, state, value):
            after = inserted(nodes, places, count, spare, state, value)
    elif state != EMPTY:
        if does == TAKE_FIRST:
            if answer in (ANY, nodes[NODE * state + HEAD]):
                after = without_first(nodes, places, count, state)
        elif does == TAKE_LAST:
            if answer in (ANY, nodes[NODE * state + LAST]):
                after = nodes[NODE * state + PARENT]
        elif does in (TAKE_ANY, TAKE_LEAST, REMOVE):
            taken = value
            if does != REMOVE:
                taken = chosen(acting, state, choice) if answer == ANY else answer
            least = acting.ranks[nodes[NODE * state + HEAD]] if does == TAKE_LEAST else 0
            if does == TAKE_LEAST and taken >= 0 and acting.ranks[taken] != least:
                taken = NO_STEP
            if taken >= 0 and holds(nodes, state, taken):
                after = removed(nodes, places, count, spare, state, taken)
    return NO_STEP if after == state else after


def chosen(acting: Acting, state: int, choice: int) -> int:
    """The value of that number, from the greatest on, of the different ones in a sorted sequence;
    `NO_STEP` where there are no more."""
    nodes = acting.nodes
    while True:
        while state != EMPTY and (
            nodes[NODE * nodes[NODE * state + PARENT] + LAST] == nodes[NODE * state + LAST]
        ):
            state = nodes[NODE * state + PARENT]
        if state == EMPTY:
            return NO_STEP
        if choice == 0:
            return nodes[NODE * state + LAST]  # type: ignore[no-any-return]
        choice -= 1
        state = nodes[NODE * state + PARENT]


def choices(acting: Acting, op: int, state: int) -> int:
    """How many `choice`s an operation has; some may be no step."""
    record = op * ACTION
    does = acting.operations[record + DOES]
    if acting.operations[record + ANSWER] != ANY or does not in (TAKE_ANY, TAKE_LEAST):
        return 1
    number = 0
    while chosen(acting, state, number) >= 0:
        number += 1
    return number
