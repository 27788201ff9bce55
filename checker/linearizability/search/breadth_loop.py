"""The search by levels: the configurations of all ends side by side, the most promising first.

A *level* holds the configurations that are open before one end, those of `depth` with its rules. As
in a beam search some `WIDTH` of them go on to the next level. The others stay open, and where no
way leads on the search goes back to them: so it is complete, as beam-stack search is (Zhou and
Hansen, 2005). An order exists if the last level is passed, and none if no configuration is open.

Promising is a configuration in whose state few of the pending operations are impossible, and which
has used few of them so far: it is the least committed.

A configuration is dropped where another of the same level and state covers it, which was there
before or is still open: whatever the dropped one leads to, that one leads to as well. No other is.

Some operations may be *loose*. Where one of two configurations of one state has used all that the
other has, and more that is loose, they are joined: what only one has used counts as used when it
must be, and may be used all the same. Then there are more orders than there are, and only that
there is none says something. But of each state few configurations are left; there is else one for
each set of operations that leads there.
"""

from checker.linearizability.search.breadth_memory import (
    BACK,
    EXPANDED,
    GONE,
    LAST,
    LEVEL,
    NODE,
    NODE_BY,
    NODE_FROM,
    NODE_LINK,
    NODE_SCORE,
    NODE_TODO,
    PASSED,
    RAW,
    READY,
    SCORES,
    WAITING,
    Levels,
    covered,
    enter,
    pop,
    push,
)
from checker.linearizability.search.depth_loop import settle
from checker.linearizability.search.depth_memory import (
    ANSWER,
    ASK,
    ASKED,
    ASKED_LABEL,
    ASKED_STATE,
    CACHED,
    END,
    ENTRY,
    ENTRY_END,
    ENTRY_FREE,
    ENTRY_STATE,
    ENTRY_USED,
    FARTHEST,
    FRAME,
    FRAME_BY,
    FRAME_END,
    FRAME_FREE,
    FRAME_STATE,
    FRAME_USED,
    FRAMES,
    FREE,
    KNOWN,
    NOTHING,
    PASS,
    STATE,
    STEPS,
    SURE,
    USED,
    Depth,
    known_step,
    learn,
)
from checker.linearizability.search.window import (
    BITS,
    FINISHED,
    FULL,
    NO_STEP,
    PAUSED,
    STUCK,
    UNKNOWN_STEP,
    UNTABLED,
)

WIDTH = 32
"""How many configurations go on to the next level in one go."""

PATIENCE = 32
"""How many configurations of a level are gone on from, for each that could go on to the next."""

FARTHEST_BACK = 12
"""How many times the way back, and the width, may double at dead ends."""

MOST_AFTER = BITS + 2
"""How many configurations may come of one."""


def surely(memory: Depth, levels: Levels, end: int) -> int:
    """The bits of the operations before that end which are never free, as far as is known."""
    sure = 0
    for place in range(memory.window_at[end], memory.window_at[end + 1]):
        op = memory.window[place]
        label = memory.labels[op]
        if memory.idle[label] >= 0 or memory.observes[label]:
            sure |= memory.bits[op]
    return int(sure & ~memory.born_free[end] & ~levels.loose[end])


def score_of(memory: Depth, levels: Levels) -> int:
    """How little the new configuration promises, all of whose steps are known.

    Where operations are loose it promises the more, the more of these are used: it covers more.
    """
    reg, bits, labels = memory.reg, memory.bits, memory.labels
    done = reg[USED] | reg[FREE]
    score = 0
    for place in range(memory.window_at[reg[END]], memory.window_at[reg[END] + 1]):
        op = memory.window[place]
        if levels.loose[reg[END]] & bits[op]:
            score += (done & bits[op]) == 0
        elif done & bits[op]:
            score += 1
        elif known_step(memory, reg[STATE], labels[op]) == NO_STEP:
            score += 2
    return score


