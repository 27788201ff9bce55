"""The search's inner loop: the configurations that the past allows, event by event.

A *configuration* is a state and what was done with each pending operation. It is *used* (it took
effect), an *obligation* (it must still take effect before it ends), or *free* (it took effect at
some earlier moment where that changed nothing, or may still be used). An operation is used only
when another one ends that needs it (Lowe, "Testing for linearizability", just-in-time
linearization), so memory goes with the operations that overlap, never with the history.

What keeps the configurations few; each is a simulation, so they compose:

- Nothing changed: where an operation would leave the state as it is, it becomes free.
- Overwritten: when an operation that sets the state whatever it was is used, every pending
  operation that is possible in every state becomes free: just before, nobody would have noticed.
- Crashed, or only supposed: such an operation is free from its birth.
- Alike: of pending operations with the same label those that end first are used first.
- Covered: a configuration allows all that another of the same state does, if wherever they differ
  it is free. The covered one is dropped.

A configuration stands for the concrete ones with used ⊆ done ⊆ used ∪ free. Each rule adds only
such as can be reached, and the last one drops only what the survivor stands for as well.

The functions here hold no object of Python: the same source runs as it is, on lists, for short
histories, and compiled, on numpy arrays, for long ones (`machine` decides). All that they work on
is in one `window.Memory`.
"""

import math
from typing import Any

from checker.linearizability.search.window import (
    ALLOWED,
    BITS,
    CAS,
    EFFECTIVE,
    END,
    EVENT,
    FINISHED,
    FIRST,
    FOUND,
    FREE,
    FREE_2,
    FRONT,
    FULL,
    IDLE,
    KIND,
    LABELS,
    LARGEST,
    LATE,
    LOG_FULL,
    LOGGED,
    NEXT,
    NO_TRAIL,
    OP,
    OPEN,
    PAUSED,
    PRUNED,
    READ,
    RESETS,
    SECOND,
    SEEN,
    SLOTS,
    STEPS,
    STUCK,
    SUPPOSED,
    TOTAL,
    TRAIL,
    UNTABLED,
    USED,
    USED_2,
    WHERE,
    WIDTH,
    WORDS,
    WRITE,
    Memory,
    enter,
    leave,
    look,
)  # fmt: skip

PATIENCE = 64
"""How many configurations a narrow search looks at, for each that it may keep, before it makes do
with what it has found; a thousand times as many before it gives up."""


def add(memory: Memory, pool: Any, head: Any, count: int, state: int, used: int, free: int) -> int:
    """Add a configuration to a pool unless one there covers it; drop those that it covers.

    `used` and `free` say which of `sets` it has; its trail stands in `TRAIL`. The new number of
    records in the pool is returned, the dropped ones counted too.
    """
    reg, sets = memory.reg, memory.sets
    words = reg[WORDS]
    size = 3 + 2 * words
    before = -1
    i = head[state]
    while i >= 0:
        reg[STEPS] += 1
        record = i * size
        covered = True
        covers = True
        for w in range(words):
            f = pool[record + 2 + words + w]
            g = sets[free + w]
            differ = pool[record + 2 + w] ^ sets[used + w]
            if (g | differ) & ~f:
                covered = False
            if (f | differ) & ~g:
                covers = False
        if covered:
            return count
        after = pool[record + 1]
        if covers:
            pool[record] = -1
            if before < 0:
                head[state] = after
            else:
                pool[before * size + 1] = after
        else:
            before = i
        i = after
    record = count * size
    pool[record] = state
    pool[record + 1] = head[state]
    for w in range(words):
        pool[record + 2 + w] = sets[used + w]
        pool[record + 2 + words + w] = sets[free + w]
    pool[record + size - 1] = reg[TRAIL]
    head[state] = count
    return count + 1


def begin(memory: Memory, slot: int) -> None:
    """Begin the closure of an operation that ends: take over the configurations as they are."""
    reg, sets, front = memory.reg, memory.sets, memory.front
    words = reg[WORDS]
    size = 3 + 2 * words
    word = slot // BITS
    bit = 1 << (slot % BITS)
    used = USED * words
    free = FREE * words
    reg[SEEN] = 0
    reg[FOUND] = 0
    reg[NEXT] = 0
    for c in range(reg[FRONT]):
        record = c * size
        state = front[record]
        reg[TRAIL] = front[record + size - 1]
        for w in range(words):
            sets[used + w] = front[record + 2 + w]
            sets[free + w] = front[record + 2 + words + w]
        done = (sets[used + word] | sets[free + word]) & bit
        if not sets[used + word] & bit:
            reg[SEEN] = add(memory, memory.seen, memory.seen_head, reg[SEEN], state, used, free)
        if done:
            sets[used + word] &= ~bit
            sets[free + word] &= ~bit
            reg[FOUND] = add(memory, memory.found, memory.found_head, reg[FOUND], state, used, free)


