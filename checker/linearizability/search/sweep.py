"""Decides many short keys in one pass: the exact search of `frontier`, made small.

The rules are those of `frontier`: it keeps every configuration that the past allows, uses an
operation only when another one ends that needs it, takes what changes nothing for free, uses
operations alike in the order of their ends, and drops what another configuration covers. There is
no memory to go back to and nothing is ever cut, so that an empty front proves that no order exists
and any other that one does. A key that is too hard, with more than 62 operations pending or too
many configurations, is given up, and left to the search that judges it alone.

One rule less is needed here: an operation that only observes, and is free where it ends, leaves
nothing to be tried for its sake. And one more is known of queues, first in, first out: what is put
in as the n-th is what the n-th dequeue takes out, so it must be what a dequeue returned that can be
the n-th.
"""

from typing import Any, NamedTuple

from checker.linearizability.search.acting import (
    ACTION,
    ASKED,
    CRASHED,
    DOES,
    END,
    LABEL,
    NO_STEP,
    OBSERVES,
    PUT,
    READ,
    VALUE,
    Acting,
    choices,
    keeps,
    read_as,
    step,
)
from checker.linearizability.search.sequences import FULL, child, clear

BITS = 62
ROOM = 4_096
"""Configurations that the front may hold at once."""

CONFIGURATION = 3
"""The fields of a configuration: its state, and the sets of operations that are used and free."""

DROPPED = -1
"""Instead of the set that is used: another configuration covers this one."""

TO_DO, CLEAN, WRONG, GIVEN_UP, WAITS = range(5)
"""What became of a key; one that waits does so for a step that was asked for."""

KEY, STEPS, PENDING, FRONT, FOUND, SEEN, PUT_IN, NOW = range(8)

DUE_VALUE, DUE_FIRST, DUE_LAST, DUE = range(4)
"""Of an answered dequeue: what it took, and from which to which place it can have among all."""


class Sweep(NamedTuple):
    """What the sweep works on, all of it in flat arrays.

    `events` are operations, doubled, plus 1 where they end; those of key `k` are the ones from
    `bounds[k]` to `bounds[k + 1]`. `verdicts` are by key. Every object begins with the state
    `begins[0]`, and with the values after it put into that. `slots` hold of each operation the slot
    in which it is pending, `targets` what it read, as a state; `held` of each slot its operation,
    `alike` the slots of those with the same label that end earlier. `due` are the dequeues of
    queues, from `due_bounds[k]` to `due_bounds[k + 1]` those of key `k`; none of a key of which too
    little is known.
    """

    acting: Acting
    now: Any
    events: Any
    bounds: Any
    verdicts: Any
    begins: Any
    slots: Any
    targets: Any
    held: Any
    alike: Any
    front: Any
    found: Any
    seen: Any
    due: Any
    due_bounds: Any


def place_of(bit: int) -> int:
    """The place of the only bit of a number."""
    place = 0
    while bit > 1:
        bit >>= 1
        place += 1
    return place


def add(pool: Any, count: int, state: int, used: int, free: int) -> int:
    """Add a configuration unless another covers it, drop what it covers; the new number of them.

    One more than there is room for says that there was none.
    """
    for i in range(count):
        record = CONFIGURATION * i
        if pool[record] != state or pool[record + 1] == DROPPED:
            continue
        f = pool[record + 2]
        differ = pool[record + 1] ^ used
        if (free | differ) & ~f == 0:
            return count
        if (f | differ) & ~free == 0:
            pool[record + 1] = DROPPED
    if count < ROOM:
        record = CONFIGURATION * count
        pool[record] = state
        pool[record + 1] = used
        pool[record + 2] = free
    return count + 1


