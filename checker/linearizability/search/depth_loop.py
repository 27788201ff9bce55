"""The search depth first as one loop over arrays: what is compiled for `depth`.

The same search as `checker.linearizability.search.depth` makes in plain Python, where its rules are
explained, for as many operations pending at once as a word has bits. Steps of the model that are
not known yet are asked for: `run` ends as `UNTABLED`, and begins again where it was.
"""

from typing import Any, NamedTuple

from checker.linearizability.search.window import (
    FINISHED,
    FULL,
    NO_STEP,
    PAUSED,
    STUCK,
    UNKNOWN_STEP,
    UNTABLED,
)

# The scalars of a search that is under way. `BY` is what leads to the configuration that `END` to
# `FREE` say, which is looked at next; `NOTHING` where there is none.
(
    END, STATE, USED, FREE, BY, FRAMES, CACHED, STEPS, FARTHEST, KNOWN, LABELS, ASKED_STATE,
    ASKED_LABEL, ANSWER, SCALARS,
) = range(15)  # fmt: skip

PASS, NOTHING = -1, -2

# A frame is a configuration on the way: as above, with the place in its window of the operation to
# try next, and which round that is: the promising ones come first.
FRAME_END, FRAME_STATE, FRAME_USED, FRAME_FREE, FRAME_BY, FRAME_NEXT, FRAME_ROUND, FRAME = range(8)
PASSING, FIRST_ROUND, LAST_ROUND, AHEAD, REST = range(5)

# An entry of the cache: a configuration that was tried, and the entry before with the same hash.
ENTRY_END, ENTRY_STATE, ENTRY_USED, ENTRY_FREE, ENTRY_NEXT, ENTRY = range(6)

SHUFFLE = 0x1E3779B97F4A7C15
"""An odd number whose products are spread over a word."""


class Depth(NamedTuple):
    """What the search keeps, all of it in flat arrays of integers.

    - `reg`: the scalars, by the names above;
    - `ends`: the operations in the order in which they end;
    - `bits`, `labels`: of each operation the bit that stands for it while it is pending, and the
      number of its label;
    - `last`: of each operation a number that is greater the later it ends, and differs for each;
    - `window_at`: where the window of each end begins; `window`: the operations that are pending
      there, the likeliest first; `alike`: of each the bits of those like it that end earlier;
    - `born_free`: at each end the bits of the operations that need not happen;
    - `observes`: which labels never change a state; `idle`: in how many more states it is tried
      whether a label changes nothing, -1 for always;
    - `steps`: a table of the known steps, pairs of state and label in one number, and what follows;
    - `cache`, `heads`: the configurations that were tried, as lists by hash;
    - `frames`: the way to the present configuration.
    """

    reg: Any
    ends: Any
    bits: Any
    labels: Any
    last: Any
    window_at: Any
    window: Any
    alike: Any
    born_free: Any
    observes: Any
    idle: Any
    steps: Any
    cache: Any
    heads: Any
    frames: Any


def place_of(key: int, size: int) -> int:
    """Where a key belongs in a table of `size` places, a power of two."""
    mixed = (key ^ (key >> 29)) * SHUFFLE
    return (mixed ^ (mixed >> 32)) & (size - 1)


def known_step(memory: Depth, state: int, label: int) -> int:
    """What follows; `UNKNOWN_STEP` where that is not known, and asked for."""
    reg, steps = memory.reg, memory.steps
    key = state * reg[LABELS] + label
    size = len(steps) >> 1
    place = place_of(key, size)
    while steps[2 * place] != key:
        if steps[2 * place] < 0:
            reg[ASKED_STATE] = state
            reg[ASKED_LABEL] = label
            return UNKNOWN_STEP
        place = (place + 1) & (size - 1)
    return int(steps[2 * place + 1])


def learn(memory: Depth, state: int, label: int, after: int) -> None:
    """Put a step into the table, which has room for it."""
    reg, steps = memory.reg, memory.steps
    key = state * reg[LABELS] + label
    size = len(steps) >> 1
    place = place_of(key, size)
    while steps[2 * place] >= 0:
        if steps[2 * place] == key:
            return
        place = (place + 1) & (size - 1)
    steps[2 * place] = key
    steps[2 * place + 1] = after
    reg[KNOWN] += 1


