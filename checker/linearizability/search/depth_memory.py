"""What the search depth first keeps while it is compiled: flat arrays, by the names of this module.

Also the table of the steps that are known; those that are not are asked for.
"""

from typing import Any, NamedTuple

from checker.linearizability.search.window import NO_STEP, UNKNOWN_STEP

# The scalars of a search that is under way. `BY` is what leads to the configuration that `END` to
# `FREE` say, which is looked at next; `NOTHING` where there is none. `LEFT_OUT` says how many were
# not tried since they lose an answer.
(
    END, STATE, USED, FREE, BY, FRAMES, CACHED, STEPS, FARTHEST, KNOWN, LABELS, ASKED, SURE,
    LEFT_OUT, SCALARS,
) = range(15)  # fmt: skip

PASS, NOTHING = -1, -2

# A frame is a configuration on the way: as above, with the place in its window of the operation to
# try next, and which round that is: the promising ones come first.
FRAME_END, FRAME_STATE, FRAME_USED, FRAME_FREE, FRAME_BY, FRAME_NEXT, FRAME_ROUND, FRAME = range(8)
PASSING, FIRST_ROUND, LAST_ROUND, AHEAD, REST, RANKED = range(6)

# A step that is asked for: the state, the label, and what the answer is.
ASKED_STATE, ASKED_LABEL, ANSWER, ASK = range(4)

# What an answer demands: its label, the bits of its givers that are pending, and that of itself.
DEMAND_LABEL, DEMAND_GIVERS, DEMAND_OWED, DEMAND = range(4)

# An entry of the cache: a configuration that was tried, and the entry before with the same hash.
ENTRY_END, ENTRY_STATE, ENTRY_USED, ENTRY_FREE, ENTRY_SURE, ENTRY_NEXT, ENTRY = range(7)

LOOKS = 8
"""How many looks at other configurations are worth one step."""

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
    - `partial`: which labels were found to be impossible in some state;
    - `steps`: a table of the known steps, pairs of state and label in one number, and what follows;
    - `asked`: the steps that are asked for;
    - `cache`, `heads`: the configurations that were tried, as lists by hash;
    - `frames`: the way to the present configuration;
    - `ranked`: of each frame the places in its window of what may come next, the best first, and
      how bad each of them is;
    - `demands_at`: where the demands of each end begin; `demands`: these (see `demands`), if what
      does not meet them is left out.
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
    partial: Any
    steps: Any
    asked: Any
    cache: Any
    heads: Any
    frames: Any
    ranked: Any
    demands_at: Any
    demands: Any


def place_of(key: int, size: int) -> int:
    """Where a key belongs in a table of `size` places, a power of two."""
    mixed = (key ^ (key >> 29)) * SHUFFLE
    return (mixed ^ (mixed >> 32)) & (size - 1)


def ask(memory: Depth, state: int, label: int) -> None:
    """Ask for a step, unless that is done or there is no room to ask for one more."""
    reg, asked = memory.reg, memory.asked
    last = reg[ASKED] * ASK
    for at in range(0, last, ASK):
        if asked[at + ASKED_STATE] == state and asked[at + ASKED_LABEL] == label:
            return
    if last < len(asked):
        asked[last + ASKED_STATE] = state
        asked[last + ASKED_LABEL] = label
        reg[ASKED] += 1


def known_step(memory: Depth, state: int, label: int) -> int:
    """What follows; `UNKNOWN_STEP` where that is not known, and asked for if there is room."""
    reg, steps = memory.reg, memory.steps
    key = state * reg[LABELS] + label
    size = len(steps) >> 1
    place = place_of(key, size)
    while steps[2 * place] != key:
        if steps[2 * place] < 0:
            ask(memory, state, label)
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
    if after == NO_STEP:
        memory.partial[label] = 1


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
