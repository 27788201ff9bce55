"""The search depth first as one loop over arrays: what is compiled for `depth`.

The same search as `checker.linearizability.search.depth` makes in plain Python, where its rules are
explained, for as many operations pending at once as a word has bits. Steps of the model that are
not known yet are asked for: `run` ends as `UNTABLED`, and begins again where it was.
"""

from typing import Any

from checker.linearizability.search.demands import loses
from checker.linearizability.search.depth_memory import (
    AHEAD,
    ANSWER,
    ASK,
    ASKED,
    ASKED_LABEL,
    ASKED_STATE,
    BY,
    CACHED,
    END,
    ENTRY,
    ENTRY_END,
    ENTRY_FREE,
    ENTRY_NEXT,
    ENTRY_STATE,
    ENTRY_SURE,
    ENTRY_USED,
    FARTHEST,
    FIRST_ROUND,
    FRAME,
    FRAME_BY,
    FRAME_END,
    FRAME_FREE,
    FRAME_NEXT,
    FRAME_ROUND,
    FRAME_STATE,
    FRAME_USED,
    FRAMES,
    FREE,
    KNOWN,
    LEFT_OUT,
    LOOKS,
    NOTHING,
    PASS,
    PASSING,
    REST,
    SHUFFLE,
    STATE,
    STEPS,
    SURE,
    USED,
    Depth,
    known_step,
    learn,
    place_of,
)
from checker.linearizability.search.depth_ranking import next_ranked
from checker.linearizability.search.window import (
    FINISHED,
    FULL,
    NO_STEP,
    PAUSED,
    STUCK,
    UNKNOWN_STEP,
    UNTABLED,
)


def settle(memory: Depth) -> bool:
    """Use or free at once what changes nothing in the new configuration. False: step unknown."""
    reg, bits, labels, window, idle = (
        memory.reg, memory.bits, memory.labels, memory.window, memory.idle,
    )  # fmt: skip
    first, last = memory.window_at[reg[END]], memory.window_at[reg[END] + 1]
    born_free = memory.born_free[reg[END]]
    free = reg[FREE] | (born_free & ~reg[USED])
    done = reg[USED] | free
    known = True
    for place in range(first, last):
        op = window[place]
        if done & bits[op] or not idle[labels[op]]:
            continue
        if known_step(memory, reg[STATE], labels[op]) == UNKNOWN_STEP:
            known = False
    if not known:
        return False
    sure = 0
    for place in range(first, last):
        op = window[place]
        label = labels[op]
        if not done & bits[op] and idle[label]:
            if known_step(memory, reg[STATE], label) == reg[STATE]:
                if memory.observes[label]:
                    reg[USED] |= bits[op]
                else:
                    free |= bits[op]
                idle[label] = -1
            elif idle[label] > 0:
                idle[label] -= 1
        if idle[label] >= 0 or memory.observes[label]:
            sure |= bits[op]
    reg[FREE] = free
    reg[SURE] = sure & ~born_free
    return True


def hash_of(memory: Depth, end: int, state: int, sure: int) -> int:
    """Which list of the cache a configuration belongs to, with what is surely used and not free."""
    mixed = (sure ^ (sure >> 31)) * SHUFFLE
    key = (state * len(memory.ends) + end) ^ (mixed >> 3)
    return place_of(key, len(memory.heads))


def tried(memory: Depth) -> bool:
    """Whether a configuration that allows as much was tried before; else note this one.

    One that does has used the same of what is never free, which makes the lists to look at short.
    """
    reg, cache, heads = memory.reg, memory.cache, memory.heads
    sure = reg[USED] & reg[SURE]
    head = hash_of(memory, reg[END], reg[STATE], sure)
    entry = heads[head]
    looked = 0
    while entry >= 0:
        at = entry * ENTRY
        looked += 1
        if cache[at + ENTRY_END] == reg[END] and cache[at + ENTRY_STATE] == reg[STATE]:
            differ = reg[USED] ^ cache[at + ENTRY_USED]
            if not (reg[FREE] | differ) & ~cache[at + ENTRY_FREE]:
                reg[STEPS] += looked // LOOKS
                return True
        entry = cache[at + ENTRY_NEXT]
    reg[STEPS] += looked // LOOKS
    at = reg[CACHED] * ENTRY
    cache[at + ENTRY_END] = reg[END]
    cache[at + ENTRY_STATE] = reg[STATE]
    cache[at + ENTRY_USED] = reg[USED]
    cache[at + ENTRY_FREE] = reg[FREE]
    cache[at + ENTRY_SURE] = sure
    cache[at + ENTRY_NEXT] = heads[head]
    heads[head] = reg[CACHED]
    reg[CACHED] += 1
    return False


