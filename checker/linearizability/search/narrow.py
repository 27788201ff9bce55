"""The quick try: a narrow front of configurations through the events of one register.

The rules are those of `checker.linearizability.search.frontier`, but only some of the ways on are
followed, those with the fewest obligations and the fewest used operations. So it can only find that
an order exists: a front that dies proves nothing, and the search goes back a little and on with a
wider one, at last giving up. It asks that at most 62 operations are pending at once, so that a set
of them is one number; that makes it several times as fast as the exact search.

All runs as plain Python on lists, or compiled on arrays, which are in one `Narrow`.
"""

from typing import Any, NamedTuple

from checker.linearizability.search.window import (
    BITS,
    CAS,
    END,
    FINISHED,
    FIRST,
    KIND,
    LATE,
    LOG_FULL,
    MAYBE_CAS,
    MISMATCH,
    NO_TRAIL,
    OP,
    PAUSED,
    READ,
    SECOND,
    STUCK,
    WRITE,
)  # fmt: skip

# The scalars.
(
    EVENT, PENDING, WRITES, MAYBES, TOTAL, COUNT, WIDTH, LARGEST, TRIES, FARTHEST, SAVED, NARROW,
    LOGGED, TRAIL, NOW,
) = range(15)  # fmt: skip

SAME, WRITTEN, SWAPS, AT, BY_VALUE = range(5)

HELD = 3

NARROWEST, WIDEST = 8, 1_024
ROOM = 4 * WIDEST
"""Configurations that each list of them holds; more are forgotten."""

DEPTH = 4
"""How many operations are used at most for the sake of one that ends."""

USES = (1 + 2 * DEPTH) * 2 * BITS
"""How many uses one event may log at most, for each configuration of the width."""

EVERY, KEPT, SAVED_FRONT = 16, 128, 32
"""How often, in events, configurations are saved; how many of them; and of how many times."""

TRIES_MAX = 5


class Narrow(NamedTuple):
    """What the quick try keeps, all of it in flat lists or arrays of integers.

    - `now`: scalars, by the names above; `events` and `ops` as in `window.Memory`;
    - `slots`: of each operation the slot that it has while it is pending;
    - `values`: of each value four sets of slots: operations that leave it as it is, writes of it,
      compare-and-sets that replace it, and those which only then do not leave a state as it is;
    - `held`: of each slot the value that its operation leaves behind, where that ends, and which it
      is; `places`: of a bit, its place (see `low_place`);
    - `front`, `found`, `work`, `more`: configurations, of a state, `used`, `free` and a trail;
    - `counts`, `scores`: room to count in; `saved`: fronts to go back to;
    - `log`: as in `window.Memory`; `order`: the uses that led to the end of a part, each with its
      operation and its event; `told`: where in `order` each part begins.
    """

    now: Any
    events: Any
    ops: Any
    slots: Any
    values: Any
    held: Any
    places: Any
    front: Any
    found: Any
    work: Any
    more: Any
    counts: Any
    scores: Any
    saved: Any
    log: Any
    order: Any
    told: Any


def low_place(low: int, places: Any) -> int:
    """The place of the only bit of a number: 2 generates the numbers modulo 67."""
    return places[low % 67]  # type: ignore[no-any-return]


def size(bits: int) -> int:
    """How many bits are set."""
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count


def enter(memory: Narrow, op: int) -> None:
    """An operation becomes pending, or is so again on the way back."""
    now, ops, slots = memory.now, memory.ops, memory.slots
    values, held = memory.values, memory.held
    slot = slots[op]
    bit = 1 << slot
    first = ops[op * OP + FIRST]
    second = ops[op * OP + SECOND]
    kind = ops[op * OP + KIND]
    held[HELD * slot] = second
    held[HELD * slot + 1] = ops[op * OP + END]
    held[HELD * slot + 2] = op
    now[PENDING] |= bit
    if kind in (READ, WRITE) or (kind != MISMATCH and first == second):
        values[first * BY_VALUE + SAME] |= bit
    elif kind != MISMATCH:
        values[first * BY_VALUE + SWAPS] |= bit
    if kind == WRITE:
        values[first * BY_VALUE + WRITTEN] |= bit
        now[WRITES] |= bit
        now[TOTAL] |= bit
    if kind in (MAYBE_CAS, MISMATCH):
        now[MAYBES] |= bit
        values[first * BY_VALUE + AT] |= bit
    if kind == MAYBE_CAS:
        now[TOTAL] |= bit


def leave(memory: Narrow, op: int) -> None:
    """An operation is pending no more, or not yet on the way back."""
    now, ops, slots, values = memory.now, memory.ops, memory.slots, memory.values
    keep = ~(1 << slots[op])
    for name in range(PENDING, TOTAL + 1):
        now[name] &= keep
    first = ops[op * OP + FIRST] * BY_VALUE
    for name in range(BY_VALUE):
        values[first + name] &= keep


