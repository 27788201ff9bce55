"""Which move of the search depth first comes next, if those come first that spoil the least.

An operation that was answered is possible only in states that agree with its answer. What makes the
answers of other pending operations impossible is likely to have happened after them. This is but a
likelihood: all moves are tried in the end.
"""

from checker.linearizability.search.depth_memory import (
    BY,
    END,
    FRAME,
    FRAME_END,
    FRAME_FREE,
    FRAME_NEXT,
    FRAME_ROUND,
    FRAME_STATE,
    FRAME_USED,
    FRAMES,
    FREE,
    RANKED,
    STATE,
    STEPS,
    USED,
    Depth,
    known_step,
)
from checker.linearizability.search.window import NO_STEP, UNKNOWN_STEP

PLACES = 1 << 10
"""More than there are places in a window."""

WORST = 1 << 20
"""How bad it is to leave the operation impossible that ends first; any other counts 1."""


def rank(memory: Depth, frame: int, ranked: int) -> bool:
    """Rank what may come next: first what makes the operation that ends first possible, then what
    makes the fewest others impossible. False: step unknown."""
    frames, bits, labels, order = memory.frames, memory.bits, memory.labels, memory.ranked
    end, state = frames[frame + FRAME_END], frames[frame + FRAME_STATE]
    used, free = frames[frame + FRAME_USED], frames[frame + FRAME_FREE]
    due = memory.ends[end]
    now = known_step(memory, state, labels[due])
    if now == UNKNOWN_STEP:
        return False
    ahead = not free & bits[due] and now == NO_STEP
    first, last = memory.window_at[end], memory.window_at[end + 1]
    known = True
    count = 0
    for place in range(first, last):
        op = memory.window[place]
        open_ = memory.alike[place] & ~used
        if used & bits[op] or (open_ and (free & bits[op] or open_ & ~free)):
            continue
        after = known_step(memory, state, labels[op])
        if after == UNKNOWN_STEP:
            known = False
        if after < 0 or (after == state and free & bits[op]):
            continue
        bad = 0
        if ahead:
            then = known_step(memory, after, labels[due])
            known &= then != UNKNOWN_STEP
            bad = WORST if then == NO_STEP else 0
        for beside in range(first, last):
            other = memory.window[beside]
            if other == op or (used | free) & bits[other] or not memory.partial[labels[other]]:
                continue
            before = known_step(memory, state, labels[other])
            known &= before != UNKNOWN_STEP
            if before >= 0:
                then = known_step(memory, after, labels[other])
                known &= then != UNKNOWN_STEP
                bad += then == NO_STEP
        at = count
        while at and order[ranked + at - 1] // PLACES > bad:
            order[ranked + at] = order[ranked + at - 1]
            at -= 1
        order[ranked + at] = bad * PLACES + place - first
        count += 1
    frames[frame + FRAME_NEXT] = count
    memory.reg[STEPS] += count
    return known


def next_ranked(memory: Depth, frame: int) -> bool:
    """Make the next move of those that are ranked, from the last on. False: step unknown."""
    reg, frames = memory.reg, memory.frames
    end, state = frames[frame + FRAME_END], frames[frame + FRAME_STATE]
    first = memory.window_at[end]
    width = len(memory.ranked) * FRAME // len(frames)
    ranked = frame // FRAME * width
    if frames[frame + FRAME_ROUND] != RANKED:
        if frames[frame + FRAME_NEXT] == memory.window_at[end + 1]:
            frames[frame + FRAME_NEXT] = 0
        elif not rank(memory, frame, ranked):
            frames[frame + FRAME_NEXT] = first
            return False
        frames[frame + FRAME_ROUND] = RANKED
        memory.ranked[ranked + width - 1] = 0
    tried_ = memory.ranked[ranked + width - 1]
    if tried_ == frames[frame + FRAME_NEXT]:
        reg[FRAMES] -= 1
        return True
    memory.ranked[ranked + width - 1] += 1
    op = memory.window[first + memory.ranked[ranked + tried_] % PLACES]
    bit = memory.bits[op]
    reg[END] = end
    reg[STATE] = known_step(memory, state, memory.labels[op])
    reg[USED] = frames[frame + FRAME_USED] | bit
    reg[FREE] = frames[frame + FRAME_FREE] & ~bit
    reg[BY] = op
    return True
