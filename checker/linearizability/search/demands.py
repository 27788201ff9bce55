"""What answers demand: that one of the few operations which could have led to each has happened.

An answer that is impossible at first has its *givers*: the operations that change the first state
into one where it is possible. Once all of them are used and it is impossible all the same, it is
*lost*: what they gave was taken away too early, as an entry is that a cache pushed out. That need
not be so, since in other states other operations may lead to the answer. So a search that leaves
out whatever loses an answer finds orders quickly, often at once, but proves nothing where it finds
none.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from checker.linearizability.search.depth_memory import (
    DEMAND,
    DEMAND_GIVERS,
    DEMAND_LABEL,
    DEMAND_OWED,
    END,
    FREE,
    STATE,
    USED,
    Depth,
    known_step,
)
from checker.linearizability.search.problem import Problem
from checker.linearizability.search.window import NO_STEP, UNKNOWN_STEP

EARLIER = 32
"""How many operations that changed the state, and ended before the one that was answered, may be
givers; and all those that overlap it."""

MOST_NEAR = 256
"""With more operations beside it, an answer demands nothing: too much would have to be asked."""

MOST_GIVERS = 4
"""An answer with more givers demands nothing: it is likely that there are others yet."""

ASKING = 0.05
"""The share of the time that is left which looking for givers may take."""


class Demands(NamedTuple):
    """The demands of all ends, as `Depth` has them: `at` says where those of each end begin."""

    at: Any
    records: Any


def loses(memory: Depth) -> int:
    """1 where an answer is lost in the new configuration, else 0; -1 where a step is unknown."""
    reg, demands = memory.reg, memory.demands
    one = 0
    known = True
    for place in range(memory.demands_at[reg[END]], memory.demands_at[reg[END] + 1]):
        at = place * DEMAND
        if demands[at + DEMAND_GIVERS] & ~reg[USED]:
            continue
        if demands[at + DEMAND_OWED] & (reg[USED] | reg[FREE]):
            continue
        after = known_step(memory, reg[STATE], demands[at + DEMAND_LABEL])
        known &= after != UNKNOWN_STEP
        if after == NO_STEP:
            one = 1
    return one if known else -1


def no_demands(ends: int) -> Demands:
    """No demand at any of that many ends."""
    return Demands(np.zeros(ends + 1, np.int64), np.zeros(0, np.int64))


def demands_of(problem: Problem, bits: Any, most_bytes: int) -> Demands:
    """What the answers of a problem demand; nothing where that would take more memory.

    `bits` are those that stand for the operations while they are pending. An answer demands
    something from the moment when all its givers have begun until its operation ends.
    """
    ends = sum(event & 1 for event in problem.events)
    begun, ended = _lasting(problem, ends)
    room = [-1] * MOST_GIVERS
    found = [(op, *(givers + room)[:MOST_GIVERS]) for op, givers in _givers(problem, ended < ends)]
    if not found:
        return no_demands(ends)
    op, *givers = np.array(found, np.int64).T
    first = np.max([begun[giver] * (giver >= 0) for giver in givers], axis=0)
    lengths = ended[op] - first + 1
    if 8 * (DEMAND + 4) * lengths.sum() > most_bytes:
        return no_demands(ends)
    which = np.repeat(np.arange(len(op)), lengths)
    end = np.arange(len(which)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + first[which]
    order = np.argsort(end, kind="stable")
    which, end = which[order], end[order]
    records = np.zeros((len(which), DEMAND), np.int64)
    records[:, DEMAND_LABEL] = np.asarray(problem.labels, np.int64)[op[which]]
    records[:, DEMAND_OWED] = np.where(begun[op[which]] <= end, bits[op[which]], 0)
    for giver in givers:
        pending = (giver[which] >= 0) & (ended[giver[which]] >= end)
        records[:, DEMAND_GIVERS] |= np.where(pending, bits[giver[which]], 0)
    return Demands(np.searchsorted(end, np.arange(ends + 1)), records.reshape(-1))


def _lasting(problem: Problem, ends: int) -> tuple[Any, Any]:
    """Of each operation the first end before which it is pending, and the last, which is its own;
    without an end of its own, one more than there are."""
    begun, ended = np.zeros(problem.count, np.int64), np.full(problem.count, ends)
    passed = 0
    for event in problem.events:
        if event & 1:
            ended[event >> 1] = passed
            passed += 1
        else:
            begun[event >> 1] = passed
    return begun, ended


def _givers(problem: Problem, ended: Any) -> Iterator[tuple[int, list[int]]]:
    """Each operation whose answer demands something, with its givers, as far as time allows."""
    steps, labels, initial = problem.steps, problem.labels, problem.initial
    assert steps is not None
    now = time.monotonic()
    stop = now + ASKING * (steps.until - now)
    first: list[int] = []
    for label in range(len(steps.labels)):
        if time.monotonic() > stop:
            return
        first.append(steps.step(initial, label))
    changing = [first[label] not in (NO_STEP, initial) for label in labels]
    owed = [
        first[label] == NO_STEP and ends and not free
        for label, ends, free in zip(labels, ended.tolist(), problem.supposed, strict=True)
    ]
    for op, near in _near(problem, owed, changing):
        if time.monotonic() > stop:
            return
        answer = labels[op]
        givers = [giver for giver in near if steps.step(first[labels[giver]], answer) != NO_STEP]
        if 0 < len(givers) <= MOST_GIVERS:
            yield op, givers


def _near(
    problem: Problem, owed: Sequence[bool], changing: Sequence[bool]
) -> Iterator[tuple[int, list[int]]]:
    """Each operation that is owed, as it ends, with the changing ones that may come just before."""
    near: dict[int, list[int]] = {}
    pending: dict[int, None] = {}
    over: deque[int] = deque(maxlen=EARLIER)
    for event in problem.events:
        op = event >> 1
        if event & 1:
            if changing[op]:
                del pending[op]
                over.append(op)
            if op in near:
                yield op, near.pop(op)
        else:
            if changing[op]:
                for other in [other for other in near if len(near[other]) == MOST_NEAR]:
                    del near[other]
                for those in near.values():
                    those.append(op)
                pending[op] = None
            if owed[op]:
                near[op] = [*over, *pending]