def rehash(memory: Depth) -> None:
    """Put all that was tried into the lists of `heads`, which are empty."""
    cache, heads = memory.cache, memory.heads
    for entry in range(memory.reg[CACHED]):
        at = entry * ENTRY
        head = hash_of(
            memory, cache[at + ENTRY_END], cache[at + ENTRY_STATE], cache[at + ENTRY_SURE]
        )
        cache[at + ENTRY_NEXT] = heads[head]
        heads[head] = entry


def arrive(memory: Depth) -> bool:
    """Go on from the new configuration, unless it was tried before. False: step unknown."""
    reg, frames = memory.reg, memory.frames
    if not settle(memory):
        return False
    due = memory.ends[reg[END]]
    bit = memory.bits[due]
    round_ = PASSING
    if not (reg[USED] | reg[FREE]) & bit:
        after = known_step(memory, reg[STATE], memory.labels[due])
        if after == UNKNOWN_STEP:
            return False
        round_ = AHEAD if after == NO_STEP else FIRST_ROUND
    losing = loses(memory) if len(memory.demands) else 0
    if losing < 0:
        return False
    reg[LEFT_OUT] += losing > 0
    if not losing and not tried(memory):
        frame = reg[FRAMES] * FRAME
        frames[frame + FRAME_END] = reg[END]
        frames[frame + FRAME_STATE] = reg[STATE]
        frames[frame + FRAME_USED] = reg[USED]
        frames[frame + FRAME_FREE] = reg[FREE]
        frames[frame + FRAME_BY] = reg[BY]
        frames[frame + FRAME_NEXT] = memory.window_at[reg[END]]
        frames[frame + FRAME_ROUND] = round_
        reg[FRAMES] += 1
        reg[FARTHEST] = max(reg[FARTHEST], reg[END])
    reg[BY] = NOTHING
    return True


def go_on(memory: Depth) -> bool:
    """Make the next move from the last frame, or take it away. False: step unknown."""
    reg, frames, bits, labels = memory.reg, memory.frames, memory.bits, memory.labels
    frame = (reg[FRAMES] - 1) * FRAME
    end, state = frames[frame + FRAME_END], frames[frame + FRAME_STATE]
    used, free = frames[frame + FRAME_USED], frames[frame + FRAME_FREE]
    due = memory.ends[end]
    if frames[frame + FRAME_ROUND] == PASSING:
        # What was used is gone; what was free may yet be used, for the last time.
        frames[frame + FRAME_ROUND] = REST if used & bits[due] else FIRST_ROUND
        if used & bits[due]:
            frames[frame + FRAME_NEXT] = memory.window_at[end + 1]
        reg[END] = end + 1
        reg[STATE] = state
        reg[USED] = used & ~bits[due]
        reg[FREE] = free & ~bits[due]
        reg[BY] = PASS
        return True
    if len(memory.ranked):
        return next_ranked(memory, frame)
    last = memory.window_at[end + 1]
    while True:
        round_ = frames[frame + FRAME_ROUND]
        while frames[frame + FRAME_NEXT] < last:
            place = frames[frame + FRAME_NEXT]
            op = memory.window[place]
            bit, label = bits[op], labels[op]
            open_ = memory.alike[place] & ~used
            if not (used & bit or (open_ and (free & bit or open_ & ~free))):
                after = known_step(memory, state, label)
                if after == UNKNOWN_STEP:
                    return False
                if after != NO_STEP and not (after == state and free & bit):
                    wanted = True
                    if round_ in (AHEAD, REST):
                        then = known_step(memory, after, labels[due])
                        if then == UNKNOWN_STEP:
                            return False
                        wanted = (then == NO_STEP) == (round_ == REST)
                    if wanted:
                        frames[frame + FRAME_NEXT] += 1
                        reg[END] = end
                        reg[STATE] = after
                        reg[USED] = used | bit
                        reg[FREE] = free & ~bit
                        reg[BY] = op
                        return True
            frames[frame + FRAME_NEXT] += 1
        if round_ != AHEAD:
            reg[FRAMES] -= 1
            return True
        frames[frame + FRAME_ROUND] = REST
        frames[frame + FRAME_NEXT] = memory.window_at[end]


