"""The configurations of a search by levels: which are open at which level, and which cover others.

They are in the cache of `depth_memory`; what is kept of them beside stands here.
"""

from typing import Any, NamedTuple

from checker.linearizability.search.depth_loop import hash_of
from checker.linearizability.search.depth_memory import (
    CACHED,
    END,
    ENTRY,
    ENTRY_END,
    ENTRY_FREE,
    ENTRY_NEXT,
    ENTRY_STATE,
    ENTRY_SURE,
    ENTRY_USED,
    FREE,
    LOOKS,
    NOTHING,
    STATE,
    STEPS,
    SURE,
    USED,
    Depth,
)

# The scalars of a search by levels. `LAST` is the configuration from which the last end was passed.
LEVEL, PASSED, EXPANDED, BACK, WAITING, LAST, NOW = range(7)

# What is kept of a configuration beside its entry in the cache: what led to it and from where, the
# next one that is open with the same score, and what is to be done with it.
NODE_BY, NODE_FROM, NODE_LINK, NODE_SCORE, NODE_TODO, NODE = range(6)
GONE, RAW, READY = range(3)

SCORES = 64
"""How many scores there are; 0 is the best."""


class Levels(NamedTuple):
    """What the search keeps beside `Depth`, in whose cache all configurations are.

    - `now`: the scalars, by the names above;
    - `nodes`: for each entry of the cache a record of `NODE` fields;
    - `firsts`, `lasts`: of each level and score the open configurations, the one that was opened
      first and the one that was opened last;
    - `left`, `entered`: of each level how many are open, and how many were in all;
    - `loose`: at each end the bits of the operations that need not be told used from unused.
    """

    now: Any
    nodes: Any
    firsts: Any
    lasts: Any
    left: Any
    entered: Any
    loose: Any


def push(levels: Levels, end: int, node: int) -> None:
    """Open a configuration, behind those of the same score."""
    at = node * NODE
    place = end * SCORES + levels.nodes[at + NODE_SCORE]
    levels.nodes[at + NODE_LINK] = NOTHING
    if levels.firsts[place] < 0:
        levels.firsts[place] = node
    else:
        levels.nodes[levels.lasts[place] * NODE + NODE_LINK] = node
    levels.lasts[place] = node
    levels.left[end] += 1


def pop(levels: Levels, end: int) -> int:
    """Take the open configuration of a level whose score is best; -1 where there is none."""
    if not levels.left[end]:
        return -1
    place = end * SCORES
    while levels.firsts[place] < 0:
        place += 1
    node = levels.firsts[place]
    levels.firsts[place] = levels.nodes[node * NODE + NODE_LINK]
    levels.left[end] -= 1
    return int(node)


def join(memory: Depth, levels: Levels, entry: int) -> None:
    """Let the new configuration stand for that one too, of the same end and state, if it may.

    It may where one of them has used all that the other has, and more that is loose: what only one
    has used is free then.
    """
    reg, cache, at = memory.reg, memory.cache, entry * ENTRY
    both = reg[USED] & cache[at + ENTRY_USED]
    one, other = reg[USED] | reg[FREE], cache[at + ENTRY_USED] | cache[at + ENTRY_FREE]
    free = (one | other) & ~both
    may = reg[FREE] | cache[at + ENTRY_FREE] | levels.loose[reg[END]]
    if (one & other == one or one & other == other) and not free & ~may:
        reg[USED], reg[FREE] = both, free


def covered(memory: Depth, levels: Levels) -> bool:
    """Whether another configuration covers the new one; open ones that it covers are gone.

    Where operations are loose the new one may become one that covers others as well.
    """
    reg, cache, nodes = memory.reg, memory.cache, levels.nodes
    loose = levels.loose[reg[END]] != 0
    entry = memory.heads[hash_of(memory, reg[END], reg[STATE], reg[USED] & reg[SURE])]
    looked = 0
    while entry >= 0:
        looked += 1
        at = entry * ENTRY
        if cache[at + ENTRY_END] == reg[END] and cache[at + ENTRY_STATE] == reg[STATE]:
            if loose:
                join(memory, levels, entry)
            differ = reg[USED] ^ cache[at + ENTRY_USED]
            if not (reg[FREE] | differ) & ~cache[at + ENTRY_FREE]:
                reg[STEPS] += looked // LOOKS
                return True
            if not (cache[at + ENTRY_FREE] | differ) & ~reg[FREE]:
                nodes[entry * NODE + NODE_TODO] = GONE
        entry = cache[at + ENTRY_NEXT]
    reg[STEPS] += looked // LOOKS
    return False


def enter(memory: Depth, levels: Levels, by: int, source: int, score: int, todo: int) -> None:
    """Keep the new configuration, and open it."""
    reg, cache, nodes = memory.reg, memory.cache, levels.nodes
    node = reg[CACHED]
    sure = reg[USED] & reg[SURE]
    head = hash_of(memory, reg[END], reg[STATE], sure)
    at = node * ENTRY
    cache[at + ENTRY_END] = reg[END]
    cache[at + ENTRY_STATE] = reg[STATE]
    cache[at + ENTRY_USED] = reg[USED]
    cache[at + ENTRY_FREE] = reg[FREE]
    cache[at + ENTRY_SURE] = sure
    cache[at + ENTRY_NEXT] = memory.heads[head]
    memory.heads[head] = node
    reg[CACHED] += 1
    at = node * NODE
    nodes[at + NODE_BY] = by
    nodes[at + NODE_FROM] = source
    nodes[at + NODE_SCORE] = max(0, min(score, SCORES - 1))
    nodes[at + NODE_TODO] = todo
    levels.entered[reg[END]] += 1
    push(levels, reg[END], node)