def add(pool: Any, count: int, state: int, used: int, free: int, trail: int) -> int:
    """Add a configuration unless another covers it, drop what it covers; the new number of them."""
    i = 0
    while i < count:
        if pool[4 * i] == state:
            f = pool[4 * i + 2]
            differ = pool[4 * i + 1] ^ used
            if (free | differ) & ~f == 0:
                return count
            if (f | differ) & ~free == 0:
                count -= 1
                for field in range(4):
                    pool[4 * i + field] = pool[4 * count + field]
                continue
        i += 1
    if 4 * count < len(pool):
        pool[4 * count] = state
        pool[4 * count + 1] = used
        pool[4 * count + 2] = free
        pool[4 * count + 3] = trail
        count += 1
    return count


def keep_best(memory: Narrow, pool: Any, count: int, width: int) -> int:
    """Keep the best of a pool, about `width` of them; the new number of them."""
    now, scores = memory.now, memory.scores
    for i in range(len(scores)):
        scores[i] = 0
    pending = now[PENDING]
    for i in range(count):
        scores[score(pending, pool[4 * i + 1], pool[4 * i + 2])] += 1
    limit = 0
    room = width
    while room > scores[limit]:
        room -= scores[limit]
        limit += 1
    kept = 0
    for i in range(count):
        mine = score(pending, pool[4 * i + 1], pool[4 * i + 2])
        if mine < limit or (mine == limit and room > 0):
            room -= mine == limit
            for field in range(4):
                pool[4 * kept + field] = pool[4 * i + field]
            kept += 1
    return kept


def score(pending: int, used: int, free: int) -> int:
    """How bad a configuration is: an obligation counts more than an operation used up."""
    return 2 * size(pending & ~used & ~free) + size(used)


def earliest(bits: int, held: Any, places: Any) -> int:
    """Of some slots, as a bit, that whose operation ends first."""
    best = bits & -bits
    rest = bits ^ best
    while rest:
        low = rest & -rest
        rest ^= low
        if held[HELD * low_place(low, places) + 1] < held[HELD * low_place(best, places) + 1]:
            best = low
    return best


def expand(memory: Narrow, state: int, used: int, free: int, goal: int) -> None:
    """Use each operation that may come next; `counts` are the sizes of `found` and `more`.

    The trail of the configuration stands in `TRAIL`.
    """
    now, values, held, places = memory.now, memory.values, memory.held, memory.places
    writes = now[WRITES] & ~used & ~values[state * BY_VALUE + WRITTEN]
    while writes:
        low = writes & -writes
        after = held[HELD * low_place(low, places)]
        alike = values[after * BY_VALUE + WRITTEN] & ~used
        writes &= ~alike
        first = earliest(alike, held, places)
        use(memory, used, free, first, after, True, goal)
        obliged = alike & ~free
        if first & free and obliged:
            first = earliest(obliged, held, places)
            use(memory, used, free, first, after, True, goal)
    swaps = values[state * BY_VALUE + SWAPS] & ~used
    while swaps:
        low = swaps & -swaps
        swaps ^= low
        after = held[HELD * low_place(low, places)]
        use(memory, used, free, low, after, False, goal)


def use(
    memory: Narrow, used: int, free: int, bit: int, after: int, resets: bool, goal: int
) -> None:
    """Use one operation; what has reached the goal is found, all else is to go on from."""
    now, values, counts = memory.now, memory.values, memory.counts
    trail = now[LOGGED] if len(memory.log) else NO_TRAIL
    used |= bit
    free |= values[after * BY_VALUE + SAME] | (now[MAYBES] & ~values[after * BY_VALUE + AT])
    if resets:
        free |= now[TOTAL]
    free &= ~used
    if bit == goal or free & goal:
        counts[0] = add(memory.found, counts[0], after, used & ~goal, free & ~goal, trail)
    if bit != goal and (now[TRIES] or not free & goal):
        counts[1] = add(memory.more, counts[1], after, used, free, trail)
    if trail != NO_TRAIL:
        note(memory, bit, trail)


def note(memory: Narrow, bit: int, trail: int) -> None:
    """Log, if a configuration was kept for it, that an operation is used after all that `TRAIL`
    leads back to."""
    now, log, counts = memory.now, memory.log, memory.counts
    kept = counts[0] > 0 and memory.found[4 * counts[0] - 1] == trail
    if kept or (counts[1] > 0 and memory.more[4 * counts[1] - 1] == trail):
        log[3 * trail] = now[TRAIL]
        log[3 * trail + 1] = memory.held[HELD * low_place(bit, memory.places) + 2]
        log[3 * trail + 2] = now[EVENT]
        now[LOGGED] += 1