def expand(memory: Memory, slot: int) -> bool:
    """Use each pending operation that may come next in one configuration. False: step unknown."""
    reg, ops, slots, sets, table, seen = (
        memory.reg, memory.ops, memory.slots, memory.sets, memory.table, memory.seen,
    )  # fmt: skip
    words = reg[WORDS]
    record = reg[NEXT] * (3 + 2 * words)
    state = seen[record]
    if not look(memory, state):
        return False
    for w in range(words):
        sets[ALLOWED * words + w] = sets[EFFECTIVE * words + w] & ~seen[record + 2 + w]
    for v in range(words):
        rest = sets[ALLOWED * words + v]
        while rest:
            low = rest & -rest
            rest ^= low
            i = v * BITS + math.frexp(low)[1] - 1
            mine = i * (2 + words)
            blocked = 0
            obliged = not seen[record + 2 + words + v] & low
            for w in range(words):
                open_ = slots[mine + 2 + w] & ~seen[record + 2 + w]
                blocked |= open_ & ~seen[record + 2 + words + w] if obliged else open_
            if blocked:
                continue
            op = slots[mine] * OP
            if reg[LABELS]:
                after = table[state * reg[LABELS] + slots[mine + 1]]
            else:
                after = ops[op + SECOND]
            if not look(memory, after):
                return False
            for w in range(words):
                used = seen[record + 2 + w] | (low if w == v else 0)
                free = seen[record + 2 + words + w] | sets[IDLE * words + w]
                if ops[op + RESETS]:
                    free |= sets[TOTAL * words + w]
                sets[USED * words + w] = used
                sets[FREE * words + w] = free & ~used
            note(memory, seen[record + 2 + 2 * words], slots[mine])
            before = reg[SEEN] + reg[FOUND]
            reg[STEPS] += 1
            arrive(memory, after, slot, i)
            if len(memory.log) and reg[SEEN] + reg[FOUND] == before:
                reg[LOGGED] -= 1  # another configuration covers it
    return True


def note(memory: Memory, trail: int, op: int) -> None:
    """Log that an operation is used after all that the trail leads back to."""
    reg, log = memory.reg, memory.log
    reg[TRAIL] = NO_TRAIL
    if len(log):
        entry = reg[LOGGED]
        log[3 * entry] = trail
        log[3 * entry + 1] = op
        log[3 * entry + 2] = reg[EVENT]
        reg[LOGGED] += 1
        reg[TRAIL] = entry


def arrive(memory: Memory, state: int, slot: int, by: int) -> None:
    """File a new configuration: as found where the ending operation is done, else to go on from."""
    reg, sets = memory.reg, memory.sets
    words = reg[WORDS]
    word = slot // BITS
    bit = 1 << (slot % BITS)
    if by == slot or sets[FREE * words + word] & bit:
        for w in range(words):
            sets[USED_2 * words + w] = sets[USED * words + w]
            sets[FREE_2 * words + w] = sets[FREE * words + w]
        sets[USED_2 * words + word] &= ~bit
        sets[FREE_2 * words + word] &= ~bit
        reg[FOUND] = add(
            memory, memory.found, memory.found_head, reg[FOUND], state, USED_2 * words,
            FREE_2 * words,
        )  # fmt: skip
    if by != slot:
        reg[SEEN] = add(
            memory, memory.seen, memory.seen_head, reg[SEEN], state, USED * words, FREE * words
        )


def settle(memory: Memory) -> None:
    """End a closure: what was found is the new front, at most `WIDTH` of it where that is not 0.

    Of too many, those with the fewest obligations stay. What is lost is noted in `PRUNED`: a front
    that was pruned proves that an order exists, but an empty one no longer that none does.
    """
    reg, front, seen, found = memory.reg, memory.front, memory.seen, memory.found
    size = 3 + 2 * reg[WORDS]
    live = 0
    for c in range(reg[FOUND]):
        live += found[c * size] >= 0
    limit = LATE
    if reg[WIDTH] and live > reg[WIDTH]:
        reg[PRUNED] = 1
        limit = threshold(memory)
    kept = 0
    for c in range(reg[FOUND]):
        record = c * size
        if found[record] < 0:
            continue
        memory.found_head[found[record]] = -1
        if limit < LATE and (kept >= reg[WIDTH] or obliged(memory, found, c) > limit):
            continue
        for field in range(size):
            front[kept * size + field] = found[record + field]
        kept += 1
    reg[FRONT] = kept
    for c in range(reg[SEEN]):
        if seen[c * size] >= 0:
            memory.seen_head[seen[c * size]] = -1