def prepare(memory: Depth, levels: Levels, node: int) -> None:
    """Settle a configuration and open it again by its true score, or let it wait for steps."""
    reg, cache, nodes, now = memory.reg, memory.cache, levels.nodes, levels.now
    entry, at = node * ENTRY, node * NODE
    reg[END], reg[STATE] = cache[entry + ENTRY_END], cache[entry + ENTRY_STATE]
    reg[USED], reg[FREE] = cache[entry + ENTRY_USED], cache[entry + ENTRY_FREE]
    known = True
    for place in range(memory.window_at[reg[END]], memory.window_at[reg[END] + 1]):
        op = memory.window[place]
        if not reg[USED] & memory.bits[op]:
            known &= known_step(memory, reg[STATE], memory.labels[op]) != UNKNOWN_STEP
    if not known:
        nodes[at + NODE_LINK] = now[WAITING]
        now[WAITING] = node
        return
    settle(memory)
    if reg[USED] == cache[entry + ENTRY_USED] and reg[FREE] == cache[entry + ENTRY_FREE]:
        nodes[at + NODE_TODO] = READY
        nodes[at + NODE_SCORE] = min(score_of(memory, levels), SCORES - 1)
        push(levels, reg[END], node)
        return
    # The settled one stands for this one and for more.
    nodes[at + NODE_TODO] = GONE
    score, used = score_of(memory, levels), reg[USED]
    if not covered(memory, levels):
        # If it has become one that has used less, what that may use is to be known first.
        by, source = nodes[at + NODE_BY], nodes[at + NODE_FROM]
        enter(memory, levels, by, source, score, READY if reg[USED] == used else RAW)


def expand(memory: Depth, levels: Levels, node: int) -> bool:
    """Open all that may come next after a configuration. True: that is the end of an order."""
    reg, cache, now, bits = memory.reg, memory.cache, levels.now, memory.bits
    entry = node * ENTRY
    end, state = cache[entry + ENTRY_END], cache[entry + ENTRY_STATE]
    used, free = cache[entry + ENTRY_USED], cache[entry + ENTRY_FREE]
    score = levels.nodes[node * NODE + NODE_SCORE]
    levels.nodes[node * NODE + NODE_TODO] = GONE
    due = bits[memory.ends[end]]
    if (used | free) & due:
        if end + 1 == len(memory.ends):
            now[LAST] = node
            return True
        reg[END], reg[STATE], reg[USED], reg[FREE] = end + 1, state, used & ~due, free & ~due
        reg[SURE] = surely(memory, levels, end + 1)
        if not covered(memory, levels):
            enter(memory, levels, PASS, node, score - 1, RAW)
            now[PASSED] += 1
            if end + 1 > reg[FARTHEST]:
                reg[FARTHEST] = end + 1
                now[BACK] = max(0, now[BACK] - 1)
        if used & due:
            return False
    now[EXPANDED] += 1
    sure = surely(memory, levels, end)
    for place in range(memory.window_at[end], memory.window_at[end + 1]):
        op = memory.window[place]
        bit = bits[op]
        open_ = memory.alike[place] & ~used
        if used & bit or (open_ and (free & bit or open_ & ~free)):
            continue
        after = known_step(memory, state, memory.labels[op])
        if after == NO_STEP or (after == state and free & bit):
            continue
        reg[END], reg[STATE], reg[USED], reg[FREE] = end, after, used | bit, free & ~bit
        then = score - 1 if levels.loose[end] & bit else score + 1
        reg[SURE] = sure
        reg[STEPS] += 1
        if not covered(memory, levels):
            enter(memory, levels, op, node, then, RAW)
    return False


def wake(memory: Depth, levels: Levels) -> None:
    """Open those again that wait for steps."""
    nodes, now = levels.nodes, levels.now
    while now[WAITING] >= 0:
        node = now[WAITING]
        now[WAITING] = nodes[node * NODE + NODE_LINK]
        push(levels, memory.cache[node * ENTRY + ENTRY_END], node)