def finish(memory: Narrow, op: int) -> None:
    """An operation ends: it was used, or is free, or must be used now, with the help of others."""
    now, ops, slots, counts = memory.now, memory.ops, memory.slots, memory.counts
    front, found, work, more = memory.front, memory.found, memory.work, memory.more
    goal = 1 << slots[op]
    updates = ops[op * OP + KIND] == WRITE or ops[op * OP + KIND] == CAS
    after = ops[op * OP + SECOND]
    counts[0] = 0
    waiting = 0
    for c in range(now[COUNT]):
        state, used, free = front[4 * c], front[4 * c + 1], front[4 * c + 2]
        now[TRAIL] = front[4 * c + 3]
        if (used | free) & goal:
            counts[0] = add(found, counts[0], state, used & ~goal, free & ~goal, now[TRAIL])
            possible = ops[op * OP + KIND] == WRITE or state == ops[op * OP + FIRST]
            if free & goal and updates and possible and state != after:
                resets = ops[op * OP + KIND] == WRITE
                use(memory, used, free, goal, after, resets, goal)
        if not (used | free) & goal or (updates and now[TRIES] and free & goal):
            work[4 * waiting] = state
            work[4 * waiting + 1] = used
            work[4 * waiting + 2] = free
            work[4 * waiting + 3] = now[TRAIL]
            waiting += 1
    for _ in range(DEPTH):
        counts[1] = 0
        for c in range(waiting):
            now[TRAIL] = work[4 * c + 3]
            expand(memory, work[4 * c], work[4 * c + 1], work[4 * c + 2], goal)
        if counts[0] >= now[WIDTH] or counts[1] == 0:
            break
        waiting = counts[1]
        if waiting > 2 * now[WIDTH]:
            waiting = keep_best(memory, more, waiting, 2 * now[WIDTH])
        for i in range(4 * waiting):
            work[i] = more[i]
    leave(memory, op)
    if counts[0] > now[WIDTH]:
        counts[0] = keep_best(memory, found, counts[0], now[WIDTH])
    for i in range(4 * counts[0]):
        front[i] = found[i]
    now[COUNT] = counts[0]


def save(memory: Narrow) -> None:
    """Note the front, so that the search can come back to here."""
    now, front, saved = memory.now, memory.front, memory.saved
    base = (now[SAVED] % KEPT) * (2 + 4 * SAVED_FRONT)
    count = min(now[COUNT], SAVED_FRONT)
    saved[base] = now[EVENT]
    saved[base + 1] = count
    for i in range(4 * count):
        saved[base + 2 + i] = front[i]
    now[SAVED] += 1


def back(memory: Narrow) -> None:
    """Go back, the farther the more tries there were; the window is made as it was there."""
    now, events, front, saved = memory.now, memory.events, memory.front, memory.saved
    steps = min(1 << now[TRIES], now[SAVED], KEPT)
    now[SAVED] -= steps
    base = (now[SAVED] % KEPT) * (2 + 4 * SAVED_FRONT)
    event = now[EVENT]
    while event > saved[base]:
        event -= 1
        op = events[event] >> 1
        if events[event] & 1:
            enter(memory, op)
        else:
            leave(memory, op)
    now[EVENT] = event
    now[COUNT] = saved[base + 1]
    for i in range(4 * now[COUNT]):
        front[i] = saved[base + 2 + i]
    now[SAVED] += steps == 0


def invoke(memory: Narrow, op: int) -> None:
    """An operation begins: it is free where it changes nothing, an obligation elsewhere."""
    now, ops, slots = memory.now, memory.ops, memory.slots
    values, front = memory.values, memory.front
    # The lowest slot that is not taken.
    slot = 0
    pending = now[PENDING]
    while pending & 1:
        pending >>= 1
        slot += 1
    slots[op] = slot
    enter(memory, op)
    bit = 1 << slot
    crashed = ops[op * OP + END] == LATE
    for c in range(now[COUNT]):
        v = front[4 * c] * BY_VALUE
        if crashed or (values[v + SAME] | (now[MAYBES] & ~values[v + AT])) & bit:
            front[4 * c + 2] |= bit


def run(memory: Narrow, last: int, budget: int) -> int:
    """Take events up to `last`, for about `budget` steps; go on by calling again."""
    now, events, counts, logs = memory.now, memory.events, memory.counts, len(memory.log)
    while now[EVENT] < last:
        event = events[now[EVENT]]
        if logs and event & 1 and 3 * (now[LOGGED] + USES * now[WIDTH]) > logs:
            return LOG_FULL
        if now[EVENT] % EVERY == 0:
            save(memory)
        if event & 1:
            finish(memory, event >> 1)
        else:
            invoke(memory, event >> 1)
        now[EVENT] += 1
        now[LARGEST] = max(now[LARGEST], now[COUNT])
        if now[COUNT] == 0:
            now[FARTHEST] = max(now[FARTHEST], now[EVENT])
            now[TRIES] += 1
            if now[TRIES] > TRIES_MAX or now[SAVED] == 0:
                return STUCK
            now[WIDTH] = min(WIDEST, now[NARROW] << (2 * now[TRIES]))
            back(memory)
        elif now[TRIES] and now[EVENT] > now[FARTHEST] + EVERY:
            now[TRIES] = 0
            now[WIDTH] = now[NARROW]
        # The longer the lists, the longer the comparisons of all with all.
        budget -= 1 + (counts[0] * counts[0] + counts[1] * counts[1]) // 8
        counts[0] = 0
        counts[1] = 0
        if budget < 0:
            return PAUSED
    return FINISHED
