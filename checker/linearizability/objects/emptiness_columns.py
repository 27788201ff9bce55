"""When the queues of all keys may have been empty, on columns: the conditions of `emptiness`."""

from dataclasses import dataclass

import numpy as np

from checker.columns import Ints
from checker.linearizability.objects.codes import LOW, Mask, code
from checker.linearizability.registers.chains import LATE

ROUNDS = 100
"""How often a dequeue that found its queue empty may move to a later moment before it is left to
the rule for one key."""


@dataclass(frozen=True, eq=False)
class Values:
    """One row a value that came for certain: its key, from where to where it was `inside` for
    certain, which is not until the end where it was `taken` by an answered dequeue."""

    key: Ints
    inside: Ints
    leaves: Ints
    taken: Mask


def never_empty(
    values: Values, unanswered: Ints, key: Ints, call: Ints, ret: Ints
) -> tuple[Mask, Mask]:
    """Which dequeues from `call` to `ret` cannot have found the queue of their key empty, and of
    which that was not found out.

    `unanswered` are the codes of the keys and beginnings of dequeues without an answer, sorted.
    """
    starts, ends = _runs(values)
    came = np.sort(code(values.key, values.inside)[~values.taken])
    moment = call
    for _ in range(ROUNDS):
        here = code(key, moment)
        helpers = np.searchsorted(unanswered, here, side="right")
        helped = helpers - np.searchsorted(unanswered, key << 32)
        others = np.searchsorted(came, here) - np.searchsorted(came, key << 32)
        helper = np.append(unanswered, -1)[helpers]
        after = np.where(helper >> 32 == key, helper & LOW, LATE)
        run = np.searchsorted(starts, here) - 1
        begun = np.append(starts, -1)[run] >> 32 == key
        end = np.append(ends, -1)[run]
        until = np.where(begun & (end > here), end & LOW, moment)
        # Beyond the end of the dequeue all moments are the same.
        later = np.minimum(np.where(others > helped, after, until), ret + 1)
        moved = later != moment
        moment = later
        if not moved.any():
            break
    return moment > ret, moved & (moment <= ret)


def _runs(values: Values) -> tuple[Ints, Ints]:
    """Where some value that was taken is inside all the time: the codes of beginnings and ends."""
    some = values.taken & (values.inside < values.leaves)
    codes = code(values.key, values.inside)[some]
    order = np.argsort(codes)
    starts = codes[order]
    reach = np.maximum.accumulate(code(values.key, values.leaves)[some][order])
    if not len(starts):
        return starts, reach
    # A run of values that overlap ends where the next one begins after all have left.
    fresh = np.append(True, starts[1:] > reach[:-1])
    return starts[fresh], reach[np.append(np.flatnonzero(fresh)[1:] - 1, len(starts) - 1)]