def turn(memory: Depth, levels: Levels) -> bool:
    """Choose the next level: the next one, or at a dead end one before. False: none is open.

    Each dead end without progress leads back twice as far as the one before.
    """
    now, left = levels.now, levels.left
    now[PASSED] = 0
    now[EXPANDED] = 0
    if now[LEVEL] + 1 < len(left) and left[now[LEVEL] + 1]:
        now[LEVEL] += 1
        return True
    now[BACK] = min(now[BACK] + 1, FARTHEST_BACK)
    farthest = memory.reg[FARTHEST]
    target = max(0, farthest - (1 << now[BACK]))
    level = target
    while level >= 0 and not left[level]:
        level -= 1
    if level < 0:
        level = target + 1
        while level <= farthest and not left[level]:
            level += 1
    now[LEVEL] = level
    return bool(level <= farthest)


def search_levels(memory: Depth, levels: Levels, budget: int) -> int:
    """Go on for about `budget` steps, or as far as the steps of the model are known."""
    reg, now = memory.reg, levels.now
    stop = reg[STEPS] + budget
    most = len(memory.cache) // ENTRY - MOST_AFTER
    room = len(memory.steps) // 4
    while True:
        if reg[KNOWN] >= room or reg[CACHED] >= most:
            return FULL
        if reg[STEPS] >= stop:
            # What was asked for is needed: without the answers the next turn would ask again.
            return UNTABLED if reg[ASKED] else PAUSED
        if reg[ASKED] * ASK == len(memory.asked):
            return UNTABLED
        width = WIDTH << now[BACK]
        enough = now[PASSED] >= width
        enough |= now[PASSED] > 0 and now[EXPANDED] >= PATIENCE * width
        node = -1 if enough else pop(levels, now[LEVEL])
        if node < 0:
            if now[WAITING] >= 0 and not enough:
                return UNTABLED
            wake(memory, levels)
            if not turn(memory, levels):
                return STUCK
            continue
        reg[STEPS] += 1
        todo = levels.nodes[node * NODE + NODE_TODO]
        if todo == RAW:
            prepare(memory, levels, node)
        elif todo == READY and expand(memory, levels, node):
            return FINISHED


def run_levels(memory: Depth, levels: Levels, budget: int) -> int:
    """Go on for about `budget` steps; what is answered means what it does in `depth_loop.run`."""
    reg, asked = memory.reg, memory.asked
    for at in range(0, reg[ASKED] * ASK, ASK):
        learn(memory, asked[at + ASKED_STATE], asked[at + ASKED_LABEL], asked[at + ANSWER])
    reg[ASKED] = 0
    if not len(memory.ends):
        levels.now[LAST] = NOTHING
        return FINISHED
    if reg[CACHED] == 0:
        reg[SURE] = surely(memory, levels, 0)
        enter(memory, levels, PASS, NOTHING, 0, RAW)
    wake(memory, levels)
    answer = search_levels(memory, levels, budget)
    if answer != UNTABLED:
        # What was asked on the way is answered to no one.
        reg[ASKED] = 0
    return answer


def traced(memory: Depth, levels: Levels) -> None:
    """Once there is an order, put the way to its end into the frames."""
    reg, cache, frames, nodes = memory.reg, memory.cache, memory.frames, levels.nodes
    count = 0
    node = levels.now[LAST]
    while node >= 0:
        count += 1
        node = nodes[node * NODE + NODE_FROM]
    reg[FRAMES] = count
    node = levels.now[LAST]
    while node >= 0:
        count -= 1
        frame, entry = count * FRAME, node * ENTRY
        frames[frame + FRAME_END] = cache[entry + ENTRY_END]
        frames[frame + FRAME_STATE] = cache[entry + ENTRY_STATE]
        frames[frame + FRAME_USED] = cache[entry + ENTRY_USED]
        frames[frame + FRAME_FREE] = cache[entry + ENTRY_FREE]
        frames[frame + FRAME_BY] = nodes[node * NODE + NODE_BY]
        node = nodes[node * NODE + NODE_FROM]
