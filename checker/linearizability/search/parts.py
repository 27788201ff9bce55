"""Tries the parts of a problem, one after the other, in one call: the outer loop of `narrow`."""

from typing import Any

from checker.linearizability.search.narrow import (
    COUNT,
    EVENT,
    HELD,
    LARGEST,
    NARROW,
    NARROWEST,
    NOW,
    PENDING,
    WIDTH,
    Narrow,
    leave,
    low_place,
    run,
)
from checker.linearizability.search.window import BITS, FINISHED, LOG_FULL, NO_TRAIL, PAUSED


def begin(memory: Narrow, event: int, initial: int) -> None:
    """Begin a part, at its first event and in its first state."""
    now, front = memory.now, memory.front
    for name in range(NOW):
        now[name] = 0
    now[EVENT] = event
    now[WIDTH] = NARROWEST
    now[NARROW] = NARROWEST
    now[COUNT] = 1
    front[0] = initial
    front[1] = 0
    front[2] = 0
    front[3] = NO_TRAIL


def clean(memory: Narrow) -> None:
    """Leave nothing of this part in the memory that the next one will use."""
    now, held, places = memory.now, memory.held, memory.places
    while now[PENDING]:
        leave(memory, held[HELD * low_place(now[PENDING] & -now[PENDING], places) + 2])


def tell(memory: Narrow, part: int) -> None:
    """Copy from the log, the last one first, what was used up to the end of a part."""
    log, order, told = memory.log, memory.order, memory.told
    if not len(log):
        return
    entry, place = memory.front[3], told[part]
    while entry != NO_TRAIL:
        order[2 * place] = log[3 * entry + 1]
        order[2 * place + 1] = log[3 * entry + 2]
        entry = log[3 * entry]
        place += 1
    told[part + 1] = place


def several(
    memory: Narrow, bounds: Any, widths: Any, initial: int, parts: Any, proven: Any, budget: int
) -> int:
    """Try the parts from `parts[0]` up to `parts[1]`; go on after a pause by calling again.

    `proven` notes how large the front was where an order was found, else 0. `parts[2]` says whether
    a part is under way; it pauses where that one takes more than about `budget` steps.
    """
    while parts[0] < parts[1]:
        part = parts[0]
        memory.told[part + 1] = memory.told[part]
        if not parts[2] and widths[part] <= BITS:
            begin(memory, bounds[part], initial)
            parts[2] = 1
        if parts[2]:
            answer = run(memory, bounds[part + 1], budget)
            if answer in (PAUSED, LOG_FULL):
                return answer
            if answer == FINISHED:
                proven[part] = max(1, memory.now[LARGEST])
                tell(memory, part)
            clean(memory)
            parts[2] = 0
        parts[0] += 1
    return FINISHED