def enter(sweep: Sweep, op: int, slot: int) -> None:
    """An operation becomes pending."""
    operations, held, alike = sweep.acting.operations, sweep.held, sweep.alike
    bit = 1 << slot
    label, end = operations[op * ACTION + LABEL], operations[op * ACTION + END]
    earlier = 0
    rest = sweep.now[PENDING]
    while rest:
        low = rest & -rest
        rest ^= low
        place = place_of(low)
        other = held[place] * ACTION
        if operations[other + LABEL] == label:
            if operations[other + END] < end:
                earlier |= low
            else:
                alike[place] |= bit
    held[slot] = op
    alike[slot] = earlier
    sweep.slots[op] = slot
    sweep.now[PENDING] |= bit
    if operations[op * ACTION + DOES] == READ:
        sweep.targets[op] = read_as(sweep.acting, operations[op * ACTION + VALUE])


def leave(sweep: Sweep, slot: int) -> None:
    """An operation that ended is pending no more."""
    keep = ~(1 << slot)
    sweep.now[PENDING] &= keep
    rest = sweep.now[PENDING]
    while rest:
        low = rest & -rest
        rest ^= low
        sweep.alike[place_of(low)] &= keep


def idle(sweep: Sweep, state: int, among: int) -> int:
    """Which of some pending operations leave a state as it is; `ASKED` if a step is missing."""
    result = 0
    missing = False
    while among:
        low = among & -among
        among ^= low
        op = sweep.held[place_of(low)]
        answer = keeps(sweep.acting, op, sweep.targets[op], state)
        if answer == ASKED:
            missing = True
        elif answer:
            result |= low
    return ASKED if missing else result


def fits(sweep: Sweep, op: int, used: int) -> bool:
    """Whether a dequeue can take what an operation puts in next, where these are used."""
    now, due, held = sweep.now, sweep.due, sweep.held
    operations = sweep.acting.operations
    first, last = sweep.due_bounds[now[KEY]], sweep.due_bounds[now[KEY] + 1]
    if first == last:
        return True
    number = now[PUT_IN]
    while used:
        low = used & -used
        used ^= low
        number += operations[held[place_of(low)] * ACTION + DOES] == PUT
    value = operations[op * ACTION + VALUE]
    fitting = number >= last - first
    for place in range(first, last):
        record = place * DUE
        if due[record + DUE_VALUE] == value:
            fitting |= due[record + DUE_FIRST] <= number <= due[record + DUE_LAST]
    return fitting  # type: ignore[no-any-return]


def expand(sweep: Sweep, which: int, goal: int) -> int:
    """Use each operation that may come next in a configuration; `WAITS`, `GIVEN_UP` or `TO_DO`."""
    now, seen, acting = sweep.now, sweep.seen, sweep.acting
    state = seen[CONFIGURATION * which]
    used = seen[CONFIGURATION * which + 1]
    free = seen[CONFIGURATION * which + 2]
    observes = acting.operations[sweep.held[place_of(goal)] * ACTION + OBSERVES]
    result = TO_DO
    rest = now[PENDING] & ~used
    while rest:
        low = rest & -rest
        rest ^= low
        slot = place_of(low)
        op = sweep.held[slot]
        open_ = sweep.alike[slot] & ~used
        if open_ and (free & low or open_ & ~free):
            continue
        if acting.operations[op * ACTION + DOES] == PUT and not fits(sweep, op, used):
            continue
        for choice in range(choices(acting, op, state)):
            after = step(acting, op, state, choice)
            if after == FULL:
                return GIVEN_UP
            if after == NO_STEP:
                continue
            all_used = used | low
            more = ASKED
            if after != ASKED:
                more = idle(sweep, after, now[PENDING] & ~(all_used | free))
            if more == ASKED:
                # What else is not known yet is asked for at the same time.
                result = WAITS
                continue
            all_free = (free | more) & ~all_used
            if low == goal or all_free & ~free & goal:
                now[FOUND] = add(sweep.found, now[FOUND], after, all_used & ~goal, all_free & ~goal)
            if low != goal and not (observes and all_free & goal):
                now[SEEN] = add(seen, now[SEEN], after, all_used, all_free)
            now[STEPS] += 1 + (now[FOUND] + now[SEEN]) // 8
            if now[SEEN] > ROOM or now[FOUND] > ROOM:
                return GIVEN_UP
    return result


