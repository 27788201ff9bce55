"""The window of a search: the operations that are pending, in slots, as sets of those slots.

A slot is taken when an operation begins and given back when it ends. Sets of slots are words of 62
bits, so that they fit signed integers. For registers the window keeps, for each value, the slots of
the operations that leave it as it is and of those that replace it; for the table of another model
it looks at each pending operation.

The rules of the search are told in `checker.linearizability.search.frontier`.
"""

import math
from typing import Any, NamedTuple

BITS = 62
LATE = 2**62

# What an operation does to a state: the kinds of registers, and one for tables of any model.
READ, WRITE, CAS, MAYBE_CAS, MISMATCH, TABLE = range(6)

# The fields of an operation. It ends `LATE` if it crashed; `SUPPOSED` says that it need not happen.
KIND, FIRST, SECOND, LABEL, END, RESETS, TOTALS, SUPPOSED, WHERE, OP = range(10)

# What `run` answers.
FINISHED, STUCK, PAUSED, FULL, UNTABLED, LOG_FULL = range(6)

# The scalars of a search that is under way.
(
    EVENT, FRONT, SEEN, NEXT, FOUND, OPEN, PRUNED, LARGEST, STEPS, WIDTH, WORDS, LABELS, SLOTS,
    ASKED_STATE, ASKED_LABEL, LOGGED, TRAIL, SIZE,
) = range(18)  # fmt: skip

# The sets of slots, and those that stand by value.
PENDING, WRITES, MAYBES, TOTAL, EFFECTIVE, IDLE, ALLOWED, USED, FREE, USED_2, FREE_2, SETS = range(
    12
)
SAME, TAKEN, AT, BY_VALUE = range(4)

UNKNOWN_STEP, NO_STEP = -2, -1
NO_TRAIL = -1


class Memory(NamedTuple):
    """What a search keeps, all of it in flat lists or arrays of integers.

    - `reg`: the scalars of the search, by the names above;
    - `events`: operations, doubled, plus 1 where it is an end;
    - `ops`: a record of `OP` fields for each operation;
    - `slots`: for each slot its operation, the label of that, and as a set the slots of the pending
      operations with the same label that end earlier;
    - `sets`: sets of slots; `values`: for each value of a register three sets of slots;
    - `table`: the step of each state and label, where these are not a register's;
    - `front`, `seen`, `found`: pools of configurations, records of a state, the next record of that
      state, the two sets `used` and `free`, and its trail; a head holds the first record of each
      state;
    - `log`: for each use of an operation the entry of the use before it, the operation, and the
      event at which it was used. The trail of a configuration is the entry of the last use that led
      to it, or `NO_TRAIL`. Where the log has no room at all, nothing is logged;
    - `counts`: room to count in.
    """

    reg: Any
    events: Any
    ops: Any
    slots: Any
    sets: Any
    values: Any
    table: Any
    front: Any
    seen: Any
    seen_head: Any
    found: Any
    found_head: Any
    counts: Any
    log: Any


def look(memory: Memory, state: int) -> bool:
    """Put into `EFFECTIVE` the pending operations that would change this state, into `IDLE` those
    that would leave it as it is. False where a step is missing from the table, which is then asked
    for."""
    reg, sets, values, slots, table = (
        memory.reg, memory.sets, memory.values, memory.slots, memory.table,
    )  # fmt: skip
    words = reg[WORDS]
    effective = EFFECTIVE * words
    idle = IDLE * words
    if reg[LABELS] == 0:
        base = state * BY_VALUE * words
        for w in range(words):
            here = values[base + w]
            sets[idle + w] = here | (sets[MAYBES * words + w] & ~values[base + AT * words + w])
            sets[effective + w] = values[base + TAKEN * words + w] | (
                sets[WRITES * words + w] & ~here
            )
        return True
    for w in range(words):
        changing = 0
        keeping = 0
        rest = sets[w]
        while rest:
            low = rest & -rest
            rest ^= low
            label = slots[(w * BITS + math.frexp(low)[1] - 1) * (2 + words) + 1]
            after = table[state * reg[LABELS] + label]
            if after == UNKNOWN_STEP:
                reg[ASKED_STATE] = state
                reg[ASKED_LABEL] = label
                return False
            if after == state:
                keeping |= low
            elif after != NO_STEP:
                changing |= low
        sets[effective + w] = changing
        sets[idle + w] = keeping
    return True


def enter(memory: Memory, op: int, slot: int) -> None:
    """Put an operation that was invoked into a slot."""
    reg, ops, slots, sets, values = (
        memory.reg, memory.ops, memory.slots, memory.sets, memory.values,
    )  # fmt: skip
    words = reg[WORDS]
    record = op * OP
    word = slot // BITS
    bit = 1 << (slot % BITS)
    mine = slot * (2 + words)
    for w in range(words):
        slots[mine + 2 + w] = 0
    for other in range(reg[SLOTS]):
        theirs = other * (2 + words)
        held = slots[theirs]
        if held < 0 or slots[theirs + 1] != ops[record + LABEL]:
            continue
        end = ops[held * OP + END]
        if end < ops[record + END] or (end == ops[record + END] and held < op):
            slots[mine + 2 + other // BITS] |= 1 << (other % BITS)
        else:
            slots[theirs + 2 + word] |= bit
    slots[mine] = op
    slots[mine + 1] = ops[record + LABEL]
    ops[record + WHERE] = slot
    sets[PENDING * words + word] |= bit
    if ops[record + TOTALS]:
        sets[TOTAL * words + word] |= bit
    kind = ops[record + KIND]
    if kind == TABLE:
        return
    first = ops[record + FIRST] * BY_VALUE * words + word
    same = ops[record + FIRST] == ops[record + SECOND]
    if kind == WRITE:
        sets[WRITES * words + word] |= bit
    if kind in (MAYBE_CAS, MISMATCH):
        sets[MAYBES * words + word] |= bit
        values[first + AT * words] |= bit
    if kind in (READ, WRITE) or (kind != MISMATCH and same):
        values[first + SAME * words] |= bit
    elif kind in (CAS, MAYBE_CAS):
        values[first + TAKEN * words] |= bit


def leave(memory: Memory, slot: int) -> None:
    """Take an operation that ended out of its slot."""
    reg, ops, slots, sets, values = (
        memory.reg, memory.ops, memory.slots, memory.sets, memory.values,
    )  # fmt: skip
    words = reg[WORDS]
    word = slot // BITS
    bit = 1 << (slot % BITS)
    keep = ~bit
    mine = slot * (2 + words)
    record = slots[mine] * OP
    for kind in range(TOTAL + 1):
        sets[kind * words + word] &= keep
    if ops[record + KIND] != TABLE:
        first = ops[record + FIRST] * BY_VALUE * words + word
        for kind in range(BY_VALUE):
            values[first + kind * words] &= keep
    for other in range(reg[SLOTS]):
        slots[other * (2 + words) + 2 + word] &= keep
    slots[mine] = -1