def obliged(memory: Memory, pool: Any, c: int) -> int:
    """How many obligations a configuration has."""
    sets = memory.sets
    words = memory.reg[WORDS]
    record = c * (3 + 2 * words)
    count = 0
    for w in range(words):
        rest = sets[w] & ~pool[record + 2 + w] & ~pool[record + 2 + words + w]
        while rest:
            rest &= rest - 1
            count += 1
    return count


def threshold(memory: Memory) -> int:
    """The number of obligations up to which about `WIDTH` configurations have no more."""
    reg, found, counts = memory.reg, memory.found, memory.counts
    for i in range(reg[SLOTS] + 1):
        counts[i] = 0
    for c in range(reg[FOUND]):
        if found[c * (3 + 2 * reg[WORDS])] >= 0:
            counts[obliged(memory, found, c)] += 1
    room = reg[WIDTH]
    limit = 0
    while room > counts[limit]:
        room -= counts[limit]
        limit += 1
    return limit


def invoke(memory: Memory, op: int) -> bool:
    """An operation begins: it is free where it changes nothing, an obligation elsewhere."""
    reg, ops, sets, front = memory.reg, memory.ops, memory.sets, memory.front
    words = reg[WORDS]
    size = 3 + 2 * words
    if ops[op * OP + WHERE] < 0:
        slot = 0
        while sets[slot // BITS] >> (slot % BITS) & 1:
            slot += 1
        enter(memory, op, slot)
    slot = ops[op * OP + WHERE]
    word = slot // BITS
    bit = 1 << (slot % BITS)
    free = 2 + words + word
    if ops[op * OP + SUPPOSED] or ops[op * OP + END] == LATE:
        for c in range(reg[FRONT]):
            front[c * size + free] |= bit
        return True
    kind = ops[op * OP + KIND]
    if kind in (READ, WRITE, CAS):
        # The common kinds, without a look at what else is pending.
        only = ops[op * OP + FIRST]
        if kind == CAS and only != ops[op * OP + SECOND]:
            return True
        for c in range(reg[FRONT]):
            if front[c * size] == only:
                front[c * size + free] |= bit
        return True
    for c in range(reg[FRONT]):
        if not look(memory, front[c * size]):
            return False
        front[c * size + free] |= sets[IDLE * words + word] & bit
    return True


def run(memory: Memory, until: int, room: int, budget: int) -> int:
    """Take events up to `until`, from wherever `reg` stands; go on after a pause by calling again.

    It pauses after about `budget` steps, or where a pool may not hold what one more expansion
    yields (each has `room`), or where a step is missing from the table.
    """
    reg, events, ops, seen = memory.reg, memory.events, memory.ops, memory.seen
    stop = reg[STEPS] + budget
    most = reg[SLOTS] + 1
    while reg[EVENT] < until:
        op = events[reg[EVENT]] >> 1
        if not events[reg[EVENT]] & 1:
            if not invoke(memory, op):
                return UNTABLED
            reg[EVENT] += 1
            reg[STEPS] += reg[FRONT]
            continue
        slot = ops[op * OP + WHERE]
        if not reg[OPEN]:
            if reg[FRONT] + most >= room:
                return FULL
            begin(memory, slot)
            reg[OPEN] = 1
        while reg[NEXT] < reg[SEEN]:
            if reg[WIDTH] and reg[NEXT] >= reg[WIDTH]:
                enough = reg[FOUND] >= reg[WIDTH]
                enough |= reg[FOUND] > 0 and reg[NEXT] >= PATIENCE * reg[WIDTH]
                if enough or reg[NEXT] >= 1_000 * PATIENCE * reg[WIDTH]:
                    reg[PRUNED] = 1
                    break
            if max(reg[SEEN], reg[FOUND]) + most >= room:
                return FULL
            if len(memory.log) and 3 * (reg[LOGGED] + most) > len(memory.log):
                return LOG_FULL
            if reg[STEPS] >= stop:
                return PAUSED
            if seen[reg[NEXT] * (3 + 2 * reg[WORDS])] >= 0 and not expand(memory, slot):
                return UNTABLED
            reg[NEXT] += 1
            reg[STEPS] += 1
        reg[LARGEST] = max(reg[LARGEST], reg[FOUND])
        if not reg[FOUND]:
            return STUCK
        leave(memory, slot)
        settle(memory)
        reg[OPEN] = 0
        reg[EVENT] += 1
    return FINISHED