def finish(sweep: Sweep, op: int) -> int:
    """An operation ends: it was used, or is free, or must be used now, with the help of others."""
    now, front, found, seen = sweep.now, sweep.front, sweep.found, sweep.seen
    slot = sweep.slots[op]
    goal = 1 << slot
    observes = sweep.acting.operations[op * ACTION + OBSERVES]
    now[FOUND] = 0
    now[SEEN] = 0
    for c in range(now[FRONT]):
        record = CONFIGURATION * c
        state, used, free = front[record], front[record + 1], front[record + 2]
        if (used | free) & goal:
            now[FOUND] = add(found, now[FOUND], state, used & ~goal, free & ~goal)
        if not used & goal and not (observes and free & goal):
            now[SEEN] = add(seen, now[SEEN], state, used, free)
    result = TO_DO
    which = 0
    while which < now[SEEN]:
        if seen[CONFIGURATION * which + 1] != DROPPED:
            answer = expand(sweep, which, goal)
            if answer == GIVEN_UP:
                return GIVEN_UP
            result = max(result, answer)
        which += 1
    leave(sweep, slot)
    now[PUT_IN] += sweep.acting.operations[op * ACTION + DOES] == PUT
    now[FRONT] = 0
    for i in range(now[FOUND]):
        if found[CONFIGURATION * i + 1] == DROPPED:
            continue
        for field in range(CONFIGURATION):
            front[CONFIGURATION * now[FRONT] + field] = found[CONFIGURATION * i + field]
        now[FRONT] += 1
    return result if now[FRONT] or result == WAITS else WRONG


def invoke(sweep: Sweep, op: int) -> int:
    """An operation begins: it is free where it changes nothing, an obligation elsewhere."""
    now, front = sweep.now, sweep.front
    slot = 0
    pending = now[PENDING]
    while pending & 1:
        pending >>= 1
        slot += 1
    if slot >= BITS:
        return GIVEN_UP
    enter(sweep, op, slot)
    if sweep.targets[op] == FULL:
        return GIVEN_UP
    missing = False
    for c in range(now[FRONT]):
        free = 1
        if not sweep.acting.operations[op * ACTION + CRASHED]:
            free = keeps(sweep.acting, op, sweep.targets[op], front[CONFIGURATION * c])
        if free == ASKED:
            missing = True
        elif free:
            front[CONFIGURATION * c + 2] |= 1 << slot
    return WAITS if missing else TO_DO


def judge(sweep: Sweep, key: int, most: int) -> int:
    """What becomes of a key within that many steps."""
    now, acting, begins = sweep.now, sweep.acting, sweep.begins
    clear(acting.nodes, acting.places, acting.count)
    state = begins[0]
    for place in range(1, len(begins)):
        state = child(acting.nodes, acting.places, acting.count, state, begins[place])
    now[PENDING] = 0
    now[PUT_IN] = len(begins) - 1
    now[FRONT] = 1
    sweep.front[0] = state
    sweep.front[1] = 0
    sweep.front[2] = 0
    stop = now[STEPS] + most
    for place in range(sweep.bounds[key], sweep.bounds[key + 1]):
        event = sweep.events[place]
        answer = finish(sweep, event >> 1) if event & 1 else invoke(sweep, event >> 1)
        now[STEPS] += 1
        if answer != TO_DO:
            return answer
        if now[STEPS] > stop:
            return GIVEN_UP
    return CLEAN


def run(sweep: Sweep, budget: int, most: int, each: int) -> bool:
    """Judge keys until all were looked at, which is true then, or for about `budget` steps.

    A key is given up after `most` steps, and `each` more for each of its events.
    """
    now, verdicts, bounds = sweep.now, sweep.verdicts, sweep.bounds
    stop = now[STEPS] + budget
    while now[KEY] < len(verdicts):
        key = now[KEY]
        if verdicts[key] in (TO_DO, WAITS):
            verdicts[key] = judge(sweep, key, most + each * (bounds[key + 1] - bounds[key]))
        now[KEY] += 1
        if now[STEPS] > stop:
            return False
    return True