def lay_out(memory: Depth, begins: Any, rank: Any, optional: Any, room: Any) -> None:
    """Fill in the windows, whose places in `window` are `window_at`.

    `begins` holds the operations in the order in which they begin, and between them -1 for each
    end; `rank` says which of two operations is likelier, `optional` which need not happen, and
    where an operation stands in `ends` is its end. `room` is for the operations of a window.
    """
    bits, labels = memory.bits, memory.labels
    count = 0
    end = 0
    for code in begins:
        if code >= 0:
            place = count
            while place and rank[room[place - 1]] > rank[code]:
                room[place] = room[place - 1]
                place -= 1
            room[place] = code
            count += 1
            continue
        start = memory.window_at[end]
        for place in range(count):
            op = room[place]
            memory.window[start + place] = op
            if optional[op]:
                memory.born_free[end] |= bits[op]
            alike = 0
            for other in room[:count]:
                if labels[other] == labels[op] and memory.last[other] < memory.last[op]:
                    alike |= bits[other]
            memory.alike[start + place] = alike
        gone = memory.ends[end]
        place = 0
        while room[place] != gone:
            place += 1
        count -= 1
        while place < count:
            room[place] = room[place + 1]
            place += 1
        end += 1


def placed(memory: Depth, at: Any, events: int) -> None:
    """Once there is an order, fill in where in it each operation is; `at` is -1 for the others.

    Those that end at `events` or later crashed, and happened only if they were used. What became
    used or free at a configuration comes right behind what led to it.
    """
    frames, bits, window = memory.frames, memory.bits, memory.window
    for number in range(memory.reg[FRAMES]):
        frame = number * FRAME
        by, end = frames[frame + FRAME_BY], frames[frame + FRAME_END]
        done = frames[frame + FRAME_USED] | frames[frame + FRAME_FREE]
        if by >= 0:
            at[by] = 2 * number
        for place in range(memory.window_at[end], memory.window_at[end + 1]):
            op = window[place]
            if at[op] < 0 and done & bits[op]:
                at[op] = 2 * number + 1
    for op in range(len(at)):
        if at[op] & 1 and memory.last[op] >= events:
            at[op] = -1


def search(memory: Depth, budget: int) -> int:
    """Go on for about `budget` steps, or as far as the steps of the model are known."""
    reg = memory.reg
    stop = reg[STEPS] + budget
    most = len(memory.cache) // ENTRY
    deepest = len(memory.frames) // FRAME
    room = len(memory.steps) // 4
    while True:
        if reg[KNOWN] >= room:
            return FULL
        if reg[BY] != NOTHING:
            if reg[END] == len(memory.ends):
                return FINISHED
            if reg[CACHED] >= most or reg[FRAMES] >= deepest:
                return FULL
            if not arrive(memory):
                return UNTABLED
        elif not reg[FRAMES]:
            return STUCK
        elif reg[STEPS] >= stop:
            return PAUSED
        elif not go_on(memory):
            return UNTABLED
        else:
            reg[STEPS] += 1


def run(memory: Depth, budget: int) -> int:
    """Go on for about `budget` steps.

    `FINISHED`: the frames are an order. `STUCK`: there is none, but for what was left out.
    `PAUSED`: the steps are made. `FULL`: there may be no room for one more entry, frame or step.
    `UNTABLED`: steps are asked for.
    """
    reg, asked = memory.reg, memory.asked
    for at in range(0, reg[ASKED] * ASK, ASK):
        learn(memory, asked[at + ASKED_STATE], asked[at + ASKED_LABEL], asked[at + ANSWER])
    reg[ASKED] = 0
    answer = search(memory, budget)
    if answer != UNTABLED:
        # What was asked on the way is answered to no one.
        reg[ASKED] = 0
    return answer