def relearn(memory: Depth, steps: Any) -> None:
    """Put all the steps of another table into this one."""
    for place in range(0, len(steps), 2):
        if steps[place] >= 0:
            learn(
                memory,
                steps[place] // memory.reg[LABELS],
                steps[place] % memory.reg[LABELS],
                steps[place + 1],
            )


def settle(memory: Depth) -> bool:
    """Use or free at once what changes nothing in the new configuration. False: step unknown."""
    reg, bits, labels, window, idle = (
        memory.reg, memory.bits, memory.labels, memory.window, memory.idle,
    )  # fmt: skip
    first, last = memory.window_at[reg[END]], memory.window_at[reg[END] + 1]
    free = reg[FREE] | (memory.born_free[reg[END]] & ~reg[USED])
    done = reg[USED] | free
    for place in range(first, last):
        op = window[place]
        if done & bits[op] or not idle[labels[op]]:
            continue
        if known_step(memory, reg[STATE], labels[op]) == UNKNOWN_STEP:
            return False
    for place in range(first, last):
        op = window[place]
        label = labels[op]
        if done & bits[op] or not idle[label]:
            continue
        if known_step(memory, reg[STATE], label) == reg[STATE]:
            if memory.observes[label]:
                reg[USED] |= bits[op]
            else:
                free |= bits[op]
            idle[label] = -1
        elif idle[label] > 0:
            idle[label] -= 1
    reg[FREE] = free
    return True


def tried(memory: Depth) -> bool:
    """Whether a configuration that allows as much was tried before; else note this one."""
    reg, cache, heads = memory.reg, memory.cache, memory.heads
    key = reg[STATE] * len(memory.ends) + reg[END]
    head = place_of(key, len(heads))
    entry = heads[head]
    while entry >= 0:
        at = entry * ENTRY
        if cache[at + ENTRY_END] == reg[END] and cache[at + ENTRY_STATE] == reg[STATE]:
            differ = reg[USED] ^ cache[at + ENTRY_USED]
            if not (reg[FREE] | differ) & ~cache[at + ENTRY_FREE]:
                return True
        entry = cache[at + ENTRY_NEXT]
    at = reg[CACHED] * ENTRY
    cache[at + ENTRY_END] = reg[END]
    cache[at + ENTRY_STATE] = reg[STATE]
    cache[at + ENTRY_USED] = reg[USED]
    cache[at + ENTRY_FREE] = reg[FREE]
    cache[at + ENTRY_NEXT] = heads[head]
    heads[head] = reg[CACHED]
    reg[CACHED] += 1
    return False


def rehash(memory: Depth) -> None:
    """Put all that was tried into the lists of `heads`, which are empty."""
    cache, heads = memory.cache, memory.heads
    for entry in range(memory.reg[CACHED]):
        at = entry * ENTRY
        key = cache[at + ENTRY_STATE] * len(memory.ends) + cache[at + ENTRY_END]
        head = place_of(key, len(heads))
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
    if not tried(memory):
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


def run(memory: Depth, budget: int) -> int:
    """Go on for about `budget` steps.

    `FINISHED`: the frames are an order. `STUCK`: there is none. `PAUSED`: the steps are made.
    `FULL`: there may be no room for one more entry, frame or step. `UNTABLED`: a step is asked for.
    """
    reg = memory.reg
    if reg[ASKED_STATE] >= 0:
        learn(memory, reg[ASKED_STATE], reg[ASKED_LABEL], reg[ANSWER])
        reg[ASKED_STATE] = -1
    stop = reg[STEPS] + budget
    most = len(memory.cache) // ENTRY
    deepest = len(memory.frames) // FRAME
    room = len(memory.steps) // 4
    while True:
        if reg[BY] != NOTHING:
            if reg[END] == len(memory.ends):
                return FINISHED
            if reg[CACHED] >= most or reg[FRAMES] >= deepest or reg[KNOWN] >= room:
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
